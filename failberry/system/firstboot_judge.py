"""What becomes of the files on the card's first partition: the good are taken, the bad change nothing.

Pure: files and memory in, one :class:`Ruling` out.  The same again gives the same, so a boot that was cut
short is simply repeated by the next.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from failberry.card import System
from failberry.config import Config
from failberry.configfile import config_from_text
from failberry.errors import ConfigError, Problem
from failberry.loginkeys import LoginKey, NoKeyError, holds_private_key, login_key
from failberry.system import preseed
from failberry.system.firstboot_reading import CURLY_QUOTES, Found, Kind, UnreadableError, decoded
from failberry.system.firstboot_secrets import put_back, secrets_of, without_secrets
from failberry.system.preseed import Preseed
from failberry.tomltext import dotted

ONBOARD = "onboard0"
"""The Pi's own Ethernet port, so named by a .link file of the image."""
_DEFAULT_MARK = "# Failberry's safe default"
DEFAULT = f"""\
{_DEFAULT_MARK}: no usable failberry.toml has been seen on the card yet.
mode = "standby-gateway"
[wired]
interface = "{ONBOARD}"
"""


class Outcome(StrEnum):
    """Of one file."""

    ABSENT = "absent"
    TAKEN = "taken"
    SAME = "same"
    """It was taken at an earlier boot."""
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One file, and what is thought of it."""

    kind: Kind
    outcome: Outcome
    name: str = ""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    incomplete: bool = False
    """Whether it relies on a secret that the Pi does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is kept on the data partition beside the configuration."""

    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each kind of file the SHA-256 of the one that is in force: as it was found, and as it was left."""
    keys: tuple[str, ...] = ()
    """Of the file authorized_keys."""
    preseed: Preseed = field(default_factory=Preseed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the Pi has at the start."""

    config: str | None = None
    """``/etc/failberry/failberry.toml``"""
    good: str | None = None
    """The last one that could be used."""
    state: State = field(default_factory=State)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What this boot goes by."""

    config: Config
    default: bool
    """Whether it is the safe default, because there is nothing better."""
    hostname: str
    timezone: str
    keys: tuple[LoginKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What is to be done, and what is to be said."""

    judged: tuple[Judged, ...]
    in_force: InForce
    config: str
    """What shall be in ``/etc/failberry/failberry.toml``; perhaps it is already."""
    set_aside: str | None
    """What was there and could not be used, to be kept for its owner."""
    rewrites: Mapping[str, bytes]
    """Names of files on the card, and what shall be in them: the same without secrets."""
    state: State
    notes: tuple[str, ...]

    def of(self, kind: Kind) -> Judged:
        """The verdict on one file."""
        return next(each for each in self.judged if each.kind is kind)


@dataclass(slots=True, kw_only=True)
class _Case:
    """One judgement as it grows."""

    memory: Memory
    judged: list[Judged] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rewrites: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def known(self, kind: Kind, found: Found) -> bool:
        """Whether it is what is in force: as it was found then, or as it was left."""
        return digest(found.content) in self.memory.state.seen.get(kind, ())

    def close(self, kind: Kind, found: Found | None, outcome: Outcome, harmless: bytes | None = None) -> None:
        """Note what was seen: a bad file not, so that it is looked at again at each boot."""
        if found is None or outcome is Outcome.BAD:
            if kind in self.memory.state.seen:
                self.seen[kind] = self.memory.state.seen[kind]
            return
        left = found.content if harmless is None else harmless
        if left != found.content:
            self.rewrites[found.name] = left
        now = (digest(left), digest(found.content))
        # A file that is known already keeps what is known of it.
        before = self.memory.state.seen.get(kind, ())
        self.seen[kind] = before if set(now) <= set(before) else tuple(dict.fromkeys(now))


def digest(content: bytes) -> str:
    """By which a file is known again."""
    return hashlib.sha256(content).hexdigest()


def judge(files: Mapping[Kind, Found], memory: Memory) -> Ruling:
    """Judge what lies on the card; never raises, whatever lies there."""
    case = _Case(memory=memory)
    base, set_aside = _base(case)
    config_text = _config(case, files.get(Kind.CONFIG), base)
    keys = _keys(case, files.get(Kind.KEYS))
    seed = _preseed(case, files.get(Kind.PRESEED))
    config = config_from_text(config_text, path="")
    state = State(seen=case.seen, keys=keys, preseed=seed)
    return Ruling(
        judged=tuple(case.judged),
        in_force=_in_force(config, config_text, state),
        config=config_text,
        set_aside=set_aside,
        rewrites=case.rewrites,
        state=state,
        notes=tuple(case.notes),
    )


def is_default(text: str) -> bool:
    """Whether nobody has said anything yet."""
    return text.startswith(_DEFAULT_MARK)


def _base(case: _Case) -> tuple[str, str | None]:
    """The configuration that the Pi has, or the last good one, or the default; and what had to go."""
    stored, good = case.memory.config, case.memory.good
    instead = good if good is not None and _usable(good) else DEFAULT
    if stored is None or is_default(stored):
        # Not the owner's doing: a version that could not use it was tried, and given up.
        if instead is good:
            case.notes.append("The configuration on the Pi was gone; the last good one was brought back.")
        return instead, None
    if _usable(stored):
        return stored, None
    case.notes.append(
        "The configuration that was on the Pi could not be used: "
        + ("the last good one" if instead is good else "the safe default")
        + " was put in its place. The other is kept as /etc/failberry/failberry.toml.unusable."
    )
    return instead, stored


def _usable(text: str) -> bool:
    try:
        config_from_text(text, path="")
    except ConfigError:
        return False
    return True


def _config(case: _Case, found: Found | None, base: str) -> str:
    """The text that shall be in force."""
    kind = Kind.CONFIG
    if found is None:
        case.judged.append(Judged(kind=kind, outcome=Outcome.ABSENT))
        case.close(kind, None, Outcome.ABSENT)
        return base
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    try:
        read = decoded(found, kind)
        notes = read.notes
        _refuse_nothing(read.text)
        stored = {**secrets_of(case.memory.good or ""), **secrets_of(base)}
        whole, lost = put_back(read.text, stored)
        config = config_from_text(whole, path="")
    except UnreadableError as error:
        problems = (error.problem,)
    except ConfigError as error:
        problems = error.problems
    except (ValueError, RecursionError):
        problems = _syntax(read.text)
    else:
        if lost:
            names = ", ".join(map(dotted, lost))
            notes += (
                f"{names}: the file says that the Pi has it, and the Pi has not (any more). All else is in "
                "force; write it into the file again.",
            )
        same = case.known(kind, found) and not is_default(base)
        if same and config != config_from_text(base, path=""):
            notes += (
                "The configuration was changed later on the Pi itself, and that is in force. To put this "
                "file in force again, change anything in it, such as a comment.",
            )
        outcome = Outcome.SAME if same else Outcome.TAKEN
        harmless = without_secrets(read.text)
        ending = "\r\n" if read.crlf else "\n"
        left = harmless.replace("\n", ending).encode() if harmless != read.text else found.content
        case.judged.append(
            Judged(kind=kind, outcome=outcome, name=found.name, notes=notes, incomplete=bool(lost))
        )
        case.close(kind, found, outcome, left)
        return base if same else whole
    case.judged.append(
        Judged(kind=kind, outcome=Outcome.BAD, name=found.name, problems=problems, notes=notes)
    )
    case.close(kind, found, Outcome.BAD)
    return base


def _refuse_nothing(text: str) -> None:
    if not tomllib.loads(text):
        raise UnreadableError(
            "says nothing: each line is a comment, or empty",
            "take the # away in front of what you set; failberry.toml.sample shows how",
        )


def _syntax(text: str) -> tuple[Problem, ...]:
    problems: tuple[Problem, ...] = ()
    try:
        config_from_text(text, path="")
    except ConfigError as error:
        problems = error.problems
    if (curly := CURLY_QUOTES.search(text)) is not None:
        line = text.count("\n", 0, curly.start()) + 1
        hint = 'type plain ones ("), in Notepad, TextEdit (as plain text) or nano'
        problem = "the quotes are curly ones, as word processors make them"
        problems = (Problem(key="", line=line, problem=problem, hint=hint),)
    return problems


def _keys(case: _Case, found: Found | None) -> tuple[str, ...]:
    kind = Kind.KEYS
    before = case.memory.state.keys
    if found is None:
        case.judged.append(Judged(kind=kind, outcome=Outcome.ABSENT))
        case.close(kind, None, Outcome.ABSENT)
        return before
    keys: list[str] = []
    problems: list[Problem] = []
    notes: tuple[str, ...] = ()
    try:
        read = decoded(found, kind)
        notes = read.notes
        keys, problems = _key_lines(read.text)
    except UnreadableError as error:
        problems = [error.problem]
    if not keys and not problems:
        hint = "copy the one line of the file that ends in .pub into it"
        problems = [Problem(key="", line=None, problem="holds no key", hint=hint)]
    outcome = Outcome.TAKEN
    if problems:
        outcome = Outcome.BAD
    elif case.known(kind, found):
        outcome = Outcome.SAME
    case.judged.append(
        Judged(kind=kind, outcome=outcome, name=found.name, problems=tuple(problems), notes=notes)
    )
    case.close(kind, found, outcome)
    return before if problems else tuple(keys)


def _key_lines(text: str) -> tuple[list[str], list[Problem]]:
    keys: list[str] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append(login_key(line).line)
        except NoKeyError as refusal:
            problem, _, hint = str(refusal).rpartition("; ")
            problems.append(Problem(key="", line=number, problem=problem, hint=hint))
            if holds_private_key(line) or "SSH2" in line:
                break  # of the lines that follow there is nothing to say
    return keys, problems


def _preseed(case: _Case, found: Found | None) -> Preseed:
    kind = Kind.PRESEED
    before = case.memory.state.preseed
    if found is None:
        case.judged.append(Judged(kind=kind, outcome=Outcome.ABSENT))
        case.close(kind, None, Outcome.ABSENT)
        return before
    try:
        text = decoded(found, kind)
    except UnreadableError as error:
        case.judged.append(Judged(kind=kind, outcome=Outcome.BAD, name=found.name, problems=(error.problem,)))
        case.close(kind, found, Outcome.BAD)
        return before
    read = preseed.read(text.text)
    same = case.known(kind, found)
    outcome = Outcome.BAD if read.problems else Outcome.SAME if same else Outcome.TAKEN
    case.judged.append(
        Judged(kind=kind, outcome=outcome, name=found.name, problems=read.problems, notes=read.notes)
    )
    case.close(kind, found, outcome, read.harmless.encode() if read.harmless != text.text else None)
    return before if read.problems else read.preseed


def _in_force(config: Config, text: str, state: State) -> InForce:
    system, seed = config.system, state.preseed
    keys = [*system.authorized_keys, *state.keys, *seed.keys]
    known: dict[str, LoginKey] = {}
    for line in keys:
        try:
            key = login_key(line)
        except NoKeyError:
            continue  # taken by a version that was less strict
        known.setdefault(key.fingerprint, key)
    default = System()
    return InForce(
        config=config,
        default=is_default(text),
        hostname=system.hostname
        if system.hostname != default.hostname or not seed.hostname
        else seed.hostname,
        timezone=system.timezone
        if system.timezone != default.timezone or not seed.timezone
        else seed.timezone,
        keys=tuple(known.values()),
    )
