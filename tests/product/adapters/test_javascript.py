"""The serializer in JavaScript, and broken ones: each defect is found by the requirement that forbids it."""

from __future__ import annotations

import subprocess

import pytest

from tests.adapters import EXAMPLES, javascript, javascript_with
from twilio_conformance.spec.verdict import FAIL, PASS

DEFECTS = {
    "the clear message names another stream": (
        '{ event: "clear", streamSid: this.#stream }', '{ event: "clear", streamSid: "MZ0" }',
        "TFS-CLEAR-02", "clear/stream-sid-of-the-run"),
    "a message that is not JSON throws": (
        "return undefined; // neither UTF-8 nor JSON", 'throw new SyntaxError("no JSON");',
        "TFS-INPUT-01", "input/not-json-word"),
    "the hang-up is sent as JSON": (
        '"application/x-www-form-urlencoded"', '"application/json"',
        "TFS-HANGUP-05", "hangup/end-default"),
    "every terminal frame ends the call again": (
        "if (!(await this.#hangUp)) this.#hangUp = null;", "await this.#hangUp; this.#hangUp = null;",
        "TFS-HANGUP-10", "hangup/once-end-cancel"),
    "the host is the default one in every region": (
        "`https://api.${edge}.${region}.twilio.com`", '"https://api.twilio.com"',
        "TFS-HANGUP-08", "hangup/region-dublin-ie1"),
    "samples are written in network order": (
        "const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);",
        "const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).swap16();",
        "TFS-MEDIAIN-02", "media-in/decode-all"),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_by_the_requirement_that_forbids_it(grade, tmp_path, defect):
    before, after, requirement, vector = DEFECTS[defect]
    _, found = grade(javascript_with(tmp_path, "serializer.mjs", before, after), (requirement, vector))
    assert found[vector].outcomes[requirement].status == FAIL


def test_the_serializer_passes_its_own_tests():
    ran = subprocess.run(
        ["node", "--test", EXAMPLES / "javascript"], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout
    assert "# pass 0" not in ran.stdout


def test_the_serializer_hangs_up_over_real_tls(grade):
    wanted = [(requirement, "hangup/region-dublin-ie1") for requirement in ("TFS-HANGUP-08",)]
    executor, found = grade(javascript(), *wanted, ("TFS-HANGUP-15", "hangup/answer-failed-refused"))
    assert all(outcome.status == PASS for entry in found.values() for outcome in entry.outcomes.values())
    assert executor.implementation["network"] in ("namespace", "base_url")
