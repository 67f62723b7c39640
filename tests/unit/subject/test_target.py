"""The --impl language: what it finds, what it says of what it does not find."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from twilio_conformance.errors import UsageError
from twilio_conformance.subject.target import Implementation, parse, resolve

REFERENCE = "from twilio_reference import TwilioFrameSerializer\n"

Find = Callable[..., Implementation]


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Find]:
    """Finds what --impl names in a module with this source; `{module}` stands for the module's name."""
    known = set(sys.modules)
    name = f"mine_{uuid4().hex}"

    def find(source: str, impl: str = "{module}") -> Implementation:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return resolve(parse(impl.format(module=name)))

    yield find
    for module in set(sys.modules) - known:
        if module.startswith("mine_"):
            del sys.modules[module]


@pytest.mark.parametrize(
    ("spec", "module", "attribute"),
    [("a", "a", None), ("a.b.c", "a.b.c", None), ("a.b:C", "a.b", "C"), (" a:make ", "a", "make")],
)
def test_a_specification_is_a_module_or_a_module_and_a_name(
    spec: str, module: str, attribute: str | None
) -> None:
    target = parse(spec)
    assert (target.module, target.attribute) == (module, attribute)


@pytest.mark.parametrize("spec", ["", ":", "a:", ":C", "a..b", "./a.py", "a b", "a:b:c", "a-b", "a:b.c", "3"])
def test_anything_else_is_refused_with_an_example(spec: str) -> None:
    with pytest.raises(UsageError, match=r"expected `package.module`.*--impl=pipecat.serializers.twilio"):
        parse(spec)


class TestWhatIsFound:
    def test_the_class_of_the_usual_name_comes_first(self, find: Find) -> None:
        found = find(REFERENCE + "class Other(TwilioFrameSerializer): ...\n")
        assert (found.construct.__name__, found.is_class) == ("TwilioFrameSerializer", True)

    def test_else_the_only_serializer_that_the_module_defines(self, find: Find) -> None:
        source = "from twilio_reference import TwilioFrameSerializer as Base\nclass Mine(Base): ...\n"
        assert find(source).construct.__name__ == "Mine"

    def test_else_the_only_one_that_it_imports(self, find: Find) -> None:
        found = find("from twilio_reference import TwilioFrameSerializer as Mine\n")
        assert found.construct.__name__ == "TwilioFrameSerializer"

    def test_a_class_is_named_by_where_it_is_defined(self, find: Find) -> None:
        assert find(REFERENCE).name == "twilio_reference.serializer:TwilioFrameSerializer"

    def test_a_named_factory_is_called_as_the_class_is(self, find: Find) -> None:
        found = find(REFERENCE + "def make(**named): return TwilioFrameSerializer(**named)", "{module}:make")
        assert (found.is_class, found.name.partition(":")[2]) == (False, "make")

    def test_a_class_that_delegates_has_its_methods_once_it_is_constructed(self, find: Find) -> None:
        wrapper = "class TwilioFrameSerializer:\n    def __getattr__(self, name): ...\n"
        assert find(wrapper, "{module}:TwilioFrameSerializer").name.endswith(":TwilioFrameSerializer")

    def test_a_partial_is_named_as_impl_names_it(self, find: Find) -> None:
        source = REFERENCE + "import functools\nmake = functools.partial(TwilioFrameSerializer)"
        found = find(source, "{module}:make")
        assert found.name == f"{found.target.module}:make"

    def test_the_version_is_that_of_the_distribution(self) -> None:
        assert resolve(parse("pipecat.serializers.twilio")).version is not None

    def test_a_module_of_no_distribution_has_no_version(self, find: Find) -> None:
        source = REFERENCE + "def make(): ..."
        assert find(source, "{module}:make").version is None


class TestInputParams:
    @pytest.mark.parametrize(
        "source",
        [
            "make = TwilioFrameSerializer",
            "def make() -> TwilioFrameSerializer: ...",
            "def make() -> 'TwilioFrameSerializer': ...",
            "def make(): ...",
            "def make(): ...\ndel TwilioFrameSerializer\nfrom twilio_reference import TwilioFrameSerializer as T",
        ],
        ids=["a class", "annotated", "annotated in quotes", "beside the class", "beside another class"],
    )
    def test_are_found_beside_the_implementation(self, find: Find, source: str) -> None:
        from twilio_reference import TwilioFrameSerializer

        assert find(REFERENCE + source, "{module}:make").input_params is TwilioFrameSerializer.InputParams

    def test_may_be_missing(self, find: Find) -> None:
        assert find("def make(): ...", "{module}:make").input_params is None


class TestCapabilities:
    @pytest.mark.parametrize(
        ("signature", "claimed"),
        [
            ("stream_sid", set()),
            ("stream_sid, base_url", {"base_url"}),
            ("stream_sid, *, api_key_sid, api_key_secret", {"api_key"}),
            ("stream_sid, api_key_sid", set()),
            ("**named", set()),
        ],
    )
    def test_are_claimed_by_the_signature(self, find: Find, signature: str, claimed: set[str]) -> None:
        assert find(f"def make({signature}): ...", "{module}:make").capabilities == claimed

    def test_are_claimed_by_an_attribute_rather_than_by_the_signature(self, find: Find) -> None:
        source = "def make(base_url): ...\nmake.conformance_capabilities = ['api_key']"
        assert find(source, "{module}:make").capabilities == {"api_key"}

    def test_of_a_callable_without_a_signature_are_none(self, find: Find) -> None:
        assert find("make = max", "{module}:make").capabilities == frozenset()

    def test_that_nobody_knows_are_refused(self, find: Find) -> None:
        source = "def make(): ...\nmake.conformance_capabilities = ['flight']"
        with pytest.raises(UsageError, match="names flight; known are base_url, api_key"):
            find(source, "{module}:make")


#: The source of a module, what --impl names, and what the message has to say.
NOT_FOUND = {
    "no such submodule": ("", "json.nowhere", "there is no module json.nowhere"),
    "a slip": ("def", "{module}", "SyntaxError"),
    "raises where": ("\n\nraise KeyError(3)", "{module}", r"KeyError: 3 \(.*py:3\)"),
    "raises nothing to say": ("raise ValueError", "{module}", r"ValueError \("),
    "raises an interrupt": ("raise KeyboardInterrupt", "{module}", "KeyboardInterrupt"),
    "needs more": ("import nobody.here", "{module}", "needs the module nobody, which is not installed"),
    "is empty": ("", "{module}", "neither a TwilioFrameSerializer nor another subclass"),
    "has several": (
        "from twilio_reference import TwilioFrameSerializer as T\nclass A(T): ...\nclass B(T): ...",
        "{module}",
        r"several serializers \(A, B\); name one: --impl=.*:A",
    ),
    "has no such name": (REFERENCE, "{module}:Other", "has no Other. It has TwilioFrameSerializer."),
    "has a number": ("number = 3", "{module}:number", "number is a int, not a class or factory"),
    "has None": ("nothing = None", "{module}:nothing", "has no nothing"),
    "claims a number": (
        "def make(): ...\nmake.conformance_capabilities = 3",
        "{module}:make",
        "cannot be examined: TypeError",
    ),
    "raises when looked at": (
        "def __getattr__(name): raise RuntimeError('hands off')",
        "{module}:make",
        "cannot be examined: RuntimeError: hands off",
    ),
}


@pytest.mark.parametrize("case", NOT_FOUND)
def test_what_cannot_be_had_is_said_in_one_sentence(find: Find, case: str) -> None:
    source, impl, sentence = NOT_FOUND[case]
    with pytest.raises(UsageError, match=sentence) as raised:
        find(source, impl)
    assert "--impl=" in str(raised.value)
    assert "\n" not in str(raised.value)
