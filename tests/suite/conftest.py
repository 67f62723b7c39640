"""The small suite, and hosts that have it installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.suite import miniature
from tests.suite.host import IMPLEMENTATIONS, REFERENCE, Host


@pytest.fixture(scope="session")
def small_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small suite, for those who leave it as it is."""
    return miniature.build(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def host(tmp_path: Path, small_suite: Path) -> Host:
    """An empty project of somebody who has the small suite installed."""
    return Host(tmp_path, [small_suite, REFERENCE, IMPLEMENTATIONS])


@pytest.fixture
def own_suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Host], Path]:
    """Gives a host a small suite of its own, to be damaged."""

    def give(host: Host) -> Path:
        folder = miniature.build(tmp_path_factory.mktemp("suite"))
        host.path[0] = folder
        return folder / miniature.PACKAGE.name

    return give
