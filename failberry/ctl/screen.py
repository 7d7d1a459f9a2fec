"""The status as a person reads it, at three in the morning.

Pure: a document goes in, lines of text come out.  What is wrong comes first, each with its cure; then
the lines, the modem, what comes next; and nothing is said twice.
"""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

from failberry.control import is_age
from failberry.ctl import ATTENTION, NO_LINE, OK
from failberry.ctl.kinds import LINES
from failberry.ctl.style import Style, bar_count, clean
from failberry.ctl.words import count, sentence
from failberry.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.core.snapshot import (
        KernelView,
        LineView,
        ModemView,
        NamesView,
        NameView,
        Notice,
        SignalView,
        Snapshot,
        UsageView,
    )

NAMES = {"wired": "wired line", "cellular": "mobile line"}
STATES = {
    "unknown": "waiting",
    "initializing": "being set up",
    "locked": "the SIM is locked",
    "disabled": "the radio is off",
    "enabling": "switching the radio on",
    "enabled": "the radio is on",
    "searching": "looking for the network",
    "registered": "on the network, not dialled",
    "connecting": "dialling",
    "disconnecting": "hanging up",
    "failed": "it needs you",
}
_REGISTRATIONS = {"home": "home network", "roaming": "foreign network (roaming)"}
_STRENGTHS = ("none", "weak", "fair", "good", "strong")
_LABEL = 9


def view(document: Any) -> Any:
    """Make the JSON document readable as the :class:`Snapshot` that it came from, all its texts defused."""
    match document:
        case dict():
            return SimpleNamespace(**{name: view(each) for name, each in document.items()})
        case list():
            return tuple(view(each) for each in document)
        case str():
            return clean(document)
        case _:
            return document


def older(document: Any, seconds: float) -> Any:
    """What the document would say so many seconds later, if nothing happened."""
    match document:
        case dict():
            return {
                name: _aged(name, each, seconds) if is_age(name) else older(each, seconds)
                for name, each in document.items()
            }
        case list():
            return [older(each, seconds) for each in document]
        case _:
            return document


def _aged(name: str, value: float | None, seconds: float) -> float | None:
    if value is None:
        return None
    return max(0.0, value - seconds) if name == "next_in" else value + seconds


def verdict(status: Snapshot) -> int:
    """Return the exit code that this status means."""
    if status.active is None:
        return NO_LINE
    lines_up = status.wired.state == status.cellular.state == "up"
    return OK if lines_up and not problems(status) else ATTENTION


def screen(status: Snapshot, *, style: Style, clock: float, system: str = "") -> list[str]:
    """Return the whole text; ``clock`` is the time of day, in seconds since the epoch.

    ``system``: how the SD card's slots are, in a sentence.
    """
    found = problems(status)
    page = Page(style=style, clock=clock)
    page.headline(headline(status, found), ("good", "attention", "bad")[verdict(status)])
    for number, problem in enumerate(found, start=1):
        page.problem(number, problem)
    page.blank()
    active_row(page, status)
    line_row(page, "Wired", status.wired)
    line_row(page, "Mobile", status.cellular)
    modem_row(page, status.modem)
    signal_row(page, status.modem.signal)
    if status.cellular.state != "up" or not status.supply.good:
        from failberry.ctl import repair  # late: it is seldom needed, and the start shall be quick

        repair.trouble(page, status)
    _usage(page, status.usage)
    if status.names is not None:
        _names(page, status.names)
    next_row(page, status)
    _kernel(page, status.routes, status.firewall)
    page.row("System", system)
    page.blank()
    page.line(f"failberryd {status.failberry}, {status.mode}, running for {duration(status.running_for)}")
    return page.lines


class Page:
    """Rows with a label each; remembers what was said, to say it once."""

    def __init__(self, *, style: Style, clock: float) -> None:
        self.lines: list[str] = []
        self.style = style
        self._clock = clock
        self._said: list[str] = []

    def blank(self) -> None:
        """An empty line."""
        self.lines.append("")

    def line(self, text: str) -> None:
        """A paragraph over the whole width."""
        self.lines += self.style.wrap(text)

    def headline(self, text: str, tone: str) -> None:
        """The first line, in a colour."""
        self.lines += [self.style.paint(line, tone) for line in self.style.wrap(text)]

    def problem(self, number: int, problem: Notice) -> None:
        """What is wrong, and what to do."""
        self.blank()
        self.lines += self.style.wrap(sentence(problem.text), first=f"{number}. ", rest="   ")
        if problem.cure and problem.cure not in self._said:
            cure = self.style.wrap(sentence(problem.cure), first=f"   {self.style.arrow} ", rest="     ")
            self.lines += [self.style.paint(line, "strong") for line in cure]
        self._said += [problem.text, problem.cure]

    def row(self, label: str, *paragraphs: str) -> None:
        """Write what of this is news under a label."""
        first = label.ljust(_LABEL)
        for paragraph in filter(None, map(self._news, paragraphs)):
            self.lines += self.style.wrap(paragraph, first=first, rest=" " * _LABEL)
            first = " " * _LABEL

    def since(self, seconds: float) -> str:
        """When it began, by the clock on the wall, and how long ago that is."""
        if seconds < 60:
            return f"for {duration(seconds)}"
        then, today = time.localtime(self._clock - seconds), time.localtime(self._clock)
        same_day = then[:3] == today[:3]
        return f"since {time.strftime('%H:%M' if same_day else '%d %b %H:%M', then)} ({duration(seconds)})"

    def _news(self, text: str) -> str:
        """Leave out what a problem has already told, with or without the words before it."""
        words = text.split(": ")
        for heads in range(len(words)):
            if any(": ".join(words[heads:]) in each for each in self._said):
                left = ": ".join(words[:heads])
                # Of a cause that has been told nothing may be left but whose it was.
                return "" if left in {"why", *(f"why: the {name}" for name in NAMES.values())} else left
        return text


def problems(status: Snapshot) -> list[Notice]:
    """Whatever needs attention: the daemon's own list, and what only its other fields tell."""
    found = list(status.warnings)
    told = [each.cure for each in found] + [each.text for each in found]
    modem = status.modem
    if modem.advice and not any(modem.advice in each for each in told):
        found.append(_notice(f"modem: {modem.reason}", modem.advice))
    for name, kernel in (("routes", status.routes), ("firewall", status.firewall)):
        if kernel.problem and not any(kernel.problem in each for each in told):
            found.append(_notice(f"the kernel did not take our {name}: {kernel.problem}", ""))
    return found


def _notice(text: str, cure: str) -> Any:
    return SimpleNamespace(text=text, cure=cure)


def headline(status: Snapshot, found: list[Notice]) -> str:
    """Which line carries the house, and how many problems were found."""
    more = f" {count(len(found), 'problem', 'problems')}:" if found else ""
    if status.active is None:
        return f"No line works.{more}"
    traffic = f"Traffic goes over the {NAMES[status.active]}."
    if found:
        return traffic + more
    for name in LINES:
        state = getattr(status, name).state
        if state != "up":
            fares = "does not answer at the moment" if state == "suspect" else "is down"
            return f"{traffic} The {NAMES[name]} {fares}."
    return f"All is well. {traffic}"


def active_row(page: Page, status: Snapshot) -> None:
    """Which line is in use, and why."""
    since = page.since(status.active_for)
    if status.active is None:
        # With both lines down, their own rows and the problems tell why.
        page.row("Active", f"no line, {since}", "" if status.warnings else f"why: {status.active_reason}")
    else:
        forced = status.forced
        left = f" for another {duration(forced.left)}" if forced and forced.left is not None else ""
        page.row(
            "Active",
            f"{NAMES[status.active]}, {since}",
            f"why: {status.active_reason}",
            f"forced by the owner{left}; `failberryctl failover force auto` ends it" if forced else "",
            "IPv6 is refused, so that clients take IPv4" if _ipv6_refused(status) else "",
        )
    if status.router is not None and status.router.uses_us:
        page.row("Router", "it sends its traffic to this Pi, which the mobile line carries")


def _ipv6_refused(status: Snapshot) -> bool:
    return status.wired.state6 is not None and status.active6 is None


def line_row(page: Page, label: str, line: LineView) -> None:
    """One line: how it is, and what it has."""
    facts = [*line.addresses]
    if line.gateway:
        facts.append(f"gateway {line.gateway}")
    if line.dns:
        facts.append(f"name servers {' '.join(line.dns)}")
    quality = []
    if line.rtt is not None:
        quality.append(f"{line.rtt:.0f} ms there and back")
    if line.loss is not None:
        quality.append(f"{line.loss:.1f} % lost in the last minute")
    elif line.proven_age is not None:
        quality.append(f"proven {duration(line.proven_age)} ago")
    page.row(
        label,
        f"{line.state}, {page.since(line.state_for)}: {line.reason}",
        f"it breaks {line.where}" if line.where and line.state != "up" else "",
        line.degraded,
        ", ".join(quality) if line.state != "down" else "",
        f"IPv6 {line.state6}: {line.reason6}" if line.state6 not in (None, line.state) else "",
        f"{line.interface}: {', '.join(facts)}" if facts else "",
        line.reachability_text if line.addresses else "",
    )


def modem_row(page: Page, modem: ModemView) -> None:
    """Where the modem is and how it fares."""
    words = STATES.get(modem.state)
    place = f" at USB {modem.usb_path}" if modem.usb_path else ""
    sim = f", SIM ending in {modem.sim}" if modem.sim else ""
    second = f"status on {modem.status_tty}" if modem.status_tty else "no second port"
    tries = modem.pin_tries if modem.state in ("locked", "failed") else None
    page.row(
        "Modem",
        f"{modem.state}{f' ({words})' if words else ''}, {page.since(modem.state_for)}",
        modem.reason,
        f"{modem.product or 'modem'}{place}{sim}" if place else "",
        f"dials on {modem.dial_tty}, {second}, chosen by {modem.chosen_by}" if modem.dial_tty else "",
        f"{count(tries, 'PIN attempt', 'PIN attempts')} left" if tries is not None else "",
        f"failed {modem.failures} times in a row" if modem.failures > 1 else "",
    )


def signal_row(page: Page, signal: SignalView) -> None:
    """The radio."""
    if signal.age is None:
        return
    page.row("Signal", f"{_strength(signal, page.style)}, {duration(signal.age)} ago", _network(signal))


def signal_words(signal: SignalView, style: Style) -> str:
    """The radio in one line."""
    return ", ".join(filter(None, (_strength(signal, style), _network(signal))))


def _strength(signal: SignalView, style: Style) -> str:
    strength = "strength unknown"
    if signal.percent is not None:
        strength = f"{style.bars(signal.percent)} {_STRENGTHS[bar_count(signal.percent)]}"
    return f"{strength}, {signal.dbm} dBm" if signal.dbm is not None else strength


def _network(signal: SignalView) -> str:
    registration = _REGISTRATIONS.get(signal.registration or "", signal.registration)
    return ", ".join(filter(None, (signal.operator, signal.technology, registration)))


def _usage(page: Page, usage: UsageView) -> None:
    if not usage.used and usage.cap is None:
        return
    of = f" of {size(usage.cap)}, {usage.percent:.0f} %" if usage.cap and usage.percent is not None else ""
    days = f", {count(usage.days_left, 'day', 'days')} left" if usage.days_left is not None else ""
    state = {"capped": "the cap is reached", "lifted": "the cap is reached, and lifted as the last resort"}
    page.row("Data", f"{size(usage.used)}{of} in this cycle{days}", state.get(usage.state, ""))


def _names(page: Page, names: NamesView) -> None:
    """Where the house's names lead."""
    held = ""
    if names.moved is not None:
        held = f"{names.name} is held on the {NAMES[names.moved]} by this Pi, {page.since(names.moved_for)}"
    page.row("Names", *map(_of_name, names.lines), held or f"{names.name} follows the living line")


def _of_name(each: NameView) -> str:
    leads = f"{each.name} -> {', '.join(each.addresses) or 'nothing known'}"
    if each.state == "others":
        return f"{each.name}: {each.reason}"
    if each.state == "published":
        reached = "reached" if each.reachable else "not reached"
        return leads if each.reachable is None else f"{leads}, {reached} from the Internet"
    then = ""
    if each.next_in is not None:
        then = f"; {each.next} in {duration(math.ceil(each.next_in))}" if each.next_in > 0 else ""
    return f"{leads}, {each.state}: {each.reason}{then}"


def next_row(page: Page, status: Snapshot) -> None:
    """What will be done next, and when: a change of lines, a step of recovery, what the modem asks for."""
    modem, recovery = status.modem, status.recovery
    if status.next:
        countdown = f" in {duration(math.ceil(status.next_in))}" if status.next_in is not None else ""
        page.row("Next", status.next + countdown)
    if recovery.next is not None:
        from failberry.ctl import repair  # late, as above

        page.row("Next", repair.coming(recovery))
    elif modem.next and (modem.state != "connected" or modem.next_in is not None):
        # Rounded up: a countdown ends at nothing, not a second before.
        countdown = f" in {duration(math.ceil(modem.next_in))}" if modem.next_in is not None else ""
        page.row("Next", modem.next + countdown)


def _kernel(page: Page, routes: KernelView, firewall: KernelView) -> None:
    words = {"ok": "in place", "pending": "being set", "failed": "not as wanted"}
    backend = f" ({firewall.backend})" if firewall.backend else ""
    page.row(
        "Kernel",
        f"routes {words[routes.state]}, firewall {words[firewall.state]}{backend}",
        *(f"refused: {each}" for each in firewall.refused),
    )
