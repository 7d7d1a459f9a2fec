"""What has happened, as people and programs read it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import failberry
from failberry.control.answers import EventsView
from failberry.control.document import decode
from failberry.core.actions import Severity
from failberry.core.kinds import RecordKind
from failberry.core.snapshot import UplinkName
from failberry.ctl import kinds
from failberry.ctl.__main__ import main
from failberry.ctl.moments import moment
from failberry.ctl.stories import is_detail, line, told
from failberry.ctl.style import Style
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl import lived
from tests.unit.ctl.painting import CLOCK, greenwich

ROOT = Path(failberry.__file__).parents[1]
Captured = pytest.CaptureFixture[str]


def history() -> list[Any]:
    return list(decode(EventsView, json.loads(lived.document())).events)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def appliance(place: Path) -> Iterator[SimulatedAppliance]:
    simulated = SimulatedAppliance(past=history())
    with daemon(place, simulated):
        yield simulated


def run(place: Path, *words: str) -> int:
    with greenwich():
        return main(["--socket", str(place), "events", *words])


def screen(*, details: bool = False, style: Style | None = None) -> str:
    with greenwich():
        return "\n".join(told(lived.events(without_deeds=not details), style or Style(), details=details))


def test_a_failover_reads_as_a_story() -> None:
    assert """
07:04  Failover to the mobile line, for 4 min 20 s: the wired line broke behind
       203.0.113.1 (hop 1), in the provider's network
       07:04:40     wired: up -> suspect: none of 1.1.1.1, 8.8.8.8, 9.9.9.9 has
                    answered 5 pings in 0.5 s; next: called dead after 5 s of
                    silence
       +0.0 s       failover: wired -> cellular: the wired line: none of
                    1.1.1.1, 8.8.8.8, 9.9.9.9 has answered 5 pings in 0.5 s;
                    next: new flows use the mobile line; open ones wait for the
                    wired one
       +4.5 s       wired: suspect -> down: none of 1.1.1.1, 8.8.8.8, 9.9.9.9
""" in screen()


def test_each_story_has_its_headline_under_its_day() -> None:
    text = screen().splitlines()
    heads = [each for each in text if each[:1].isalnum()]
    assert heads == [
        "Friday, 15 January 2027",
        "06:04  failberryd started",
        "07:04  Failover to the mobile line, for 4 min 20 s: the wired line broke behind",
        "07:38  The mobile line was down for 5 min 2 s; tried: cut the modem's power",
        "07:58  Failover to the mobile line, for 1 min: the owner asked for it",
    ]
    assert "       (2 more events: --details)" in text


def test_details_leave_nothing_out() -> None:
    text = screen(details=True)
    assert "sent ATD*99# on the dial port: answered CONNECT" in text
    assert "searching -> registered" in text
    assert "more events" not in text
    assert "searching -> registered" not in screen()


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, screen(style=Style(width=width), details=True).splitlines())) <= width


def test_colours_are_for_what_matters() -> None:
    text = screen(style=Style(colour=True))
    assert "\x1b[1;33m07:04  Failover" in text
    assert "\x1b[1;33m" not in "".join(each for each in text.splitlines() if "failberryd started" in each)


def test_a_time_that_cannot_be_believed_is_marked() -> None:
    (first, *_) = lived.events()
    first.synced = False
    try:
        with greenwich():
            assert line(first, None, Style())[1].startswith("~06:04:38  daemon: started")
    finally:
        first.synced = True


def test_the_commands_names_are_the_cores() -> None:
    assert list(kinds.KINDS) == list(RecordKind)
    assert list(kinds.SEVERITIES) == list(Severity)
    assert list(kinds.LINES) == list(UplinkName)


def test_events_in_words(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place) == 0
    printed = capsys.readouterr().out
    assert "Failover to the mobile line, for 4 min 20 s" in printed
    assert "sent ATD" not in printed
    assert run(place, "--since", "2027-01-15T07:50", "--severity", "notice") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].startswith("07:58  Failover to the mobile line")
    assert run(place, "--kind", "deed", "--limit", "1") == 0
    printed = capsys.readouterr().out
    assert "These are the last 1 events" in printed
    assert run(place, "--kind", "usage") == 0
    assert capsys.readouterr().out == "Nothing happened, as far as the history tells.\n"


def test_events_as_json(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "--json", "--limit", "1000") == 0
    document = json.loads(capsys.readouterr().out)
    assert decode(EventsView, document).events == tuple(appliance.past)


@pytest.mark.parametrize(
    "words", [["--kind", "pigeon"], ["--limit", "0"], ["--limit", "1001"], ["--since", "soon"]]
)
def test_wrong_words(place: Path, words: list[str]) -> None:
    assert run(place, *words) == 64


def test_without_a_daemon(place: Path, capsys: Captured) -> None:
    assert run(place) == 3
    assert run(place, "--follow") == 3
    assert "failberryd is not running" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json"])
def test_following(place: Path, appliance: SimulatedAppliance, form: str) -> None:
    command = [sys.executable, "-m", "failberry.ctl", "--socket", str(place), "events", "--follow"]
    command += ["--json"] if form == "json" else []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            first = program.stdout.readline()
            newest = appliance.past[-1]
            new = {"id": newest.id + 1, "correlation": newest.id + 1, "what": "the news", "time": CLOCK}
            news = replace(newest, kind=RecordKind.FAILOVER, subject="failover", **new)  # type: ignore[arg-type]
            assert appliance.loop is not None
            appliance.loop.call_soon_threadsafe(appliance.happens, news)
            told_last = next(each for each in program.stdout if "the news" in each)
        finally:
            program.kill()
    if form == "json":
        assert json.loads(first)["id"] == appliance.past[-11].id
        assert json.loads(told_last)["id"] == news.id
    else:
        assert first.rstrip().endswith(" 2027")
        assert "failover: the news" in told_last


@pytest.mark.parametrize(
    ("text", "seconds_ago"),
    [
        ("2h", 7200),
        ("90 min", 5400),
        ("1d", 86_400),
        ("2 w ago", 14 * 86_400),
        ("today", 8 * 3600),
        ("yesterday", 32 * 3600),
        ("7:30", 1800),
        ("2027-01-15T07:00", 3600),
        ("2027-01-15T07:00:00+02:00", 3 * 3600),
        ("2027-01-14", 32 * 3600),
    ],
)
def test_moments(text: str, seconds_ago: float) -> None:
    with greenwich():
        assert CLOCK - moment(text, CLOCK) == seconds_ago


@pytest.mark.parametrize("text", ["", "soon", "h", "-2h", "25:00", "2027-13-01", "1e9", "10 years"])
def test_no_moments(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write for example 2h, yesterday"):
        moment(text, CLOCK)


def test_what_a_detail_is() -> None:
    shown = {(each.kind, each.what) for each in history() if not is_detail(each)}
    assert ("modem", "connecting -> connected") in shown
    assert not any(kind == "deed" for kind, _ in shown)
