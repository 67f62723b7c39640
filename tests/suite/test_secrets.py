"""No secret of a run is in anything that the run leaves behind."""

from __future__ import annotations

import base64

import pytest

from tests.suite import miniature
from tests.suite.host import IMPLEMENTATIONS, REFERENCE, Host, Result
from tests.suite.miniature import Json

pytestmark = pytest.mark.xdist_group("the leaky implementation")

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


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, dict[str, str]]:
    """A run of an implementation that leaks in every way: all that it left behind, and the secrets."""
    suite = miniature.build(tmp_path_factory.mktemp("suite"))
    vectors = [*miniature.usual_vectors(), *map(_vector, WAYS)]
    miniature.write_vectors(suite, vectors)
    folder = tmp_path_factory.mktemp("host")
    seen = folder / "seen"
    host = Host(folder, [suite, REFERENCE, IMPLEMENTATIONS], {"SECRETS_SEEN": str(seen)})
    options = (
        "-vv",
        "-rA",
        "--tb=long",
        "--junitxml=junit.xml",
        "-o",
        "junit_logging=all",
        "-k",
        "TFS-DEED-01",
    )
    result = host.grade("leaky", *options)
    left = {
        "terminal": result.text,
        "report": (folder / "report.json").read_text(),
        "JUnit": (folder / "junit.xml").read_text(),
    }
    return result, left | {"secrets": seen.read_text()}


def _pieces(secret: str) -> set[str]:
    """Every part of a secret that is long enough to matter, as it is and in other forms."""
    forms = [secret, secret.encode().hex()]
    forms += [base64.b64encode(bytes(shift) + secret.encode()).decode()[4:-4] for shift in range(3)]
    length = TOLERATED + 1
    return {form[start : start + length] for form in forms for start in range(len(form) - length)}


@pytest.mark.parametrize("place", ["terminal", "report", "JUnit"])
def test_no_part_of_a_secret_is_found(leaked: tuple[Result, dict[str, str]], place: str) -> None:
    _, left = leaked
    secrets = left["secrets"].split()
    assert len(secrets) == 2 * len(WAYS)
    text = left[place]
    found = [text.index(piece) for secret in secrets for piece in _pieces(secret) if piece in text]
    assert not found, [text[max(0, place - 100) : place + 60] for place in found[:5]]


def test_the_report_names_what_was_there(leaked: tuple[Result, dict[str, str]]) -> None:
    result, left = leaked
    for way in WAYS:
        assert result.check(f"deed/{way}")["status"] == "fail"
    assert "<auth_token>" in str(result.check("deed/exception.0")["actual"])
    assert "<api_key_secret>" in result.check("deed/print.0")["output"]
    assert "<auth_token>" in result.check("deed/exit")["output"]
    assert "/<auth_token>?token=<auth_token>" in str(result.check("deed/request")["trace"])
    assert "<account_sid:auth_token>" in left["report"]
