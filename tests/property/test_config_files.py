"""Whatever is in the file: a configuration, or a ConfigError that points into it and tells no secret."""

import dataclasses
import tomllib
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry import checks
from failberry.at import commands
from failberry.config import Cellular, Config, Firewall, Lan, Mode, Modem, PortForward, Ppp, Wired
from failberry.configfile import config_from_mapping, config_from_text, sample, show
from failberry.declarations import Declaration, Shape, declarations
from failberry.errors import ConfigError
from failberry.health import heartbeat
from failberry.tomlscan import key_lines
from failberry.tomltext import KeyPath

quick = settings(deadline=None, max_examples=50)

SECTIONS = [each for each in declarations(Config) if each.shape is not Shape.VALUE]
NAMES = sorted(
    {"mode", *(s.name for s in SECTIONS), *(d.name for s in SECTIONS for d in declarations(s.kind))}
)


def outcome(text: str) -> Config | ConfigError:
    """Load, and check what holds of every refusal."""
    try:
        return config_from_text(text, path="failberry.toml")
    except ConfigError as error:
        assert error.problems
        lines = text.count("\n") + 1
        for each in error.problems:
            assert each.line is None or 1 <= each.line <= lines
            assert each.problem
            assert each.hint
            assert str(each).isprintable()
            assert len(str(each)) < 500
        return error


# --- arbitrary text ---

fragments = st.sampled_from(
    [
        *(f"{name} = " for name in NAMES),
        *(f"[{each.name}]\n" for each in SECTIONS),
        *(
            '"',
            "'",
            '"""',
            "'''",
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            "=",
            ".",
            ",",
            "#",
            "\\",
            "\n",
            "\r\n",
            "\r",
            "é",
        ),
        *("true", "1", "-1", "1.5", "inf", "nan", f"0x{'f' * 5000}", "1979-05-27 07:32:00", '"eth0"', "[]"),
    ]
)
settings_lines = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(
        ['"eth0"', '"dual-wan-router"', '"443"', '["AT"]', "1", "-1.5", "nan", f"0x{'f' * 5000}", "{}", "''"]
    ),
).map(" = ".join)
headings = st.sampled_from([*(f"[{each.name}]" for each in SECTIONS), "[[port_forward]]", "[odd]"])


@quick
@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@quick
@given(
    st.lists(fragments, max_size=40).map("".join)
    | st.lists(settings_lines | headings, max_size=8).map("\n".join)
)
def test_any_text_that_looks_like_ours(text: str) -> None:
    outcome(text)


@quick
@given(st.integers(0, len(sample())), st.integers(0, 30), fragments)
def test_any_damage_to_the_sample(at: int, length: int, fragment: str) -> None:
    text = sample().replace("\n#", "\n")
    outcome(text[:at] + fragment + text[at + length :])


# --- arbitrary documents ---

keys = st.sampled_from(NAMES) | st.text(max_size=8)
scalars = (
    st.text(max_size=20)
    | st.booleans()
    | st.integers()
    | st.just(1 << 10_000)
    | st.floats()
    | st.datetimes()
    | st.dates()
    | st.times()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)


def likely(setting: Declaration) -> st.SearchStrategy[Any]:
    """Mostly a value of the right type; the example and the default among them."""
    known = [tomllib.loads(f"x = {setting.example}")["x"]] if setting.example else [setting.default]
    return st.sampled_from(known) | st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=2) | values


def table_of(kind: type) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={each.name: likely(each) for each in declarations(kind)}
    ).flatmap(lambda known: st.dictionaries(keys, values, max_size=1).map(lambda odd: {**odd, **known}))


documents = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from([*Mode]).map(str) | values,
        **{
            each.name: table_of(each.kind)
            if each.shape is not Shape.TABLES
            else st.lists(table_of(each.kind), max_size=3)
            for each in SECTIONS
        },
    },
)


@quick
@given(documents | st.dictionaries(keys, values))
def test_any_document(document: dict[str, Any]) -> None:
    try:
        config = config_from_mapping(document, path="")
    except ConfigError as error:
        assert str(error)
        assert all(each.line is None for each in error.problems)
    else:
        assert set(document) <= {each.name for each in dataclasses.fields(config)}


# --- what is shown loads again ---

interfaces = st.text("ab0.-", max_size=11)
configs = st.builds(
    Config,
    mode=st.just(Mode.DUAL_WAN_ROUTER),
    wired=st.builds(Wired, interface=interfaces.map("wan-{}".format)),
    lan=st.builds(Lan, interface=interfaces.map("lan-{}".format)),
    cellular=st.builds(
        Cellular,
        apn=st.from_regex(r"\A[a-z0-9.@-]{0,20}\Z"),
        user=st.just(""),
        password=st.just(""),
        pin=st.just(""),
        dial=st.from_regex(r"\A\*[0-9][0-9*]{0,9}#\Z"),
        registration_timeout=st.floats(20, 600) | st.integers(20, 600).map(float),
    ),
    modem=st.builds(
        Modem,
        usb_path=st.from_regex(r"\A([1-9]-[1-9](\.[1-9]){0,3})?\Z"),
        dial_interface=st.integers(-1, 9),
        status_interface=st.just(-1) | st.integers(10, 31),
        init=st.lists(st.from_regex(r'\AAT\+X[A-C]=[0-9"\\ ]{0,9}\Z'), max_size=3).map(tuple),
        poll_interval=st.floats(20, 600),
    ),
    ppp=st.builds(
        Ppp,
        baud=st.sampled_from([9600, 460800]),
        echo_interval=st.integers(0, 600).map(float),
        echo_failures=st.integers(1, 100),
    ),
    firewall=st.builds(
        Firewall,
        mobile_clients=st.lists(st.ip_addresses().map(str).filter(lambda a: "%" not in a)).map(tuple),
    ),
    port_forward=st.lists(
        st.builds(
            PortForward,
            ports=st.integers(1, 8999).map(str),
            to=st.builds("192.168.1.{}:{}".format, st.integers(1, 254), st.integers(1, 65535)),
        ),
        max_size=3,
        unique_by=lambda each: each.ports,
    ).map(tuple),
)


@quick
@given(configs)
def test_what_is_shown_loads_again(config: Config) -> None:
    assert config_from_text(show(config), path="show") == config


@quick
@given(st.text())
def test_any_password_is_quoted_as_toml_wants(user: str) -> None:
    """Directly, because text with control characters cannot be loaded at all."""
    config = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), cellular=Cellular(user=user))
    assert tomllib.loads(show(config))["cellular"]["user"] == user


# --- what is accepted can be used ---

pieces = st.sampled_from(
    [*"ATatdDpP0189*#+=?&;^$%, \\\"'@._-/[]~", "+CMEE=1", "*99", "AT", "+CPIN", "&C1", "\t", "é", "::"]
)
scraps = st.lists(pieces, max_size=12).map("".join)


def accepted(check: Callable[[Any], str | None], value: Any) -> bool:
    return check(value) is None


@quick
@given(scraps, scraps)
def test_commands_take_what_the_file_may_say(head: str, tail: str) -> None:
    for text in (f"{head}{tail}", f"AT{head}", f"*{head}", f"/{head}"):
        if accepted(checks.at_commands, (text,)):
            commands.raw(text)
        if accepted(checks.dial_string, text):
            commands.dial(text)
        if accepted(checks.apn, text):
            commands.define_context(1, "IP", text)
        if accepted(checks.http_path, text):
            heartbeat.encode(0.0, "boot", {"wired": heartbeat.Line(addresses=[], path=text or None)})


# --- secrets ---

secrets = st.sampled_from(["pin", "password", "wired_path", "cellular_path"])
wrappings = st.sampled_from(
    ["{}", '"{}"', "'{}'", "[{}]", '["{}"]', '{{x = "{}"}}', '"{}', "1.{}", '"\\n{}"', '"{} "']
)


@quick
@given(
    secret=secrets,
    wrapping=wrappings,
    section=st.sampled_from(["", "[cellular]\n", "[health]\n", "[[port_forward]]\n"]),
)
def test_no_message_tells_a_secret(secret: str, wrapping: str, section: str) -> None:
    found = outcome(f"{section}{secret} = {wrapping.format('8171625344')}\n")
    assert isinstance(found, ConfigError)
    assert "8171625344" not in str(found)


@quick
@given(wrappings, st.sampled_from(["+CPIN=", "AT+CPIN=", "at+cpin =", 'AT+CLCK="SC",0,', "AT+CMEE=1;+CPIN="]))
def test_no_message_tells_a_pin_in_a_command(wrapping: str, command: str) -> None:
    text = wrapping.format(f"{command}8171625344".replace('"', '\\"' if '"' in wrapping else '"'))
    found = outcome(f"[modem]\ninit = {text}\n")
    assert "8171625344" not in str(found)


# --- line numbers ---

VALUES = (
    *(
        "1",
        "-1.5e3",
        "true",
        "1979-05-27 07:32:00",
        '"x"',
        "''",
        '"a \\" # [b]\\n"',
        "'a\" # {b'",
        "[]",
        "{}",
    ),
    '"""\n[no]\nno = 1\n\\""" ""no\n"""""',
    "'''\n\n[[no]]\nno = ''1'''''",
)


class Writer:
    """Writes TOML in any style, and remembers on which line it wrote each key."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[KeyPath, int] = {}

    def any_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def key(self, at: KeyPath, name: str) -> KeyPath:
        self.lines.setdefault((*at, name), self.text.count("\n") + 1)
        self.text += self.any_of(
            f'"{name}"', f"'{name}'", *([name] if name.isascii() and name.isalnum() else [])
        )
        return (*at, name)

    def names(self) -> list[str]:
        return self.draw(st.lists(st.sampled_from(["a", "b", "1", "]", "= #", "é"]), max_size=3, unique=True))

    def pair(self, at: KeyPath, name: str, depth: int) -> None:
        path = self.key(at, name)
        if self.draw(st.booleans()):
            self.text += self.any_of(".", " . ")
            path = self.key(path, "below")
        self.text += self.any_of("=", " = ")
        self.value(path, depth)

    def value(self, at: KeyPath, depth: int) -> None:
        match self.any_of("scalar", "scalar", *(["array", "table"] if depth else [])):
            case "array":
                self.text += "["
                for number in range(self.draw(st.integers(0, 3))):
                    self.space()
                    self.lines[*at, number] = self.text.count("\n") + 1
                    self.value((*at, number), depth - 1)
                    self.space()
                    self.text += ","
                self.space()
                self.text += "]"
            case "table":
                self.text += "{"
                for number, name in enumerate(self.names()):
                    self.text += ", " if number else ""
                    self.pair(at, name, depth - 1)
                self.text += "}"
            case _:
                self.text += self.any_of(*VALUES)

    def space(self) -> None:
        self.text += self.any_of("", " ", "\n", " # ]}[[\"'\n", "\r\n")

    def block(self, at: KeyPath) -> None:
        for name in self.names():
            self.pair(at, name, 3)
            self.text += self.any_of("\n", " # = [\n", "\r\n\r\n")

    def table(self, name: str) -> None:
        self.text += "["
        path = self.key((), name)
        self.text += "]\n"
        self.block(path)

    def repeated_table(self, name: str) -> None:
        for number in range(self.draw(st.integers(1, 3))):
            self.text += "[["
            path: KeyPath = (*self.key((), name), number)
            self.lines[path] = self.text.count("\n") + 1
            self.text += "]]\n"
            self.block(path)
            if self.draw(st.booleans()):
                self.text += f"[{name}."
                below = self.key(path, "sub")
                self.text += "] # [x]\n"
                self.block(below)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    writer = Writer(draw)
    writer.block(())
    for name in draw(st.lists(st.sampled_from(["t", "u v"]), unique=True)):
        writer.table(name)
    writer.repeated_table("w")
    return writer.text, writer.lines


@quick
@given(written())
def test_every_key_has_its_line(document: tuple[str, dict[KeyPath, int]]) -> None:
    text, lines = document
    tomllib.loads(text)  # the writer writes TOML, or this test means nothing
    assert key_lines(text) == lines


def test_depth_that_tomllib_accepts() -> None:
    text = "a = " + "[\n" * 200 + "]" * 200
    assert isinstance(outcome(text), ConfigError)
    assert key_lines(text)["a", *(0,) * 199] == 200
