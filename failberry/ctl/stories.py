"""The history as people read it: what belongs together is told together.

Pure: events go in, lines come out.
"""

from __future__ import annotations

import time

from failberry.ctl.screen import NAMES
from failberry.ctl.style import Style
from failberry.ctl.words import count
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from failberry.control.answers import EventView

LONGEST = 14
"""Lines of one story, unless details are asked for."""
_STAMP = 7
_OFFSET = 13
_LESS = ("connected", "failed", "-> unknown")
"""Of the modem's many states, those that a reader wants to know."""
_TONES = {"error": "bad", "warning": "attention", "notice": "strong"}
_ORDER = ("info", "notice", "warning", "error")


def is_detail(event: EventView) -> bool:
    """Whether it is left out unless details are asked for."""
    if event.severity == "error":
        return False
    if event.kind == "modem":
        return not any(each in event.what for each in _LESS)
    return event.kind == "deed" or (event.kind == "kernel" and event.severity == "info")


def told(events: Sequence[EventView], style: Style, *, details: bool) -> list[str]:
    """All of them, oldest story first, under the day that it began on."""
    stories: dict[int, list[EventView]] = {}
    for event in events:
        stories.setdefault(event.correlation, []).append(event)
    lines: list[str] = []
    day = ""
    for story in stories.values():
        shown = [each for each in story if details or not is_detail(each)]
        if not shown:
            continue
        today = _day(shown[0])
        if today != day:
            lines += ["", today] if lines else [today]
            day = today
        lines += _story(story, shown, style, details=details)
    return lines


def _story(
    story: Sequence[EventView], shown: Sequence[EventView], style: Style, *, details: bool
) -> list[str]:
    first = shown[0]
    stamp = _stamp(first, "%H:%M").ljust(_STAMP)
    if len(shown) == 1:
        return _painted(style.wrap(_words(first), first=stamp, rest=" " * _STAMP), first.severity, style)
    worst = max((each.severity for each in shown), key=_ORDER.index)
    lines = _painted(style.wrap(headline(story), first=stamp, rest=" " * _STAMP), worst, style)
    left_out = 0
    if not details and len(shown) > LONGEST:
        left_out = len(shown) - LONGEST
        shown = [*shown[: LONGEST // 2], *shown[-(LONGEST - LONGEST // 2) :]]
    for number, event in enumerate(shown):
        if left_out and number == LONGEST // 2:
            lines.append(" " * _STAMP + f"({count(left_out, 'more event', 'more events')}: --details)")
        offset = _stamp(event, "%H:%M:%S") if number == 0 else _later(event.time - first.time)
        label = " " * _STAMP + offset.ljust(_OFFSET)
        lines += style.wrap(_words(event), first=label, rest=" " * (_STAMP + _OFFSET))
    return lines


def headline(story: Sequence[EventView]) -> str:
    """What it was all about, and how long it took."""
    left = next((each for each in story if each.kind == "failover" and "-> cellular" in each.what), None)
    back = next((each for each in story if each.kind == "failback"), None)
    if left is not None:
        lasted = f", for {_long(back.time - left.time)}" if back is not None else ""
        return f"Failover to the mobile line{lasted}{_cause(story)}"
    down = next((each for each in story if each.subject == "cellular" and each.what.endswith("down")), None)
    up = next((each for each in story if each.subject == "cellular" and each.what.endswith("-> up")), None)
    if down is not None and up is not None and up.time > down.time and story[0].kind != "started":
        return f"The {NAMES['cellular']} was down for {_long(up.time - down.time)}{_tried(story)}"
    first = story[0]
    match first.kind:
        case "started":
            return "failberryd started"
        case "verdict" if first.subject == "wired":
            seconds = story[-1].time - first.time
            well = any(each.subject == "wired" and each.what.endswith(("-> up", "again")) for each in story)
            return (
                f"The {NAMES['wired']} wavered for {_long(seconds)}" if well else "Trouble on the wired line"
            )
        case "modem" | "recovery":
            return f"Trouble with the {NAMES['cellular']}{_tried(story)}"
        case "notice":
            return f"{first.subject}: {first.why}"
        case _:
            return f"{first.subject}: {first.what}"


def _cause(story: Sequence[EventView]) -> str:
    if story[0].kind == "request":
        return ": the owner asked for it"
    places = [each.why.partition("; it breaks ")[2] for each in story if each.subject == "wired"]
    place = next(filter(None, places), "")
    return f": the wired line broke {place}" if place else ""


def _tried(story: Sequence[EventView]) -> str:
    steps = [each.what for each in story if each.kind == "recovery" and each.next.startswith("see whether")]
    if not steps:
        return ""
    return f"; tried: {', '.join(dict.fromkeys(steps))}"


def line(event: EventView, before: EventView | None, style: Style) -> list[str]:
    """One event, as it comes; ``before``: the one that was told last."""
    same = before is not None and before.correlation == event.correlation
    stamp = f"{'  ' if same else ''}{_stamp(event, '%H:%M:%S')}  "
    lines = style.wrap(_words(event), first=stamp, rest=" " * len(stamp))
    if before is None or _day(before) != _day(event):
        lines = [_day(event), *lines]
    return _painted(lines, event.severity, style)


def _words(event: EventView) -> str:
    told_next = f"; next: {event.next}" if event.next and event.severity != "info" else ""
    return f"{event.subject}: {event.what}: {event.why}{told_next}"


def _painted(lines: list[str], severity: str, style: Style) -> list[str]:
    tone = _TONES.get(severity)
    return lines if tone is None else [style.paint(each, tone) for each in lines]


def _day(event: EventView) -> str:
    return time.strftime("%A, %d %B %Y", time.localtime(event.time))


def _stamp(event: EventView, form: str) -> str:
    """The time of day; with a mark where the clock could not be believed."""
    return ("" if event.synced else "~") + time.strftime(form, time.localtime(event.time))


def _later(seconds: float) -> str:
    return f"+{seconds:.1f} s" if seconds < 60 else f"+{duration(seconds)}"


def _long(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
