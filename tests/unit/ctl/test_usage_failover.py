"""The data plan and the choice of the line: the whole program against a real socket."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from failberry.control.document import encode
from failberry.core.snapshot import ForcedView, Snapshot, UplinkName, UsageView
from failberry.ctl import ATTENTION, NO_LINE, OK, USAGE
from failberry.ctl.__main__ import main
from failberry.ctl.failover import Failover
from failberry.ctl.screen import view
from failberry.ctl.style import Style
from failberry.ctl.usage import Usage, projection
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl import hours
from tests.unit.ctl.painting import CLOCK, greenwich
from tests.unit.ctl.scenarios import ALL_WELL, ROUTER_ALL_WELL
from tests.unit.ctl.scenarios import NO_LINE as DARK

Captured = pytest.CaptureFixture[str]
PLAN = UsageView(
    used=1_200_000_000,
    cap=5_000_000_000,
    percent=24.0,
    cycle_began="2027-01-09",
    days_left=25,
    standby_used=3_400_000,
    probes_used=412_000,
)

FIRST = 1_794_160_800.0
"""8 November 2026, 18:00 in Greenwich: six hours before a cycle began."""
PAST = tuple(
    # The end of a cycle, two samples of the next one, six hours that belong to that and to the third.
    replace(hours.IDLE, start=FIRST + after * 3600, received=0, sent=octets, used=used)
    for after, octets, used in (
        (0, 0, 900_000_000),
        (6, 1_000_000, 1_000_000),
        (30 * 24, 299_000_000, 300_000_000),
        (30 * 24 + 3, 50_000_000, 40_000_000),
        (60 * 24, 5_260_000_000, 5_300_000_000),
    )
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def appliance(place: Path) -> Iterator[SimulatedAppliance]:
    simulated = SimulatedAppliance()
    with daemon(place, simulated):
        yield simulated


def run(place: Path, *words: str) -> int:
    return main(["--socket", str(place), *words])


def screen(face: Usage | type[Failover], status: Snapshot) -> str:
    with greenwich():
        return "\n".join([*face.text(json.loads(json.dumps(encode(status))), Style(), CLOCK), ""])


def using(**changes: object) -> Snapshot:
    return replace(ALL_WELL, usage=replace(PLAN, **changes))  # type: ignore[arg-type]


# --- the plan ------------------------------------------------------------------------------------


def test_the_plan() -> None:
    assert (
        screen(Usage(PAST), using())
        == """\
Used     1.2 GB of 5.0 GB, 24.0 %
Cycle    began on 2027-01-09, 25 days left
Forecast 5.9 GB at its end, if it goes on like this, 117 % of the cap
Standby  3.4 MB in 3 days 4 h, since the daemon started, while the wired line
         carried the house; 32 MB a month
         412 kB were its own questions, whatever line carried the house; 3.9 MB
         a month

Each billing cycle by its first day, ▒ expected, the cap at │
2027-01-09  ████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒ 1.2 GB, 24 %
2026-12-09  ██████████████████████████████████│█░░░░ 5.3 GB, 106 %
2026-11-09  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░│░░░░░ 310 MB, 6 %
2026-10-09  ██████░░░░░░░░░░░░░░░░░░░░░░░░░░░░│░░░░░ 900 MB, 18 %
"""
    )


def test_a_plan_without_cap_or_clock() -> None:
    text = screen(Usage(), using(cap=None, percent=None, cycle_began=None, days_left=None, standby_used=0))
    assert "1.2 GB, no cap is set (usage.cap)" in text
    assert "clock could not be believed yet" in text
    assert "Forecast" not in text


def test_bars_are_of_one_scale_whatever_is_known() -> None:
    well_below = screen(Usage(PAST), using(cap=50_000_000_000, percent=2.4))
    assert "▒ expected, the cap at the end\n2027-01-09  █▒▒▒▒░" in well_below
    no_cap = screen(Usage(PAST), using(cap=None, percent=None))
    assert "▒ expected\n" in no_cap
    assert "2026-12-09  ████" in no_cap
    assert "5.3 GB\n" in no_cap
    assert "2027-01-09" in screen(Usage(), using())
    assert "billing cycle" not in screen(Usage(), using(used=0, cap=None, percent=None))


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("warned", 0), ("capped", 1), ("lifted", 1)])
def test_the_cap_shows_in_the_exit_code(
    place: Path, appliance: SimulatedAppliance, state: str, code: int, capsys: Captured
) -> None:
    appliance.snapshot = using(state=state)
    assert run(place, "usage") == code
    assert ("the cap is reached" in " ".join(capsys.readouterr().out.split())) == (code == ATTENTION)


def test_the_plan_as_json(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    appliance.snapshot = using()
    assert run(place, "usage", "--json") == OK
    told = json.loads(capsys.readouterr().out)
    assert told["usage"] == encode(PLAN)
    assert told.keys() == {"version", "failberry", "running_for", "usage", "projection", "cycles"}
    assert [(each["began"], each["used"]) for each in told["cycles"]] == [("2027-01-09", 1_200_000_000)]


def test_a_forecast_needs_a_day_and_never_forgets_what_is_used() -> None:
    def expected(days: float, left: int) -> int | None:
        usage = view(encode(replace(PLAN, used=1000, cycle_began="2027-01-15", days_left=left)))
        with greenwich():
            return projection(usage, CLOCK - CLOCK % 86_400 + days * 86_400)

    assert expected(0.9, 30) is None
    assert expected(10.0, 20) == 3000
    assert expected(29.99, 1) >= 1000  # type: ignore[operator]
    assert expected(-3.0, 30) is None  # the clock was set back
    assert expected(400.0, 1) is None


@pytest.mark.parametrize(
    ("amount", "octets"),
    [("1.2GB", 1_200_000_000), ("350 mb", 350_000_000), ("0", 0), ("2GiB", 2 << 30), ("800k", 800_000)],
)
def test_the_owner_says_what_is_used(
    place: Path, appliance: SimulatedAppliance, amount: str, octets: int, capsys: Captured
) -> None:
    assert run(place, "usage", "set", amount) == OK
    assert appliance.asked == [f"used={octets}"]
    assert "by your word" in capsys.readouterr().out


@pytest.mark.parametrize("amount", ["much", "-5MB", "1.2.3GB", "1e9", "9999999TB", "5ib", ""])
def test_what_is_no_amount(place: Path, appliance: SimulatedAppliance, amount: str, capsys: Captured) -> None:
    assert run(place, "usage", "set", f" {amount}") == USAGE
    assert appliance.asked == []
    assert "usage set" in capsys.readouterr().err


# --- the lines -----------------------------------------------------------------------------------


def test_the_lines() -> None:
    forced = replace(
        ROUTER_ALL_WELL,
        forced=ForcedView(line=UplinkName.WIRED, left=5400.0),
        next="choose by itself again",
        next_in=5400.0,
    )
    text = screen(Failover, forced)
    assert text.startswith("Active   wired line, since ")
    assert "forced by the owner for another 1 h 30 min" in text
    assert "\nWired    up, since" in text
    assert "\nMobile   up, since" in text
    assert "\nNext     choose by itself again in 1 h 30 min\n" in text
    assert "Kernel" not in text


def test_the_lines_as_json_and_as_exit_code(
    place: Path, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    assert run(place, "failover", "--json") == OK
    told = json.loads(capsys.readouterr().out)
    assert {"active", "forced", "wired", "cellular", "next", "next_in"} <= told.keys()
    appliance.snapshot = DARK
    assert run(place, "failover") == NO_LINE


@pytest.mark.parametrize(
    ("words", "asked", "said"),
    [
        (["wired"], "wired for None", "take the wired line until"),
        (["cellular", "--for", "2h"], "cellular for 7200.0", "take the mobile line for 2 h"),
        (["cellular", "--for", "90"], "cellular for 90.0", "for 1 min 30 s"),
        (["auto"], "None for None", "by itself again"),
    ],
)
def test_the_owner_chooses(
    place: Path, appliance: SimulatedAppliance, words: list[str], asked: str, said: str, capsys: Captured
) -> None:
    assert run(place, "failover", "force", *words) == OK
    assert appliance.asked == [asked]
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [[], ["pigeon"], ["wired", "--for", "0s"], ["wired", "--for", "ages"], ["wired", "--for", "31d"]],
)
def test_what_is_no_choice(place: Path, appliance: SimulatedAppliance, words: list[str]) -> None:
    assert run(place, "failover", "force", *words) == USAGE
    assert appliance.asked == []


def test_a_time_does_not_go_with_auto(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "failover", "force", "auto", "--for", "2h") == USAGE
    assert "--for goes with wired or cellular" in capsys.readouterr().err
    assert appliance.asked == []


@pytest.mark.parametrize("words", [["usage", "set", "1GB"], ["failover", "force", "wired"]])
def test_both_are_for_root(place: Path, words: list[str], capsys: Captured) -> None:
    simulated = SimulatedAppliance()
    with daemon(place, simulated, trusted=frozenset()):
        assert run(place, *words) == ATTENTION
        assert simulated.asked == []
        assert run(place, words[0]) == OK
    assert "Only root may do that" in capsys.readouterr().err
