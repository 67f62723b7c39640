"""The small suite, and hosts that have it installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE, Host
from tests.reports import make, real, saved  # noqa: F401


@pytest.fixture(scope="session")
def small_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small suite, for those who leave it as it is."""
    return miniature.build(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def host(tmp_path: Path, small_suite: Path) -> Host:
    """An empty project of somebody who has the small suite installed."""
    return Host(tmp_path, [small_suite, REFERENCE, IMPLEMENTATIONS])


@pytest.fixture
def own_suite(small_suite: Path, tmp_path: Path) -> Callable[[Host], Path]:
    """Gives a host a small suite of its own, to be damaged."""

    def give(host: Host) -> Path:
        # With what Python has compiled of it: most of what a run takes is that.
        host.path[0] = Path(shutil.copytree(small_suite, tmp_path / "suite of its own"))
        return host.path[0] / miniature.PACKAGE.name

    return give
