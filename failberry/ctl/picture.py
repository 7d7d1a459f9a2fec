"""The live view: one screen with both lines and how they fared in the last hour, the modem, what comes next.

Pure: a scene goes in, lines for a terminal come out, never more and never wider than it has room for.
What matters least is left out first.
"""

from __future__ import annotations

import math
import time

from failberry.ctl import repair
from failberry.ctl.cells import DOWN, UNKNOWN, Row, bar, beside, breadth, cut, graph, paint
from failberry.ctl.screen import STATES, Page, headline, next_row, problems, signal_words, verdict
from failberry.ctl.stories import is_detail
from failberry.ctl.style import Style
from failberry.ctl.words import sentence
from failberry.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from failberry.control.answers import EventView, SampleView
    from failberry.core.snapshot import LineView, Notice, Snapshot
    from failberry.ctl.cells import Mark

MINUTES = 60
"""How far back the graphs go, and how wide they are."""
TWO_PANES = 150
"""Columns from which on two blocks stand side by side."""
TALL = 44
"""Rows from which on there is room for taller graphs."""
EVENTS = 20
"""Events that are shown where there is room."""
_MARGIN = 10
"""Columns before a graph and its like."""
_WEAKEST, _STRONGEST = -113.0, -51.0
"""dBm, the ends of 3GPP TS 27.007's scale (8.5)."""
_CALM = 50.0
"""Milliseconds: a line below draws its graph no higher, so that little unrest looks little."""
_LOSSY = 20.0
"""Percent, likewise."""
_TONES = {"up": "good", "suspect": "attention", "down": "bad"}
_SEVERE = {"error": "bad", "warning": "attention", "notice": "strong"}


class Scene:
    """All that is shown; not a dataclass, since those are slow to import."""

    def __init__(
        self,
        status: Snapshot | Any,
        *,
        wired: Sequence[SampleView] = (),
        cellular: Sequence[SampleView] = (),
        events: Sequence[EventView] = (),
        lost: str = "",
    ) -> None:
        self.status = status
        self.samples = {"wired": wired, "cellular": cellular}
        self.events = events
        self.lost = lost
        """Why the daemon is not heard any more, in a sentence; empty: it is."""


def picture(scene: Scene, *, style: Style, height: int, clock: float) -> list[str]:
    """Paint the scene for a terminal of ``style.width`` columns; ``clock`` in seconds since the epoch."""
    view = _View(scene, style, height, clock)
    two = style.width >= TWO_PANES
    top = [*view.head(), *view.problems()]
    foot = view.foot()
    room = height - len(top) - len(foot)
    body = view.two_panes(room) if two else view.one_pane(room)
    rows = [*top, *body]
    rows = rows[: height - len(foot)]
    rows += [()] * (height - len(rows) - len(foot))
    return [paint(cut(row, style.width, style), style) for row in (*rows, *foot)][:height]


class _Block:
    """Rows that belong together; of several, those of the lowest rank go first when there is no room."""

    def __init__(self, rank: int, rows: list[Row]) -> None:
        self.rank = rank
        self.rows = rows


class _View:
    """One scene on its way to the terminal."""

    def __init__(self, scene: Scene, style: Style, height: int, clock: float) -> None:
        self._scene = scene
        self._status: Snapshot = scene.status
        self._style = style
        self._height = height
        self._clock = clock
        two = style.width >= TWO_PANES
        self._pane = Style(
            width=(style.width - 3) // 2 if two else style.width, utf8=style.utf8, colour=False
        )
        self._page = Page(style=self._pane, clock=clock)
        self._told = " ".join(each.text for each in problems(self._status))

    # --- above and below ---------------------------------------------------------------------------

    def head(self) -> list[Row]:
        """What there is to say first, and the time."""
        faults = problems(self._status)
        tone = ("good", "attention", "bad")[verdict(self._status)]
        text = headline(self._status, faults)
        now = time.strftime("%H:%M:%S", time.localtime(self._clock))
        rows: list[Row] = [self._ends((text, tone), (now, "dim"))]
        if self._scene.lost:
            words = f"{self._scene.lost} Trying again; this is how it was at {now}."
            rows = [*(((each, "bad"),) for each in self._words(words)), ((text, "dim"),)]
        return [*rows, ()]

    def problems(self) -> list[Row]:
        """What is wrong, each with its cure."""
        rows: list[Row] = []
        most = max(2, self._height // 4)
        found = problems(self._status)
        for number, problem in enumerate(found, start=1):
            more = self._problem(number, problem)
            if len(rows) + len(more) > most and rows:
                left = len(found) - number + 1
                rows.append(((f"   and {left} more: `failberryctl status`", "strong"),))
                break
            rows += more
        return [*rows, ()] if rows else []

    def _problem(self, number: int, problem: Notice) -> list[Row]:
        rows: list[Row] = [
            ((each, ""),) for each in self._words(sentence(problem.text), first=f"{number}. ", rest="   ")
        ]
        if problem.cure:
            arrow = f"   {self._style.arrow} "
            cure = self._words(sentence(problem.cure), first=arrow, rest="     ")
            rows += [((each, "strong"),) for each in cure]
        return rows

    def foot(self) -> list[Row]:
        """What the graphs mean, and how to leave."""
        meaning = f"Graphs: the last hour, a minute each, now/worst; {'×' if self._style.utf8 else 'x'} down"
        return [self._ends((meaning, "dim"), ("q ends", "dim"))]

    def _ends(self, left: tuple[str, str], right: tuple[str, str]) -> Row:
        """One at either end of a row."""
        room = self._style.width - breadth((right,)) - 1
        start = cut((left,), room, self._style)
        return (*start, (" " * (room - breadth(start) + 1), ""), right)

    def _words(self, text: str, *, first: str = "", rest: str = "") -> list[str]:
        wide = Style(width=min(120, self._style.width), utf8=self._style.utf8)
        return wide.wrap(text, first=first, rest=rest)

    # --- panes -------------------------------------------------------------------------------------

    def one_pane(self, room: int) -> list[Row]:
        """Everything below each other."""
        blocks = [*self._line("wired"), *self._line("cellular"), *self._facts()]
        rows = _fitting(blocks, room)
        left = room - len(rows) - 1
        return [*rows, (), *self._events(left)] if left > 1 else rows

    def two_panes(self, room: int) -> list[Row]:
        """The lines side by side, and below them the facts beside the events."""
        column = self._pane.width + 3
        wired, mobile = self._line("wired"), self._line("cellular")
        upper = beside(_fitting(wired, room), _fitting(mobile, room), column)
        facts = _fitting(self._facts(), room - len(upper))
        below = self._events(room - len(upper))
        return [*upper, *beside([cut(each, column - 1, self._style) for each in facts], below, column)]

    def _line(self, name: str) -> list[_Block]:
        line: LineView = getattr(self._status, name)
        label = "Wired" if name == "wired" else "Mobile"
        carries = self._status.active == name
        word = "   carries the house" if carries else "   stands by" if line.state == "up" else ""
        head: Row = (
            (label.ljust(_MARGIN), "strong"),
            (line.state, _TONES.get(line.state, "")),
            (f", {self._page.since(line.state_for)}", ""),
            (word, "strong" if carries else "dim"),
        )
        why = [line.reason]
        if line.where and line.state != "up":
            why.append(f"it breaks {line.where}")
        why.append(line.degraded)
        if line.next and line.state == "suspect":
            left = f" in {duration(math.ceil(line.next_in))}" if line.next_in is not None else ""
            why.append(f"next: {line.next}{left}")
        reason = [each for text in why if text and text not in self._told for each in self._under(text)]
        return [
            _Block(9, [head]),
            _Block(7, reason[:1]),
            _Block(5, reason[1:]),
            *self._graphs(name, line),
            _Block(1, [()]),
        ]

    def _under(self, text: str) -> list[Row]:
        indent = " " * _MARGIN
        return [((each, ""),) for each in self._pane.wrap(text, first=indent, rest=indent)]

    def _graphs(self, name: str, line: LineView) -> list[_Block]:
        tall = 3 if self._height >= TALL else 1
        now = math.floor(self._clock / 60)
        minutes: list[SampleView | None] = [None] * MINUTES
        for each in self._scene.samples[name]:
            slot = MINUTES - 1 - (now - math.floor(each.start / 60))
            if 0 <= slot < MINUTES:
                minutes[slot] = each
        rtts = [_mark(each, "rtt_worst") for each in minutes[:-1]] + [_present(line, line.rtt)]
        losses = [_mark(each, "loss_worst") for each in minutes[:-1]] + [_present(line, line.loss)]
        blocks = [
            _Block(6, self._graph("latency", rtts, line.rtt, _CALM, tall, _times)),
            _Block(4, self._graph("loss", losses, line.loss, _LOSSY, max(1, tall - 1), _shares)),
        ]
        signal = self._status.modem.signal
        if name == "cellular" and (signal.dbm is not None or any(each and each.dbm for each in minutes)):
            heard: list[Mark] = [_power(each.dbm) if each else UNKNOWN for each in minutes[:-1]]
            heard.append(_power(signal.dbm))
            rows = graph(heard, self._style, top=1.0)
            words = f" {signal.dbm} dBm" if signal.dbm is not None else ""
            blocks.append(_Block(3, _labelled("signal", rows, words)))
        return blocks

    def _graph(
        self, label: str, marks: list[Mark], present: float | None, calm: float, rows: int, say: Any
    ) -> list[Row]:
        known = [each for each in marks if isinstance(each, int | float)]
        worst = max(known, default=None)
        drawn = graph(marks, self._style, top=max(calm, worst or 0.0), rows=rows)
        return _labelled(label, drawn, f" {say(present, worst)}")

    # --- facts and events --------------------------------------------------------------------------

    def _facts(self) -> list[_Block]:
        status, page = self._status, self._page
        modem = status.modem
        words = STATES.get(modem.state)
        state = f"{modem.state}{f' ({words})' if words else ''}, {page.since(modem.state_for)}"
        self._row("Modem", state if modem.reason in self._told else f"{state}: {modem.reason}")
        blocks = [_Block(8, self._taken())]
        if modem.signal.age is not None:
            self._row("Signal", signal_words(modem.signal, self._style))
            blocks.append(_Block(4, self._taken()))
        if status.cellular.state != "up" or not status.supply.good:
            repair.trouble(page, status)
            blocks.append(_Block(6, self._aligned(self._taken())))
        if (session := self._session()) != "":
            self._row("Session", session)
            blocks.append(_Block(2, self._taken()))
        blocks.append(_Block(5, self._data()))
        next_row(page, status)
        blocks.append(_Block(8, self._aligned(self._taken())))
        return blocks

    def _row(self, label: str, text: str) -> None:
        """As a page's row, at our margin."""
        first = label.ljust(_MARGIN)
        self._page.lines += self._pane.wrap(text, first=first, rest=" " * _MARGIN)

    def _taken(self) -> list[Row]:
        """What was written on the page since the last time."""
        lines, self._page.lines = self._page.lines, []
        return [((each[:_MARGIN], "strong"), (each[_MARGIN:], "")) for each in lines]

    def _aligned(self, rows: list[Row]) -> list[Row]:
        """Rows of a page, whose labels are narrower by one."""
        told: list[Row] = []
        for row in rows:
            text = "".join(piece for piece, _ in row)
            told.append(((text[: _MARGIN - 1].ljust(_MARGIN), "strong"), (text[_MARGIN - 1 :], "")))
        return told

    def _session(self) -> str:
        line = self._status.cellular
        if line.state == "down" or not line.addresses:
            return ""
        since = self._clock - MINUTES * 60
        hour = [each for each in self._scene.samples["cellular"] if each.start >= since]
        down, up = sum(each.received for each in hour), sum(each.sent for each in hour)
        passed = f"; {size(down)} down and {size(up)} up in the last hour" if hour else ""
        return f"{', '.join(line.addresses)} on {line.interface}{passed}"

    def _data(self) -> list[Row]:
        usage = self._status.usage
        days = f", {usage.days_left} d left" if usage.days_left is not None else ""
        if not usage.cap or usage.percent is None:
            return [
                (("Data".ljust(_MARGIN), "strong"), (f"{size(usage.used)} in this cycle{days}; no cap", ""))
            ]
        tone = {"warned": "attention", "capped": "bad", "lifted": "bad"}.get(usage.state, "good")
        drawn = bar(usage.percent / 100, 30, self._style)
        words = f" {size(usage.used)} of {size(usage.cap)}, {usage.percent:.0f} %{days}"
        state = {"capped": ", capped", "lifted": ", cap lifted"}.get(usage.state, "")
        return [(("Data".ljust(_MARGIN), "strong"), (drawn, tone), (words, ""), (state, "bad"))]

    def _events(self, room: int) -> list[Row]:
        """The last of them, the newest at the end; one row each."""
        shown = [each for each in self._scene.events if not is_detail(each)][-min(EVENTS, max(0, room - 1)) :]
        if room < 2 or not shown:
            return []
        rows: list[Row] = [(("Events", "strong"),)]
        for each in shown:
            text = f"{each.subject}: {each.what}: {each.why}"
            row: Row = ((self._stamp(each).ljust(_MARGIN), "dim"), (text, _SEVERE.get(each.severity, "")))
            rows.append(cut(row, self._pane.width, self._style))
        return [tuple((self._style.letters(text), tone) for text, tone in row) for row in rows]

    def _stamp(self, event: EventView) -> str:
        then, today = time.localtime(event.time), time.localtime(self._clock)
        form = "%H:%M:%S" if then[:3] == today[:3] else "%d %b"
        return ("" if event.synced else "~") + time.strftime(form, then)


def _fitting(blocks: list[_Block], room: int) -> list[Row]:
    """Leave out the blocks of the lowest rank until the others fit; the last of them first."""
    kept = [each for each in blocks if each.rows]
    while sum(len(each.rows) for each in kept) > room and kept:
        least = min(each.rank for each in kept)
        kept.reverse()
        kept.remove(next(each for each in kept if each.rank == least))
        kept.reverse()
    return [row for each in kept for row in each.rows]


def _labelled(label: str, drawn: list[Row], words: str) -> list[Row]:
    """A graph with its name before it, and its figures behind it."""
    indent = " " * _MARGIN
    rows: list[Row] = [((indent, ""), *row) for row in drawn]
    rows[-1] = ((f"  {label}".ljust(_MARGIN), "dim"), *drawn[-1], (words, ""))
    return rows


def _mark(sample: SampleView | None, name: str) -> Mark:
    if sample is None:
        return UNKNOWN
    if sample.down > (sample.up + sample.suspect):
        return DOWN
    value: float | None = getattr(sample, name)
    return value


def _present(line: LineView, value: float | None) -> Mark:
    return DOWN if line.state == "down" else value


def _power(dbm: float | None) -> Mark:
    if dbm is None:
        return None
    return (dbm - _WEAKEST) / (_STRONGEST - _WEAKEST)


def _times(present: float | None, worst: float | None) -> str:
    """Now and worst, in ten cells."""
    if worst is None:
        return ""
    if worst >= 999.5:
        now = f"{present / 1000:.1f}" if present is not None else "-"
        return f"{now}/{worst / 1000:.1f} s"
    return f"{f'{present:.0f}' if present is not None else '-'}/{worst:.0f} ms"


def _shares(present: float | None, worst: float | None) -> str:
    if worst is None:
        return ""
    return f"{f'{present:.0f}' if present is not None else '-'}/{worst:.0f} %"
