"""Tests of construction without hang-up; with it: test_hangup.py."""

import inspect
from typing import Any

import pytest

from tests.product.reference.wire import SID
from twilio_reference import TwilioFrameSerializer

# Construction without hang-up (with it: test_hangup.py)


@pytest.mark.parametrize("sid", ["", None])
def test_an_empty_stream_sid_is_refused(sid: Any) -> None:
    with pytest.raises(ValueError, match="stream_sid"):
        TwilioFrameSerializer(sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))


def test_without_hang_up_nothing_else_is_needed_or_checked() -> None:
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
    TwilioFrameSerializer(SID, params=params)
    TwilioFrameSerializer(SID, region="ie1", base_url="nonsense", api_key_sid="SK1", params=params)


def test_arguments_come_in_the_documented_order_and_the_later_ones_by_name_only() -> None:
    parameters = inspect.signature(TwilioFrameSerializer).parameters.values()
    positional = [
        parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    by_name = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    assert positional == ["stream_sid", "call_sid", "account_sid", "auth_token", "region", "edge", "params"]
    assert by_name == ["base_url", "api_key_sid", "api_key_secret"]


def test_default_parameters_are_the_documented_ones() -> None:
    params = TwilioFrameSerializer.InputParams()
    assert (
        params.ignore_rtvi_messages,
        params.twilio_sample_rate,
        params.sample_rate,
        params.auto_hang_up,
    ) == (
        True,
        8000,
        None,
        True,
    )
