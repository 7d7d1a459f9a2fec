"""VERDICT.txt: for somebody with the card in a Windows computer, and no other way to ask the Pi.

Pure.  Lines end as Windows' do.  It says first what is wrong and what to do about it, then what is in force;
nothing in it is secret, for the card may be read by anybody.  It has no time in it: the Pi has no clock yet
when it is written, and it is written only when it changes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from failberry.config import Config, Mode
from failberry.errors import Problem
from failberry.system.firstboot_judge import InForce, Judged, Outcome, Ruling
from failberry.system.firstboot_reading import Kind

_WIDTH = 78
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the files themselves do not tell."""

    host_keys: tuple[str, ...] = ()
    """Fingerprints of the Pi's own SSH keys."""
    problems: tuple[str, ...] = ()
    """Of the card and the ports, as sentences."""
    notes: tuple[str, ...] = ()


def verdict(ruling: Ruling, around: Surroundings) -> bytes:
    """The file as it shall lie on the card."""
    text = "\n".join(_lines(ruling, around)) + "\n"
    mark = "" if text.isascii() else "\ufeff"  # without it Notepad may take UTF-8 for something else
    return (mark + text.replace("\n", "\r\n")).encode()


def one_line(ruling: Ruling) -> str:
    """For the log."""
    return _headline(ruling) + " " + _summary(ruling)


def _lines(ruling: Ruling, around: Surroundings) -> Iterator[str]:
    headline = f"FAILBERRY: {'NOT GOOD' if around.problems else _headline(ruling)}"
    yield headline
    yield "=" * len(headline)
    yield from _wrapped(_summary(ruling))
    for each in ruling.judged:
        if each.problems:
            yield from _section(f"What is wrong with {each.name}")
            yield from _problems(each.problems)
    if around.problems:
        yield from _section("What is wrong with the Pi")
        yield from _bullets(around.problems)
    notes = [*around.notes, *ruling.notes, *(note for each in ruling.judged for note in each.notes)]
    if notes:
        yield from _section("Good to know")
        yield from _bullets(notes)
    yield from _section("In force now")
    for name, value in _facts(ruling.in_force, around):
        yield from textwrap.wrap(
            f"{name + ':' if name else '':<14}{value}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * 16,
            break_long_words=False,
            break_on_hyphens=False,
        )
    yield from _section("To change something")
    yield from _steps(ruling)


def _headline(ruling: Ruling) -> str:
    if any(each.outcome is Outcome.BAD for each in ruling.judged):
        return "NOT GOOD"
    if ruling.in_force.default:
        return "NOT CONFIGURED YET"
    if any(each.incomplete for each in ruling.judged):
        return "GOOD, BUT INCOMPLETE"
    return "GOOD"


def _summary(ruling: Ruling) -> str:
    told = [_told(each, default=ruling.in_force.default) for each in ruling.judged]
    if ruling.in_force.default:
        told.append(
            "The safe default is in force: the Pi takes an address by DHCP, uses the stick with what the "
            "stick and its SIM tell, and lets nothing in from outside."
        )
    if not ruling.in_force.keys:
        told.append("Nobody can log in, because there is no SSH key.")
    return " ".join(filter(None, told))


def _told(judged: Judged, *, default: bool) -> str:
    ours = judged.kind is Kind.CONFIG
    match judged.outcome:
        case Outcome.ABSENT:
            kept = "" if default else " What the Pi has been told before is in force."
            return f"There is no {judged.kind} on the card.{kept}" if ours else ""
        case Outcome.TAKEN | Outcome.SAME:
            return f"{judged.name} was read, and is in force."
        case Outcome.BAD:
            mistakes = "a mistake" if len(judged.problems) == 1 else f"{len(judged.problems)} mistakes"
            before = "" if default and ours else " What was in force before still is."
            return f"{judged.name} has {mistakes}, so nothing of it was used.{before}"


def _section(title: str) -> Iterator[str]:
    yield ""
    yield title
    yield "-" * len(title)


def _wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _bullets(texts: Iterable[str]) -> Iterator[str]:
    for each in texts:
        yield from _wrapped(each, "  * ", "    ")


def _problems(problems: tuple[Problem, ...]) -> Iterator[str]:
    for number, each in enumerate(problems[:_MOST_PROBLEMS], 1):
        place = f"Line {each.line}: " if each.line is not None else ""
        key = f"{each.key}: " if each.key else "" if place else "It "
        yield from _wrapped(f"{place}{key}{each.problem}.", f"  {number}. ", "     ")
        yield from _wrapped(f"What to do: {each.hint}.".replace("?.", "?"), "     ", "     ")
    if len(problems) > _MOST_PROBLEMS:
        yield f"  ... and {len(problems) - _MOST_PROBLEMS} more."


def _facts(in_force: InForce, around: Surroundings) -> Iterator[tuple[str, str]]:
    config = in_force.config
    system = config.system
    yield (
        "Mode",
        {
            Mode.STANDBY_GATEWAY: "standby-gateway, beside the main router",
            Mode.DUAL_WAN_ROUTER: "dual-wan-router, the Pi is the house's router",
        }[config.mode],
    )
    yield (
        "Wired line",
        config.wired.interface
        + (f", address {system.address}, router {system.gateway}" if system.address else ", address by DHCP"),
    )
    if config.mode is Mode.DUAL_WAN_ROUTER and config.lan is not None:
        yield (
            "House",
            f"{config.lan.interface}, address {config.lan.address}, "
            + (f"gives out {config.lan.dhcp}" if config.lan.dhcp else "gives out no addresses"),
        )
    yield "Mobile line", _mobile(config)
    yield "Name", in_force.hostname
    yield "Time zone", in_force.timezone
    yield "Updates", f"by themselves, {system.update_window}" if system.updates else "none by themselves"
    if not in_force.keys:
        yield "SSH login", "nobody: no key"
    for number, key in enumerate(in_force.keys):
        comment = f" ({key.comment})" if key.comment else ""
        yield ("" if number else "SSH login"), f"as owner, by key {key.fingerprint}{comment}"
    for number, fingerprint in enumerate(around.host_keys):
        yield ("" if number else "The Pi's key"), fingerprint


def _mobile(config: Config) -> str:
    cellular = config.cellular
    apn = f'APN "{cellular.apn}"' if cellular.apn else "APN of the stick"
    pin = "PIN given" if cellular.pin else "no PIN"
    roaming = f"roaming {'allowed' if cellular.roaming == 'allow' else 'forbidden'}"
    return ", ".join([apn, pin, *(["password given"] if cellular.password else []), roaming])


def _steps(ruling: Ruling) -> Iterator[str]:
    if ruling.of(Kind.CONFIG).outcome is Outcome.ABSENT:
        first = (
            "Copy failberry.toml.sample to failberry.toml, and edit it with a plain text editor (Notepad)."
        )
    else:
        first = f"Edit {ruling.of(Kind.CONFIG).name} on this card with a plain text editor (Notepad)."
    steps = [
        first,
        'Eject the card ("safely remove"), put it into the Pi, and switch the Pi on.',
        "A file with a mistake changes nothing. After two minutes the verdict on it is here.",
    ]
    for number, each in enumerate(steps, 1):
        yield from _wrapped(each, f"  {number}. ", "     ")
    yield ""
    yield from _wrapped(
        'Where a secret says "taken over", the Pi has it: leave it so, or write a new one. An empty file '
        "with the name FACTORY-RESET on this card makes the Pi forget everything it has."
    )
