"""`failberryctl dns`, and `failover force --dns`: the whole program, its child on the strict Route 53."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from failberry.core.snapshot import NameState, NamesView, NameView, UplinkName
from failberry.ctl import ATTENTION, CONFIG, OK, UNREACHABLE, USAGE, child, dns
from failberry.ctl.__main__ import main
from failberry.ctl.arguments import parse
from failberry.ctl.dnsscreen import Standing, faults, status_lines
from failberry.ctl.nameservers import House, Told
from failberry.ctl.style import Style
from failberry.dns.messages import SOCKET
from tests.awskit.account import ALARM, ALARM_DOCUMENT, simple
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL
from tests.unit.dns.world import World, listening

Captured = pytest.CaptureFixture[str]
HIDDEN = "w-5f0c7e"
MINIMAL = 'mode = "standby-gateway"\nwired.interface = "eth0"\n'
FILE = f"""\
{MINIMAL}
[health]
wired_path = "/{HIDDEN}"
[dns]
zone = "example.com"
name = "home.example.com"
wired_name = "wired.example.com"
cellular_name = "mobile.example.com"
wired_source = "fixed"
wired_address = ["1.2.3.4"]
cellular_source = "route53"
"""
THEIRS = simple("home.example.com", "A", "9.8.7.6")


class Desk:
    """A file, a child, and who types."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world
        (folder / "failberry.toml").write_text(FILE)
        world.api.alarms[ALARM[0], "failberry-mobile"] = {**ALARM_DOCUMENT, "AlarmName": "failberry-mobile"}

    def run(self, *words: str) -> int:
        return main(self.words(words))

    def words(self, words: tuple[str, ...]) -> list[str]:
        own = ["--child", str(self.folder / "child")] if words[1] != "verify" else []
        return [*self.places(), *words, *own]

    def places(self) -> list[str]:
        return ["--socket", str(self.folder / "control"), "--config", str(self.folder / "failberry.toml")]

    def look(self, *words: str, told: list[Told], problem: str = "") -> int:
        return dns.run(parse(self.words(words)), lambda _: (told, problem))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = World(THEIRS)
    with listening(world, tmp_path / "child"):
        yield Desk(tmp_path, world)


def flat(text: str) -> str:
    return " ".join(text.split())


# --- plan, apply, destroy ------------------------------------------------------------------------


def test_the_socket_is_the_childs() -> None:
    from failberry.ctl import CHILD

    assert CHILD == SOCKET


def test_a_plan_tells_what_stands_against_it(desk: Desk, capsys: Captured) -> None:
    assert desk.run("dns", "plan") == ATTENTION
    out = capsys.readouterr().out
    assert "! dns.name: home.example.com has a record that is not ours: A 9.8.7.6" in out
    assert "--adopt" in out
    assert desk.world.api.checks == {}


def test_a_plan_in_eighty_columns_with_what_it_costs(desk: Desk, capsys: Captured) -> None:
    assert desk.run("dns", "plan", "--adopt") == OK
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines()), out
    for words in (
        "1. create the health check of the wired line",
        "+ check failberry:pi:wired:",
        "- home.example.com 300 A 9.8.7.6",
        "$0.75",
        "968 MB wired",
        "30 MB cellular",
        "clients have moved",
    ):
        assert words in flat(out), words
    assert "\x1b" not in out
    assert HIDDEN not in out
    assert desk.world.api.checks == {}


def test_apply_does_what_it_showed_and_looks_again(desk: Desk, capsys: Captured) -> None:
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    told = capsys.readouterr()
    assert told.out.rstrip().endswith("Done. Planned again: nothing is left to change.")
    assert "5 of 5: change example.com, all or nothing" in flat(told.err)
    assert all(len(line) <= 80 for line in (told.out + told.err).splitlines())
    assert HIDDEN not in told.out + told.err
    assert desk.run("dns", "apply") == OK
    assert "Nothing to change" in capsys.readouterr().out


def test_nobody_says_yes(desk: Desk, capsys: Captured) -> None:
    assert desk.run("dns", "apply", "--adopt") == ATTENTION
    assert "Scripts give --yes. Nothing was changed." in flat(capsys.readouterr().err)
    assert desk.run("dns", "apply", "--adopt", "--json") == USAGE
    assert desk.run("dns", "destroy", "--json") == USAGE
    assert desk.world.api.checks == {}


def test_somebody_says_yes(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        os.write(ours, b"no\n")
        assert desk.run("dns", "apply", "--adopt") == ATTENTION
        assert desk.world.api.checks == {}
        os.write(ours, b"yes\n")
        assert desk.run("dns", "apply", "--adopt") == OK
    os.close(ours)
    assert "Type yes to carry it out: " in capsys.readouterr().out


def test_a_child_that_dies_is_told_and_asked_again(desk: Desk, capsys: Captured) -> None:
    desk.world.left = 2
    assert desk.run("dns", "apply", "--adopt", "--yes") == UNREACHABLE
    assert "asking again does no harm" in flat(capsys.readouterr().err)
    desk.world.left = None
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert len(desk.world.api.checks) == 2


def test_destroy_gives_the_zone_back(desk: Desk, capsys: Captured) -> None:
    before = dict(desk.world.api.records)
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert desk.run("dns", "destroy", "--yes") == OK
    assert desk.world.api.records == before
    assert desk.run("dns", "destroy") == OK
    assert "Nothing of ours is there." in capsys.readouterr().out


def test_what_the_daemon_wrote_is_taken_away(
    desk: Desk, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    before = dict(desk.world.api.records)
    desk.world.publish(ip_address("5.6.7.8"), name="mobile.example.com")
    assert desk.run("dns", "destroy") == OK
    out = flat(capsys.readouterr().out)
    assert "Nothing of ours is there. note: A 5.6.7.8 of mobile.example.com stays" in out
    appliance.snapshot = told_by_daemon()
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert "is what the daemon keeps there" in flat(capsys.readouterr().out)
    desk.world.publish(ip_address("5.6.7.9"), name="mobile.example.com")
    assert desk.run("dns", "destroy", "--yes") == OK
    assert desk.world.api.records == before


def test_what_the_daemon_is_about_to_overwrite_comes_back(
    desk: Desk, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    assert desk.world.api.put(simple("mobile.example.com", "A", "9.8.7.6"))
    before = dict(desk.world.api.records)
    appliance.snapshot = told_by_daemon(state=NameState.PENDING, addresses=("9.8.7.6",))
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert "is not known to be the daemon's" in flat(capsys.readouterr().out)
    desk.world.publish(ip_address("5.6.7.8"), name="mobile.example.com")
    assert desk.run("dns", "destroy", "--yes") == OK
    assert desk.world.api.records == before


def test_all_of_it_as_json(desk: Desk, capsys: Captured) -> None:
    def told(*words: str, code: int = OK) -> Any:
        assert desk.run("dns", *words, "--json") == code
        return json.loads(capsys.readouterr().out)

    assert told("plan", code=ATTENTION)["plan"]["problems"][0]["key"] == "dns.name"
    plan = told("plan", "--adopt")
    assert len(plan["plan"]["steps"]) == 5
    assert plan["costs"]["total"]["low"] == 1.25
    assert plan["costs"]["megabytes"]["cellular"]["high"] < 31
    done = told("apply", "--adopt", "--yes")
    assert (done["changes"], done["left"]) == (5, 0)
    assert told("apply", "--yes")["changes"] == 0
    assert told("destroy", "--yes")["changes"] == 3


def test_what_the_child_refuses_is_said(desk: Desk, capsys: Captured) -> None:
    desk.world.api.faults = [("list_health_checks", "AccessDenied")]
    assert desk.run("dns", "plan") == ATTENTION
    assert "Route 53, denied: reading example.com: AccessDenied" in flat(capsys.readouterr().err)


def test_without_a_child(desk: Desk, capsys: Captured) -> None:
    assert main([*desk.places(), "dns", "plan", "--child", "/nowhere"]) == UNREACHABLE
    assert "systemctl start failberry-dns.socket" in flat(capsys.readouterr().err)


def test_without_names(desk: Desk, capsys: Captured) -> None:
    (desk.folder / "failberry.toml").write_text(MINIMAL)
    for words in ("dns plan", "dns status", "dns verify", "failover force auto --dns"):
        assert desk.run(*words.split()) == CONFIG
        assert "has no [dns]" in flat(capsys.readouterr().err)


def test_with_a_file_that_cannot_be(desk: Desk, capsys: Captured) -> None:
    (desk.folder / "failberry.toml").write_text(FILE.replace('"fixed"', '"elsewhere"'))
    assert desk.run("dns", "plan") == CONFIG
    assert "dns.wired_address" in capsys.readouterr().err


def test_silence_of_the_child_has_an_end(tmp_path: Path) -> None:
    from failberry.dns.messages import MoveRequest, MoveResult
    from tests.unit.dns.wishes import WISH

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        request = MoveRequest(wish=WISH, forced=None)
        with pytest.raises(child.ChildError, match="gave no answer"):
            child.ask(str(tmp_path / "s"), request, MoveResult, tell=print, patience=0.05)


# --- failover force --dns ------------------------------------------------------------------------


@pytest.fixture
def appliance(desk: Desk) -> Iterator[SimulatedAppliance]:
    simulated = SimulatedAppliance()
    with daemon(desk.folder / "control", simulated):
        yield simulated


def test_the_name_is_held_and_let_go(desk: Desk, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert desk.run("failover", "force", "cellular", "--dns") == OK
    assert desk.world.answers() == "dead healthy"
    assert "home.example.com is held on the mobile line" in flat(capsys.readouterr().out)
    assert desk.run("failover", "force", "cellular", "--dns") == OK
    assert "as it was" in capsys.readouterr().out
    assert desk.run("failover", "force", "auto", "--dns") == OK
    assert desk.world.answers() == "asked asked"
    assert [each.partition(" ")[0] for each in appliance.asked] == [
        "cellular",
        "cellular",
        "None",
    ]


def test_a_time_needs_somebody_who_ends_it(
    desk: Desk, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert desk.run("failover", "force", "cellular", "--for", "2h", "--dns") == USAGE
    assert "only with dns.fast" in flat(capsys.readouterr().err)
    assert (appliance.asked, desk.world.answers()) == ([], "asked asked")
    (desk.folder / "failberry.toml").write_text(FILE + "fast = true\n")
    assert desk.run("failover", "force", "cellular", "--for", "2h", "--dns") == OK
    assert desk.world.answers() == "dead healthy"
    # The daemon ends it there, too: it is not asked twice.
    assert desk.run("failover", "force", "auto", "--dns") == OK
    assert "by itself (dns.fast)" in capsys.readouterr().out


def test_a_dead_daemon_is_no_reason_to_leave_the_name(desk: Desk, capsys: Captured) -> None:
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    assert desk.run("failover", "force", "cellular", "--dns") == ATTENTION
    assert desk.world.answers() == "dead healthy"
    assert "only Route 53 is asked" in capsys.readouterr().err


def test_who_changes_a_check_in_the_same_moment(desk: Desk, appliance: SimulatedAppliance) -> None:
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    desk.world.api.faults = [("update_health_check", "HealthCheckVersionMismatch")] * 2
    assert desk.run("failover", "force", "wired", "--dns") == OK
    desk.world.api.faults = [("update_health_check", "HealthCheckVersionMismatch")] * 3
    assert desk.run("failover", "force", "cellular", "--dns") == ATTENTION


# --- status, verify ------------------------------------------------------------------------------

NS1 = Told(
    server="ns-1.example",
    address="198.51.100.1",
    leads_to="wired",
    answer=("wired.example.com", "1.2.3.4"),
    lines={"wired": ("1.2.3.4",), "cellular": ("5.6.7.8",)},
)
NS2 = replace(NS1, server="ns-2.example", address="198.51.100.2")


def test_all_well(desk: Desk, capsys: Captured) -> None:
    assert desk.look("dns", "verify", told=[NS1, NS2]) == OK
    assert capsys.readouterr().out == (
        "home.example.com leads to the wired line.\n"
        "\n"
        "Server   ns-1.example: wired line, wired.example.com 1.2.3.4\n"
        "Server   ns-2.example: wired line, wired.example.com 1.2.3.4\n"
        "Wired    wired.example.com: 1.2.3.4\n"
        "Mobile   mobile.example.com: 5.6.7.8\n"
    )


@pytest.mark.parametrize(
    ("told", "problem", "words"),
    [
        ([], "nobody tells", "nobody tells"),
        ([NS1, replace(NS2, problem="it does not answer")], "", "ns-2.example: it does not answer"),
        ([NS1, replace(NS2, leads_to="cellular")], "", "do not agree"),
        ([replace(NS1, leads_to="", answer=())], "", "leads to nothing, which is neither line"),
        ([replace(NS1, leads_to="", answer=("9.9.9.9",))], "", "leads to 9.9.9.9, which is neither line"),
        ([replace(NS1, leads_to="cellular", lines={"wired": ("1.2.3.4",)})], "", "mobile.example.com has no"),
        (
            [replace(NS1, lines={"wired": ("1.1.1.1",)})],
            "",
            "has 1.1.1.1 where dns.wired_address says 1.2.3.4",
        ),
    ],
)
def test_what_is_not_well(desk: Desk, told: list[Told], problem: str, words: str, capsys: Captured) -> None:
    assert desk.look("dns", "verify", told=told, problem=problem) == ATTENTION
    out = capsys.readouterr().out
    assert words in flat(out)
    assert all(len(line) <= 80 for line in out.splitlines())
    assert desk.look("dns", "verify", "--json", told=told, problem=problem) == ATTENTION
    assert json.loads(capsys.readouterr().out)["problems"]


def test_the_status_compares(desk: Desk, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert desk.look("dns", "status", told=[NS1, NS2]) == ATTENTION
    assert "home.example.com is not set up at Route 53" in flat(capsys.readouterr().out)
    desk.run("dns", "apply", "--adopt", "--yes")
    desk.world.publish(ip_address("5.6.7.8"), name="mobile.example.com")
    capsys.readouterr()
    assert desk.look("dns", "status", told=[NS1, NS2]) == OK
    out = capsys.readouterr().out
    for words in ("2 of 2 answer for example.com", "would answer CNAME wired.example.com", "path (secret)"):
        assert words in flat(out)
    assert HIDDEN not in out
    assert all(len(line) <= 80 for line in out.splitlines()), out
    old = replace(NS1, lines={"wired": ("1.2.3.4",), "cellular": ("5.6.7.7",)})
    assert desk.look("dns", "status", told=[old]) == ATTENTION
    assert "Route 53 has 5.6.7.8 for mobile.example.com, its name servers do not" in flat(
        capsys.readouterr().out
    )
    assert desk.look("dns", "status", "--json", told=[NS1]) == OK
    told = json.loads(capsys.readouterr().out)
    assert (told["api"]["due"], told["servers"][0]["leads_to"]) == (0, "wired")


def test_the_status_without_daemon_and_without_child(desk: Desk, capsys: Captured) -> None:
    arguments = parse([*desk.places(), "dns", "status", "--child", "/nowhere"])
    assert dns.run(arguments, lambda _: ([NS1], "")) == ATTENTION
    out = flat(capsys.readouterr().out)
    assert "Route 53 could not be asked: Nobody listens on /nowhere" in out
    assert "failberryd is not running" in out


def test_who_may_not_ask_route_53_hears_the_rest() -> None:
    house = House(zone="example.com", name="home.example.com", lines={"wired": "wired.example.com"})
    standing = Standing(
        house=house,
        servers=[NS1],
        no_servers="",
        api=None,
        no_api="only root may",
        names=None,
        no_names="",
        may_not=True,
    )
    assert faults(standing) == []
    assert "Route 53 only root may" in "\n".join(status_lines(standing, Style()))


def told_by_daemon(**fields: Any) -> Any:
    one = NameView(
        line=UplinkName.CELLULAR,
        name="mobile.example.com",
        source="route53",
        addresses=("5.6.7.8",),
        state=NameState.PUBLISHED,
        state_for=60.0,
        reason="it is the line's own",
    )
    return replace(ALL_WELL, names=NamesView(name="home.example.com", lines=(replace(one, **fields),)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"addresses": ("5.6.7.9",)}, "failberryd has published 5.6.7.9 at mobile.example.com, the name"),
        ({"state": NameState.FAILED, "reason": "no key"}, "failberryd: mobile.example.com failed: no key"),
        ({"state": NameState.ABSENT, "reason": "shared"}, "failberryd: mobile.example.com absent: shared"),
        ({"state": NameState.KEPT, "addresses": ()}, ""),
    ],
)
def test_what_the_daemon_believes_is_compared(
    desk: Desk, appliance: SimulatedAppliance, fields: dict[str, Any], words: str, capsys: Captured
) -> None:
    appliance.snapshot = told_by_daemon(**fields)
    assert desk.run("dns", "apply", "--adopt", "--yes") == OK
    desk.world.publish(ip_address("5.6.7.8"), name="mobile.example.com")
    capsys.readouterr()
    assert desk.look("dns", "status", told=[NS1]) == (ATTENTION if words else OK)
    out = flat(capsys.readouterr().out)
    assert words in out
    assert "Daemon mobile.example.com" in out


def test_a_write_that_has_to_wait_is_shown_with_its_wait(
    desk: Desk, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    appliance.snapshot = told_by_daemon(
        state=NameState.PENDING, reason="it is new", next="write the address", next_in=34.2
    )
    desk.look("dns", "status", told=[NS1])
    assert "it is new; next: write the address in 35 s" in flat(capsys.readouterr().out)
