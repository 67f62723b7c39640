"""Which class or factory is found, what is known of it, and what is said where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from twilio_conformance.errors import UsageError
from twilio_conformance.subject.resolution import resolve
from twilio_conformance.subject.target import Implementation, parse

REFERENCE = "from twilio_reference import TwilioFrameSerializer\n"
SUBCLASS = (
    "from twilio_reference import TwilioFrameSerializer as Base\nclass TwilioFrameSerializer(Base): ...\n"
)
FUTURE = "from __future__ import annotations\n"

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


@pytest.fixture
def own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restores the search path and forgets the modules that a test imported."""
    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for module in set(sys.modules) - known:
        if module.startswith("mine_"):
            del sys.modules[module]


class TestWhatIsFound:
    def test_the_class_of_the_usual_name_comes_first(self, find: Find) -> None:
        found = find(SUBCLASS + "class Other(TwilioFrameSerializer): ...\n")
        assert (found.construct.__name__, found.is_class) == ("TwilioFrameSerializer", True)
        assert found.name.startswith("mine_")

    def test_a_class_that_the_module_defines_beats_one_that_it_imports(self, find: Find) -> None:
        assert find(REFERENCE + "class Mine(TwilioFrameSerializer): ...\n").construct.__name__ == "Mine"

    def test_an_alias_is_not_a_second_serializer(self, find: Find) -> None:
        assert (
            find(REFERENCE + "class Mine(TwilioFrameSerializer): ...\nAlso = Mine\n").construct.__name__
            == "Mine"
        )

    def test_a_package_defines_what_its_modules_define(self) -> None:
        assert resolve(parse("twilio_reference")).name == "twilio_reference.serializer:TwilioFrameSerializer"

    def test_an_imported_class_is_taken_where_it_is_named(self, find: Find) -> None:
        assert (
            find(REFERENCE, "{module}:TwilioFrameSerializer").construct.__module__
            == "twilio_reference.serializer"
        )

    def test_a_class_within_a_class_is_named_by_its_path(self, find: Find) -> None:
        found = find(REFERENCE + "class A:\n    class B(TwilioFrameSerializer): ...\n", "{module}:A.B")
        assert found.name.endswith(":A.B")

    def test_the_file_that_defines_it_is_known(self, find: Find, tmp_path: Path) -> None:
        found = find(SUBCLASS)
        assert found.file is not None
        assert Path(found.file).parent == tmp_path

    def test_else_the_only_serializer_that_the_module_defines(self, find: Find) -> None:
        source = "from twilio_reference import TwilioFrameSerializer as Base\nclass Mine(Base): ...\n"
        assert find(source).construct.__name__ == "Mine"

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
            "def make(x: Nowhere = 0) -> 'TwilioFrameSerializer': ...",
        ],
        ids=["a class", "annotated", "in quotes", "beside the class", "beside another class", "one unknown"],
    )
    @pytest.mark.parametrize("imports", [REFERENCE, FUTURE + REFERENCE], ids=["", "annotations are strings"])
    def test_are_found_beside_the_implementation(self, find: Find, source: str, imports: str) -> None:
        from twilio_reference import TwilioFrameSerializer

        if "Nowhere" in source and not imports.startswith(FUTURE):
            imports += "Nowhere = int\n"
        assert find(imports + source, "{module}:make").input_params is TwilioFrameSerializer.InputParams

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
            ("stream_sid, **named", set()),
        ],
    )
    def test_are_claimed_by_the_signature(self, find: Find, signature: str, claimed: set[str]) -> None:
        assert find(f"def make({signature}): ...", "{module}:make").capabilities == claimed

    def test_are_those_of_the_class_that_keyword_arguments_reach(self, find: Find) -> None:
        source = REFERENCE + (
            "class Mine(TwilioFrameSerializer):\n"
            "    def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)\n"
        )
        assert find(source).capabilities == {"base_url", "api_key"}

    def test_are_not_those_of_a_class_that_is_not_reached(self, find: Find) -> None:
        source = REFERENCE + (
            "class Mine(TwilioFrameSerializer):\n    def __init__(self, stream_sid): super().__init__(stream_sid)\n"
        )
        assert find(source).capabilities == frozenset()

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
    "only imports one": (
        REFERENCE,
        "{module}",
        "defines no serializer; it only imports TwilioFrameSerializer from twilio_reference.serializer."
        r" To grade that one: --impl=mine_.*:TwilioFrameSerializer",
    ),
    "has it behind a dot": (
        SUBCLASS,
        "{module}.TwilioFrameSerializer",
        "Did you mean --impl=mine_.*:TwilioFrameSerializer?",
    ),
    "is async": ("async def make(): ...", "{module}:make", "make is an async function"),
    "has no such inner name": (
        REFERENCE,
        "{module}:TwilioFrameSerializer.Inner",
        "has no TwilioFrameSerializer.Inner",
    ),
    "is no file": ("", "nowhere/bot.py", "there is no file nowhere/bot.py"),
    "is no module's name": ("", __file__.replace("test_resolution.py", "no such.py"), "there is no file"),
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


class TestConstructors:
    TAKES_OTHERS = "class Mine(TwilioFrameSerializer):\n    def __init__(self, socket, sid): ...\n"

    def test_that_take_other_arguments_come_with_a_factory_to_write(self, find: Find) -> None:
        message = find(REFERENCE + self.TAKES_OTHERS).advice
        assert message is not None
        assert (
            "Mine(socket, sid) cannot be called with the documented arguments (stream_sid, call_sid"
            in message
        )
        assert "--impl=my_factory:make" in message
        factory = message.partition("\n\n")[2]
        lines = [line.removeprefix("    ") for line in factory.splitlines()]
        compile("\n".join(lines).replace("...", ""), "factory", "exec")

    @pytest.mark.parametrize(
        "signature", ["stream_sid", "stream_sid, call_sid=None, *, extra=0", "**all", "*a, **k"]
    )
    def test_that_can_be_called_in_any_documented_way_are_graded(self, find: Find, signature: str) -> None:
        source = f"class Mine(TwilioFrameSerializer):\n    def __init__(self, {signature}): ...\n"
        assert find(REFERENCE + source).advice is None


class TestFiles:
    def test_a_file_is_found_by_its_path(self, tmp_path: Path, own_modules: None) -> None:
        (tmp_path / "mine_file.py").write_text(SUBCLASS)
        found = resolve(parse(f"{tmp_path}/mine_file.py"))
        assert found.name == "mine_file:TwilioFrameSerializer"

    def test_a_file_of_a_package_keeps_its_relative_imports(self, tmp_path: Path, own_modules: None) -> None:
        package = tmp_path / "mine_package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "base.py").write_text(SUBCLASS)
        (package / "bot.py").write_text("from .base import TwilioFrameSerializer as B\nclass Bot(B): ...\n")
        assert resolve(parse(f"{package}/bot.py:Bot")).name == "mine_package.bot:Bot"

    def test_a_file_whose_name_another_module_has_is_refused(self, tmp_path: Path, own_modules: None) -> None:
        (tmp_path / "json.py").write_text(SUBCLASS)
        with pytest.raises(UsageError, match=r"the name json belongs to another module .*; rename the file"):
            resolve(parse(f"{tmp_path}/json.py"))

    def test_a_file_whose_name_is_no_identifier_is_refused(self, tmp_path: Path, own_modules: None) -> None:
        (tmp_path / "my-bot.py").write_text(SUBCLASS)
        with pytest.raises(UsageError, match="my-bot is not a module name"):
            resolve(parse(f"{tmp_path}/my-bot.py"))
