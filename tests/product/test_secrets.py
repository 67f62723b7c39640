"""No secret of a run is in anything that the run leaves behind."""

from __future__ import annotations

import base64
from pathlib import Path

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE, Host
from tests.miniature import Json

#: With so many characters before it, a secret lies across the places where texts are cut.
PADDINGS = (0, 40, 100, 180, 280, 1980, 3980)
WAYS = (
    *(
        f"{way}.{padding}"
        for way in ("exception", "message", "json", "frame", "print")
        for padding in PADDINGS
    ),
    "log",
    "request",
    "exit",
)

#: Characters of a secret that may be seen by chance, or at a place where it is cut.
TOLERATED = 7


def _vector(way: str) -> Json:
    names = ("stream_sid", "call_sid", "account_sid", "auth_token", "api_key_sid", "api_key_secret")
    message = {"deserialize": {"json": {"event": "deed", "deed": way}}}
    nothing = {"requirement": "TFS-DEED-01", "returns": "nothing"}
    arguments: Json = {name: f"${{{name}}}" for name in names} | {"params": {"auto_hang_up": False}}
    return miniature.vector(f"deed/{way}", [message | {"expect": [nothing]}], **arguments)


def _pieces(secret: str) -> set[str]:
    """Every part of a secret that is long enough to matter, as it is and in other forms."""
    forms = [secret, secret.encode().hex()]
    forms += [base64.b64encode(bytes(shift) + secret.encode()).decode()[4:-4] for shift in range(3)]
    length = TOLERATED + 1
    return {form[start : start + length] for form in forms for start in range(len(form) - length)}


def test_no_part_of_a_secret_is_found_in_what_a_run_leaves_behind(tmp_path: Path) -> None:
    suite = miniature.build(tmp_path / "suite")
    miniature.write_vectors(suite, [*miniature.usual_vectors(), *map(_vector, WAYS)])
    seen = tmp_path / "seen"
    host = Host(tmp_path, [suite, REFERENCE, IMPLEMENTATIONS], {"SECRETS_SEEN": str(seen)})
    options = ("-vv", "-rA", "--tb=long", "--junitxml=junit.xml", "-o", "junit_logging=all")
    result = host.grade("leaky", *options, "-k", "TFS-DEED-01")
    left = {
        "terminal": result.text,
        "report": (tmp_path / "report.json").read_text(),
        "JUnit": (tmp_path / "junit.xml").read_text(),
    }
    secrets = seen.read_text().split()
    assert len(secrets) >= 2 * len(WAYS), (
        "a vector that fails among others is played again alone, with its own"
    )
    pieces = {piece for secret in secrets for piece in _pieces(secret)}
    for place, text in left.items():
        found = [text.index(piece) for piece in pieces if piece in text]
        assert not found, (place, [text[max(0, start - 100) : start + 60] for start in found[:5]])

    assert {result.check(f"deed/{way}")["status"] for way in WAYS} == {"fail"}
    assert "<auth_token>" in str(result.check("deed/exception.0")["actual"])
    assert "<api_key_secret>" in result.check("deed/print.0")["output"]
    assert "<auth_token>" in result.check("deed/exit")["output"]
    assert "/<auth_token>?token=<auth_token>" in str(result.check("deed/request")["trace"])
    assert "<account_sid:auth_token>" in left["report"]
