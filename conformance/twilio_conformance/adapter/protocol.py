"""The messages of the adapter protocol, of which spec/schemas/adapter.schema.json is the published form.

What a method of a serializer returns is read in `serializer`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from twilio_conformance.subject.frames import shorten

Json = dict[str, Any]

PROTOCOL = 1
"""The version of the protocol."""

LOG_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

_OUTCOMES = ("result", "raised", "error")

_Name = Annotated[str, Field(min_length=1)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Record(_Message):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    text: str


class _Raised(_Message):
    type: _Name
    message: str
    bases: list[str] = []


def _without_repetition(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name is repeated")
    return names


class _HelloResult(_Message):
    # Not Literal[1], which True equals.
    protocol: Annotated[int, Field(ge=PROTOCOL, le=PROTOCOL)]
    name: _Name
    version: str | None
    capabilities: Annotated[
        list[Literal["api_key", "base_url", "pipelining"]], AfterValidator(_without_repetition)
    ]


class _Response(_Message):
    # A member that is null is a mistake, one that is absent is not.
    id: Any
    logs: list[_Record] = []
    result: Any = None
    raised: _Raised = _Raised(type="-", message="")
    error: _Name = "-"


def mistake(op: str, response: Json) -> str | None:
    """Return what is wrong with the response to a request, as a clause about the adapter; None if it is valid."""
    if sum(name in response for name in _OUTCOMES) != 1 or response.keys() - _Response.model_fields.keys():
        return (
            f"answers {op} with the members {', '.join(sorted(response))}; wanted are id, one of"
            f" {', '.join(_OUTCOMES)}, and perhaps logs"
        )
    try:
        _Response.model_validate(response)
    except ValidationError as error:
        member, *place = error.errors()[0]["loc"]
        value = response[str(member)]
        if member == "logs":
            return f"reports a log record that is none: {shorten(value[place[0]] if place else value, 200)}"
        if member == "error":
            return f"answers {op} with an error that is no sentence: {shorten(value, 200)}"
        wrong = "an exception without type and message, or with bases that are no names"
        return f"answers {op} with {wrong}: {shorten(value, 200)}"
    if "raised" in response and op in ("hello", "close"):
        return f"answers {op} with an exception; it asks nothing of the implementation"
    if "result" in response and op in ("construct", "close") and response["result"] is not None:
        return f"answers {op} with the result {shorten(response['result'], 200)} where null is wanted"
    if "result" in response and op == "hello":
        try:
            _HelloResult.model_validate(response["result"])
        except ValidationError:
            return (
                f"answers hello with {shorten(response['result'], 200)} where capabilities, name, protocol,"
                f" version are wanted, of protocol {PROTOCOL} and of the capabilities api_key, base_url, pipelining"
            )
    return None
