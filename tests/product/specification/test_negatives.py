"""What the schemas reject: each example with one change, and the reason."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.product.specification.data_negatives import DATA
from tests.product.specification.negatives import Negative, Schema
from tests.product.specification.observed_negatives import OBSERVED

AJV = Path(__file__).parent / "asyncapi"
INSTALL = "npm ci --ignore-scripts --prefix tests/spec/asyncapi"

Reasons = Callable[[str, object], set[tuple[str, str]]]


NEGATIVES = [*OBSERVED, *DATA]


@pytest.mark.parametrize(
    "negative", NEGATIVES, ids=lambda n: f"{n.schema}-{n.path}-{n.value!s:.20}-{n.keyword}"
)
def test_a_negative_is_rejected_for_its_reason_alone(
    schemas: dict[str, Schema], reasons: Reasons, negative: Negative
) -> None:
    found = reasons(negative.schema, negative.instance(schemas))
    if negative.keyword != "unevaluatedProperties":
        # A branch that fails evaluates nothing, so that this error follows from the other.
        found = {reason for reason in found if reason[0] != "unevaluatedProperties"}
    assert found == {(negative.keyword, negative.at)}


def test_every_schema_has_at_least_six_negatives(schemas: dict[str, Schema]) -> None:
    counts = {name: sum(negative.schema == name for negative in NEGATIVES) for name in schemas}
    assert min(counts.values()) >= 6, counts


def is_canonical_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


encoded = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())


@given(text=st.text("AQgw8+/=-_ \n\r\té", max_size=12) | encoded)
def test_a_payload_is_accepted_exactly_if_an_encoder_makes_it(schemas: dict[str, Schema], text: str) -> None:
    for name, empty in (("wire/media-inbound", True), ("wire/media-outbound", False)):
        payload = schemas[name]["properties"]["media"]["properties"]["payload"]
        assert Draft202012Validator(payload).is_valid(text) == (
            is_canonical_base64(text) and (empty or text != "")
        )


@given(count=st.integers(min_value=0, max_value=2**70))
def test_a_count_is_accepted_as_a_string_and_not_as_a_number(schemas: dict[str, Schema], count: int) -> None:
    media = schemas["wire/media-inbound"]["properties"]["media"]["properties"]
    for field, least in (("timestamp", 0), ("chunk", 1)):
        assert Draft202012Validator(media[field]).is_valid(str(count)) == (count >= least)
        assert not Draft202012Validator(media[field]).is_valid(count)


def test_a_second_validator_agrees_on_every_example_and_negative(schemas: dict[str, Schema]) -> None:
    if shutil.which("node") is None or not (AJV / "node_modules" / "ajv").is_dir():
        pytest.skip(f"Ajv is not installed; {INSTALL}")
    valid = [(schema["$id"], example) for schema in schemas.values() for example in schema["examples"]]
    invalid = [(schemas[negative.schema]["$id"], negative.instance(schemas)) for negative in NEGATIVES]
    run = subprocess.run(
        ["node", "schemas.mjs"],
        cwd=AJV,
        input=json.dumps({"schemas": list(schemas.values()), "instances": valid + invalid}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [True] * len(valid) + [False] * len(invalid)
