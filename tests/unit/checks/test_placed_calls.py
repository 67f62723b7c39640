"""Calls are placed only where the extra `live` is installed."""

from __future__ import annotations

import importlib.util

import pytest

from twilio_conformance.checks import _placed_calls
from twilio_conformance.errors import NotObservable


@pytest.mark.parametrize("absent", ["fastapi", "uvicorn"])
async def test_without_the_extra_nothing_passes(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else real(name))
    with pytest.raises(
        NotObservable, match=rf"{absent} not installed: pip install 'pipecat-twilio-conformance\[live\]'"
    ):
        async with _placed_calls.running_server():
            pass
