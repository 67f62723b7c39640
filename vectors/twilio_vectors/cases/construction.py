"""Cases of the chapter Construction: which arguments build an instance, and which have to be refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from twilio_vectors.case import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CALL_SID,
    HANGING_UP,
    NO_HANG_UP,
    STREAM_SID,
    Case,
    Json,
    family,
    nothing,
    raises,
    requests,
    serialize,
    transport_message,
)

CREDENTIALS = {"call_sid": CALL_SID, "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
"""What a hang-up needs, by the names of the arguments."""

SUBSETS = [frozenset(chosen) for size in range(4) for chosen in combinations(CREDENTIALS, size)]

PAIR = {"region": "ie1", "edge": "dublin"}

KEY = {"api_key_sid": "${api_key_sid}", "api_key_secret": "${api_key_secret}"}

OFF = {"params": {"auto_hang_up": False}}

ENABLED: dict[str, Json] = {"default": {}, "explicit": {"params": {"auto_hang_up": True}}}
"""The two ways in which auto_hang_up is enabled."""

DOCUMENTED = "api.txt"

NOTHING: tuple[tuple[str, str, str | None, str], ...] = (
    ("null", "None", None, DOCUMENTED),
    (
        "empty",
        "an empty text",
        "",
        "api.txt; an empty text is no SID, no token and no name: Twilio answers an empty SID with 404, 20404 "
        "(https://www.twilio.com/docs/api/errors/20404), which reads as a call that has ended already, "
        "and its own client takes an empty region or edge for none",
    ),
)
"""The values that give nothing, as an unset environment variable does: name, words, value, source."""


@family("construction")
def named() -> Iterator[Case]:
    """Every documented argument, given by its name."""
    both = HANGING_UP | PAIR
    for name, text, arguments in (
        ("credentials", "The SIDs and the token, and no params.", HANGING_UP),
        ("credentials-explicit", "The SIDs, the token and auto_hang_up.", HANGING_UP | ENABLED["explicit"]),
        ("region-and-edge", "Region and edge beside the credentials, and no params.", both),
        ("all", "All seven documented arguments.", both | ENABLED["explicit"]),
        ("all-without-hang-up", "All seven documented arguments, with auto_hang_up disabled.", both | OFF),
        (
            "null",
            "Every optional argument but params is given as None.",
            NO_HANG_UP | dict.fromkeys([*CREDENTIALS, *PAIR]),
        ),
    ):
        yield _built(f"named-{name}", text, arguments, "TFS-CONSTRUCT-01")


@family("construction")
def without_hang_up() -> Iterator[Case]:
    """auto_hang_up disabled: no credential is needed, and any of them is accepted."""
    for subset in SUBSETS:
        for suffix, pair, also in (("", {}, ""), ("-pair", PAIR, ", region and edge")):
            yield _built(
                f"without-hang-up-{_joined(subset)}{suffix}",
                f"With auto_hang_up disabled, {_listed(subset)}{also} are given.",
                {"stream_sid": STREAM_SID, **_chosen(subset), **pair, **OFF},
                "TFS-CONSTRUCT-04",
            )


@family("construction")
def no_stream() -> Iterator[Case]:
    """A stream_sid that names no stream."""
    for word, what, value, _ in NOTHING:
        yield Case(
            name=f"stream-sid-{word}",
            text=f"stream_sid is {what}.",
            arguments={"stream_sid": value, **OFF},
            rate=None,
            construction=[raises("TFS-CONSTRUCT-15", "ValueError")],
            result="invalid",
            twin="without-hang-up-none",
            source="https://www.twilio.com/docs/voice/media-streams/websocket-messages: streamSid is required",
        )


@family("construction")
def unused_region_or_edge() -> Iterator[Case]:
    """auto_hang_up disabled and only one of region and edge: it may be refused and it may be ignored."""
    for given in PAIR:
        for subset in SUBSETS:
            yield Case(
                name=f"unused-{given}-{_joined(subset)}",
                text=f"With auto_hang_up disabled, {given} is given alone, beside {_listed(subset)}.",
                arguments={"stream_sid": STREAM_SID, **_chosen(subset), given: PAIR[given], **OFF},
                rate=None,
                construction=[raises("TFS-CONSTRUCT-09", ["ValueError", None])],
                result="acceptable",
                flags=("UnusedPair",),
                source=DOCUMENTED,
            )


@family("construction")
def missing_credentials() -> Iterator[Case]:
    """auto_hang_up enabled, by default or in so many words, and at least one credential absent."""
    places: dict[str, Json] = {"": {}, "-pair": PAIR} | {f"-{name}": {name: PAIR[name]} for name in PAIR}
    for subset in SUBSETS[:-1]:
        absent = frozenset(CREDENTIALS) - subset
        for switch, params in ENABLED.items():
            for suffix, place in places.items():
                yield _refused(
                    f"missing-{_joined(absent)}-{switch}{suffix}",
                    f"auto_hang_up is enabled ({switch}) and {_listed(absent)} are absent"
                    + (f"; {' and '.join(place)} given." if place else "."),
                    {"stream_sid": STREAM_SID, **_chosen(subset), **place, **params},
                    # One of the pair alone is wrong too, and the message may speak of that.
                    frozenset() if len(place) == 1 else absent,
                    twin=f"without-hang-up-{_joined(subset)}{suffix}" if len(place) != 1 else None,
                )


@family("construction")
def empty_credentials() -> Iterator[Case]:
    """A credential that is None or an empty text, as an unset environment variable gives, is missing."""
    for word, what, value, source in NOTHING:
        for name in CREDENTIALS:
            yield _refused(
                f"missing-{word}-{name.replace('_', '-')}",
                f"auto_hang_up is enabled and {name} is {what}.",
                HANGING_UP | {name: value},
                frozenset([name]),
                twin="named-credentials",
                source=source,
            )
        yield _refused(
            f"missing-{word}-all",
            f"auto_hang_up is enabled and every credential is {what}.",
            {"stream_sid": STREAM_SID} | dict.fromkeys(CREDENTIALS, value),
            frozenset(CREDENTIALS),
            source=source,
        )


@family("construction")
def credentials_of_the_environment() -> Iterator[Case]:
    """A credential is missing, and a variable of the environment has one."""
    variables = {
        "call_sid": ["TWILIO_CALL_SID"],
        "account_sid": ["TWILIO_ACCOUNT_SID"],
        "auth_token": ["TWILIO_AUTH_TOKEN", "TWILIO_TOKEN"],
    }
    for name in CREDENTIALS:
        yield Case(
            name=f"environment-without-{name.replace('_', '-')}",
            text=f"auto_hang_up is enabled and {name} is absent, while the environment has it.",
            arguments={key: value for key, value in HANGING_UP.items() if key != name},
            rate=None,
            environment={variable: CREDENTIALS[name] for variable in variables[name]},
            construction=[raises("TFS-CONSTRUCT-16", "ValueError")],
            result="invalid",
            twin="named-credentials",
            source=DOCUMENTED,
            since="2026.12",
        )


@family("construction")
def region_or_edge_alone() -> Iterator[Case]:
    """auto_hang_up enabled with all credentials and only one of region and edge."""
    for given, other in (("region", "edge"), ("edge", "region")):
        for switch, params in ENABLED.items():
            yield _refused_pair(
                f"{given}-alone-{switch}",
                f"{given} without {other}.",
                {given: PAIR[given], **params},
                twin="named-all" if params else "named-region-and-edge",
            )
        for word, what, value, source in NOTHING:
            yield _refused_pair(
                f"{given}-alone-{word}-{other}",
                f"{given}, and {other} as {what}.",
                {given: PAIR[given], other: value},
                twin="named-region-and-edge",
                source=source,
            )
    yield _refused_pair(
        "region-alone-us1",
        "region us1 without edge: Twilio would serve api.us1.twilio.com, but api.txt asks for the pair.",
        {"region": "us1"},
    )


@family("construction")
def no_params() -> Iterator[Case]:
    """Without params, what InputParams() says holds: hang-up is enabled, RTVI messages are ignored."""
    for name, text, arguments in (
        ("absent", "params is not given, and EndFrame hangs up.", HANGING_UP),
        ("empty", "params is InputParams() itself, and EndFrame hangs up.", HANGING_UP | {"params": {}}),
    ):
        yield Case(
            name=f"no-params-{name}",
            text=text,
            arguments=arguments,
            construction=[raises("TFS-CONSTRUCT-12", None)],
            steps=[serialize({"frame": "EndFrame"})],
            expect=[requests("TFS-CONSTRUCT-12", 1)],
            source=DOCUMENTED,
        )
    yield Case(
        name="no-params-without-credentials",
        text="params is not given and neither is a credential: hang-up is enabled, so this is refused.",
        arguments={"stream_sid": STREAM_SID},
        rate=None,
        construction=[raises("TFS-CONSTRUCT-12", "ValueError")],
        result="invalid",
        twin="without-hang-up-none",
        source=DOCUMENTED,
    )
    yield Case(
        name="no-params-rtvi",
        text="params is not given: an RTVI message is not for Twilio.",
        arguments=dict(HANGING_UP),
        steps=[
            serialize(
                transport_message({"label": "rtvi-ai", "type": "bot-ready", "id": "1", "data": {}}),
                nothing("TFS-CONSTRUCT-12"),
            )
        ],
        source=DOCUMENTED,
    )


@family("construction")
def api_key() -> Iterator[Case]:
    """An API key in place of the token: the pair is accepted, half of it is not."""
    keyed: Json = {"stream_sid": STREAM_SID, "call_sid": CALL_SID, "account_sid": ACCOUNT_SID}
    for name, text, arguments in (
        ("pair", "api_key_sid and api_key_secret in place of auth_token.", keyed | KEY),
        ("pair-region", "The pair with region and edge.", keyed | KEY | PAIR),
        ("pair-without-hang-up", "The pair with auto_hang_up disabled.", keyed | KEY | OFF),
    ):
        yield _built(f"api-key-{name}", text, arguments, "TFS-CONSTRUCT-13")
    for half, other in zip(KEY, reversed(KEY), strict=True):
        word = half.removeprefix("api_key_")
        for suffix, text, arguments, twin in (
            ("alone", f"{half} without {other}.", keyed | {half: KEY[half]}, "api-key-pair"),
            ("empty", f"{half} is an empty text beside {other}.", keyed | KEY | {half: ""}, "api-key-pair"),
            (
                "beside-token",
                f"{half} without {other}, beside auth_token.",
                HANGING_UP | {half: KEY[half]},
                "named-credentials",
            ),
        ):
            yield Case(
                name=f"api-key-{word}-{suffix}",
                text=f"auto_hang_up is enabled: {text}",
                arguments=arguments,
                rate=None,
                construction=[raises("TFS-CONSTRUCT-13", "ValueError")],
                result="invalid",
                twin=twin,
                source="pipecat-ai/pipecat PR 6270",
            )
        yield _either(
            f"api-key-{word}-without-hang-up",
            f"With auto_hang_up disabled, {half} is given without {other}.",
            keyed | {half: KEY[half]} | OFF,
            "UnusedHalfKey",
        )
    yield _either(
        "api-key-pair-beside-token",
        "The pair and auth_token are both given.",
        HANGING_UP | KEY,
        "TokenAndKey",
    )


def _built(name: str, text: str, arguments: Json, requirement: str) -> Case:
    """Construction that has to succeed; setup is left out, since it is not what is tested."""
    return Case(
        name=name,
        text=text,
        arguments=arguments,
        rate=None,
        construction=[raises(requirement, None)],
        source=DOCUMENTED,
    )


def _refused(
    name: str,
    text: str,
    arguments: Json,
    absent: frozenset[str],
    *,
    twin: str | None = None,
    source: str = DOCUMENTED,
) -> Case:
    """Construction that has to fail for want of credentials; the message should name those in `absent`."""
    named = [credential for credential in CREDENTIALS if credential in absent]
    return Case(
        name=name,
        text=text,
        arguments=arguments,
        rate=None,
        construction=[raises("TFS-CONSTRUCT-06", "ValueError")]
        + ([raises("TFS-CONSTRUCT-07", "ValueError", *named)] if named else []),
        result="invalid",
        twin=twin,
        source=source,
    )


def _refused_pair(
    name: str, text: str, changes: Json, *, twin: str | None = None, source: str = DOCUMENTED
) -> Case:
    """Construction that has to fail because region and edge are no pair."""
    return Case(
        name=name,
        text=f"auto_hang_up is enabled: {text}",
        arguments=HANGING_UP | changes,
        rate=None,
        construction=[raises("TFS-CONSTRUCT-08", "ValueError")],
        result="invalid",
        twin=twin,
        source=source,
    )


def _either(name: str, text: str, arguments: Json, flag: str) -> Case:
    """Construction that may succeed and may be refused."""
    return Case(
        name=name,
        text=text,
        arguments=arguments,
        rate=None,
        construction=[raises("TFS-CONSTRUCT-13", ["ValueError", None])],
        result="acceptable",
        flags=(flag,),
        source="pipecat-ai/pipecat PR 6270",
    )


def _chosen(subset: frozenset[str]) -> Json:
    return {name: value for name, value in CREDENTIALS.items() if name in subset}


def _joined(subset: frozenset[str]) -> str:
    return "-".join(name.partition("_")[0] for name in CREDENTIALS if name in subset) or "none"


def _listed(subset: frozenset[str]) -> str:
    return ", ".join(name for name in CREDENTIALS if name in subset) or "no credentials"
