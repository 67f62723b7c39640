"""What is wrong with an adapter's response: what spec/schemas/adapter.schema.json says, in a sentence and at no cost.

The result of a method of a serializer is read in `stdio`.
"""

from __future__ import annotations

from typing import Any

from twilio_conformance.subject.frames import shorten

Json = dict[str, Any]

PROTOCOL = 1
"""The version of the protocol."""

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

CAPABILITIES = frozenset({"api_key", "base_url", "pipelining"})

_OUTCOMES = ("result", "raised", "error")
_HELLO = frozenset({"protocol", "name", "version", "capabilities"})


def mistake(op: str, response: Json) -> str | None:
    """What is wrong with the response to a request, as a clause about the adapter; None where nothing is.

    Args:
        op: What was asked.
        response: A JSON object with the request's id.
    """
    if sum(name in response for name in _OUTCOMES) != 1 or response.keys() - {"id", "logs", *_OUTCOMES}:
        return (
            f"answers {op} with the members {', '.join(sorted(response))}; wanted are id, one of"
            f" {', '.join(_OUTCOMES)}, and perhaps logs"
        )
    logs = response.get("logs", [])
    for record in logs if isinstance(logs, list) else [logs]:
        if not _is_record(record):
            return f"reports a log record that is none: {shorten(record, 200)}"
    if "raised" in response:
        if op in ("hello", "close"):
            return f"answers {op} with an exception; it asks nothing of the implementation"
        if not _is_exception(response["raised"]):
            told = shorten(response["raised"], 200)
            return f"answers {op} with an exception without type and message, or with bases that are no names: {told}"
    if "error" in response and not (isinstance(response["error"], str) and response["error"]):
        return f"answers {op} with an error that is no sentence: {shorten(response['error'], 200)}"
    if "result" in response:
        if op == "hello" and not _is_greeting(response["result"]):
            return (
                f"answers hello with {shorten(response['result'], 200)} where {', '.join(sorted(_HELLO))} are"
                f" wanted, of protocol {PROTOCOL} and of the capabilities {', '.join(sorted(CAPABILITIES))}"
            )
        if op in ("construct", "close") and response["result"] is not None:
            return f"answers {op} with the result {shorten(response['result'], 200)} where null is wanted"
    return None


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == {"level", "text"}
        and isinstance(record["level"], str)
        and record["level"] in LEVELS
        and isinstance(record["text"], str)
    )


def _is_exception(raised: Any) -> bool:
    return (
        isinstance(raised, dict)
        and raised.keys() - {"bases"} == {"type", "message"}
        and isinstance(raised["type"], str)
        and raised["type"] != ""
        and isinstance(raised["message"], str)
        and _are_names(raised.get("bases", []))
    )


def _is_greeting(result: Any) -> bool:
    return (
        isinstance(result, dict)
        and result.keys() == _HELLO
        and result["protocol"] == PROTOCOL
        and not isinstance(result["protocol"], bool)
        and isinstance(result["name"], str)
        and result["name"] != ""
        and (result["version"] is None or isinstance(result["version"], str))
        and _are_names(result["capabilities"])
        and CAPABILITIES.issuperset(result["capabilities"])
        and len(set(result["capabilities"])) == len(result["capabilities"])
    )


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
