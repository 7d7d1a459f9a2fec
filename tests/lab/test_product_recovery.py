"""Whatever a modem does, the house is back on the Internet by itself, and nothing is cut off in vain.

Each fault strikes at a random moment: FAILBERRY_SEED repeats a run, FAILBERRY_REPEAT says how often each
scenario is run. FAILBERRY_FIGURES names a file to which the measured times are appended, one JSON line each.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.modemsim.model import EXITS, REMEDIES

from .lab import Lab
from .product import CONFIGURATION, MOBILE, SERVERS, Product

pytestmark = pytest.mark.timeout(2400)
SEED = os.environ.get("FAILBERRY_SEED") or str(random.SystemRandom().randrange(2**32))
REPEAT = int(os.environ.get("FAILBERRY_REPEAT") or 1)
FIGURES = os.environ.get("FAILBERRY_FIGURES")

OFF_TIME, STARTING = 3.0, 4.0
"""Seconds without power, and seconds that the stick takes to start."""
QUICKLY = f"""\
[power]
off_time = {OFF_TIME:.0f}
[modem]
poll_interval = 5
[probe]
cellular_budget = 20
[ppp]
echo_interval = 3
echo_failures = 2
"""
OVERHEAD = 5.0
"""Seconds beyond power-off time, enumeration and dial that a power cycle may cost."""
REFUSAL = 600.0 if REPEAT > 1 else 120.0
"""Seconds for which the carrier refuses."""
WHOLE_CLIMB = 900.0
"""Seconds for every step of the ladder, under emulation."""
LONGEST_WAIT = 330.0
"""Seconds between two dials when the network refuses: five minutes, and the jitter."""
HARDWARE = {"usb_reset", "power_cycle", "controller", "reboot"}
SAMPLES = "/run/samples"
SAMPLER = f"""
import http.client, json, time
while True:
    try:
        line = http.client.HTTPConnection("{SERVERS[0]}", timeout=1)
        line.request("GET", "/")
        peer = json.loads(line.getresponse().read())["peer"]
    except (OSError, ValueError, http.client.HTTPException):
        peer = "-"
    finally:
        line.close()
    with open("{SAMPLES}", "a") as file:
        print(f"{{time.monotonic():.3f}} {{peer}}", file=file)
    time.sleep(0.2)
"""


class House:
    """A house that lives on the mobile line, and somebody in it who asks a server five times a second."""

    def __init__(self, lab: Lab, scenario: str) -> None:
        self.lab, self.vm, self.scenario = lab, lab.vm, scenario
        self.dice = random.Random(f"{SEED} {scenario}")  # noqa: S311  chance, not a secret
        print(f"FAILBERRY_SEED={SEED}")
        self.product = Product(lab)
        self.product.up(more=QUICKLY, enumerates_after=STARTING)
        lab.world("prefer", "pi")
        self.vm.put("/run/sampler.py", SAMPLER.encode())
        self.vm.spawn("sampler", "exec ip netns exec lan1 python3 /run/sampler.py")
        self.vm.wait_until(f"grep -q {MOBILE} {SAMPLES}", deadline=30)
        self.boots = self.counters()["boots"]
        self.struck = 0.0

    # --- what happens ------------------------------------------------------------------------------

    def some_time(self, most: int = 80) -> None:
        """Let a random time pass."""
        count = len(self.samples()) + self.dice.randrange(2, most)
        self.vm.wait_until(f"test $(wc -l <{SAMPLES}) -ge {count}", deadline=120)

    def pass_time(self, seconds: float) -> None:
        """Let a time pass."""
        self.vm.run(["sleep", f"{seconds:.2f}"], timeout=seconds * 1.5 + 30)

    def strike(self, *settings: str) -> None:
        """The modem, or its network, becomes this, at a random moment."""
        self.some_time()
        self.lab.modem("set", *settings)
        self.struck = self.happened("set ")

    def lose_session(self) -> None:
        self.struck = self.uptime()
        self.lab.modem("hang_up")

    def flowing(self, *, deadline: float) -> float:
        """Wait for traffic that flows again after it had stopped; return seconds since the fault."""
        stopped = f"awk '$1 > {self.struck} && $2 != \"{MOBILE}\"' {SAMPLES} | grep -q ."
        flows = f"tail -n 5 {SAMPLES} | grep -c {MOBILE} | grep -qx 5"
        # Asked rarely: under emulation each look takes its time from the house.
        self.vm.wait_until(stopped, deadline=deadline, every=1.0)
        self.vm.wait_until(flows, deadline=deadline, every=1.0)
        return self.first_good() - self.struck

    # --- what was seen -----------------------------------------------------------------------------

    def samples(self) -> list[tuple[float, str]]:
        lines = (line.split() for line in self.vm.get(SAMPLES).decode().splitlines())
        return [(float(words[0]), words[1]) for words in lines if len(words) == 2]

    def first_good(self) -> float:
        """When traffic began to flow again."""
        samples = self.samples()
        last_bad = max(at for at, peer in samples if peer != MOBILE)
        return min(at for at, _ in samples if at > last_bad)

    def uptime(self) -> float:
        return float(self.vm.get("/proc/uptime").split()[0])

    def counters(self) -> dict[str, int]:
        found: dict[str, int] = self.product.sim("get", "counters")
        return found

    def happened(self, text: str) -> float:
        """When the modem last noted this."""
        history = self.product.sim("get", "history")
        return float(max(entry["at"] for entry in history if entry["text"].startswith(text)))

    def journal(self, *arguments: str) -> list[dict[str, Any]]:
        said = self.vm.run(["journalctl", "--no-pager", "--output=json", *arguments], timeout=60).stdout
        return [json.loads(line) for line in said.splitlines()]

    def told(self, what: str) -> float:
        """When the daemon last reported this."""
        found = self.journal("--unit=failberry", f"FAILBERRY_WHAT={what}")
        assert found, f"nothing was reported as {what!r}"
        return int(found[-1]["__MONOTONIC_TIMESTAMP"]) / 1e6

    def story(self) -> list[str]:
        """What the modem did and what the daemon said of it, with seconds since the fault."""
        told = [
            (int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6, str(entry["MESSAGE"]))
            for entry in self.journal("--unit=failberry")
        ]
        done = [(entry["at"], f"* {entry['text']}") for entry in self.product.sim("get", "history")]
        since = [(at - self.struck, text) for at, text in sorted(told + done)]
        return [f"{at:8.2f} {text}" for at, text in since if at > -1.0]

    def steps(self) -> list[dict[str, Any]]:
        """Steps of recovery that were taken, oldest first."""
        found: list[dict[str, Any]] = self.product.status()["recovery"]["steps"]
        return found[::-1]

    def rungs(self) -> list[str]:
        return [step["rung"] for step in self.steps()]

    def figures(self, seconds: float, **more: object) -> None:
        """Keep what was measured."""
        words = {"scenario": self.scenario, "seconds": round(seconds, 2), "rungs": self.rungs(), **more}
        line = json.dumps({**words, "seed": SEED})
        print(line)
        if FIGURES:
            with Path(FIGURES).open("a") as file:
                file.write(line + "\n")

    def dial_time(self) -> float:
        """Dial a modem that is well; return seconds from finding it until the house's traffic flows."""
        self.struck = self.uptime()
        self.vm.run(["failberryctl", "redial"])
        self.flowing(deadline=120)
        return self.first_good() - self.told("unknown -> initializing")


@pytest.fixture(params=range(REPEAT))
def house(lab: Lab, request: pytest.FixtureRequest) -> Iterator[House]:
    """A house whose mobile line is up."""
    name = f"{request.node.name.removeprefix('test_')}"
    made = House(lab, name)
    yield made
    print(*made.story(), sep="\n  ")


@pytest.mark.soak
def test_a_modem_that_answers_no_at_and_then_loses_its_session(house: House) -> None:
    needed = house.dice.choice(("usb_reset", "power"))
    house.strike("silent_ports=[1]", f"heals_by={needed}")
    house.some_time()
    house.strike("silent_ports=[1,2]")
    house.lose_session()
    house.figures(house.flowing(deadline=WHOLE_CLIMB), needed=needed)


@pytest.mark.soak
def test_a_modem_that_stops_answering_everything(house: House) -> None:
    needed = house.dice.choice(("usb_reset", "power"))
    house.strike("silent=true", f"heals_by={needed}")
    house.figures(house.flowing(deadline=WHOLE_CLIMB), needed=needed)


@pytest.mark.soak
def test_a_modem_that_comes_back_under_other_numbers(house: House) -> None:
    before = house.product.status()["modem"]["dial_tty"]
    house.lab.hold_ports()
    house.some_time()
    house.struck = house.uptime()
    house.lab.modem("power_cycle", f"off_for={house.dice.uniform(0.5, 15.0):.1f}")
    seconds = house.flowing(deadline=WHOLE_CLIMB)
    told = house.product.status()["modem"]
    assert told["dial_tty"] not in (before, None)
    house.figures(seconds)


@pytest.mark.parametrize("switched_by", ["us", pytest.param("debian", marks=pytest.mark.soak)])
def test_a_modem_that_comes_back_as_a_cd_rom(house: House, switched_by: str) -> None:
    if switched_by == "debian":
        house.lab.switch_by_debian()
    house.strike("cd_rom=true")
    house.lab.modem("power_cycle", f"off_for={house.dice.uniform(0.5, 15.0):.1f}")
    house.figures(house.flowing(deadline=WHOLE_CLIMB))
    assert ("switch_mode" in house.rungs()) is (switched_by == "us")


@pytest.mark.soak
def test_a_port_stuck_in_data_mode_after_everything_was_killed(house: House) -> None:
    # Never by DTR alone: the kernel drops it when it closes the dead pppd's port.
    ways_out = house.dice.choice([(way,) for way in EXITS if way != "dtr"] + [()])
    needed = "" if ways_out else house.dice.choice(("radio", "reboot", "usb_reset", "power"))
    house.strike("stuck_in_data_mode=true", f"data_mode_exits={','.join(ways_out)}", f"heals_by={needed}")
    house.struck = house.uptime()
    house.vm.run(["kill", "-9", str(house.product.pppd()), str(house.product.main_pid())])
    house.figures(house.flowing(deadline=WHOLE_CLIMB), needed=needed, ways_out=ways_out)


@pytest.mark.soak
def test_a_modem_that_answers_garbage(house: House) -> None:
    needed = house.dice.choice(REMEDIES)
    house.strike("garbage=48", "garbage_only=true", f"heals_by={needed}")
    house.some_time()
    house.lose_session()
    house.figures(house.flowing(deadline=WHOLE_CLIMB), needed=needed)


@pytest.mark.soak
def test_a_session_that_carries_nothing(house: House) -> None:
    needed = house.dice.choice(REMEDIES)
    house.strike("no_data=true", f"heals_by={needed}")
    house.figures(house.flowing(deadline=WHOLE_CLIMB), needed=needed)


@pytest.mark.soak
@pytest.mark.parametrize(
    "refusal",
    ["registration=denied", "registration=searching", "dial_result=NO CARRIER"],
    ids=["denied", "searching", "no_carrier"],
)
def test_a_carrier_that_refuses_touches_no_hardware(house: House, refusal: str) -> None:
    house.strike(refusal)
    house.lose_session()
    house.pass_time(REFUSAL)
    house.lab.modem("set", "registration=home", "dial_result=")
    accepted = house.happened("set ")
    house.flowing(deadline=LONGEST_WAIT + 60)
    assert HARDWARE.isdisjoint(house.rungs())
    assert "modem_reboot" not in house.rungs()
    assert house.counters()["boots"] == house.boots
    house.figures(house.first_good() - accepted, refusal=refusal, refused_for=REFUSAL)


@pytest.mark.soak
def test_a_wrong_apn_is_named_and_touches_no_hardware(house: House) -> None:
    house.strike("apns=direct")
    house.lose_session()
    told = house.product.await_status(
        lambda told: told["modem"]["fault"] == "refused", deadline=120, what="the refusal is named"
    )
    assert "cellular.apn" in told["modem"]["advice"]
    house.pass_time(30)
    assert HARDWARE.isdisjoint(house.rungs())
    assert "modem_reboot" not in house.rungs()
    assert house.counters()["boots"] == house.boots
    house.product.configure(
        text=CONFIGURATION[house.lab.topology].replace('"internet"', '"direct"') + QUICKLY
    )
    house.struck = house.uptime()
    house.vm.run(["failberryctl", "reload"])
    house.figures(house.flowing(deadline=120))


@pytest.mark.soak
def test_a_plan_that_is_used_up_is_named_and_touches_no_hardware(house: House) -> None:
    house.strike("capped=true")
    house.product.await_status(
        lambda told: told["modem"]["fault"] == "capped", deadline=180, what="the cap is named"
    )
    assert HARDWARE.isdisjoint(house.rungs())
    assert house.counters()["boots"] == house.boots
    house.lab.modem("set", "capped=false")
    house.vm.run(["failberryctl", "redial"])
    house.flowing(deadline=120)


@pytest.mark.soak
def test_where_only_cutting_power_helps_it_costs_no_more_than_it_must(house: House) -> None:
    dial = house.dial_time()
    house.strike("silent=true", "heals_by=power")
    seconds = house.flowing(deadline=WHOLE_CLIMB)
    decision, power_on = house.told("cut the modem's power"), house.happened("power on")
    attached = [
        int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        for entry in house.journal("--dmesg", "--grep=now attached to ttyUSB")
    ]
    enumeration = max(attached) - power_on
    taken = house.first_good() - decision
    floor = OFF_TIME + enumeration + dial
    house.figures(
        seconds, since_decision=round(taken, 2), floor=round(floor, 2), off_time=OFF_TIME,
        enumeration=round(enumeration, 2), dial=round(dial, 2),
    )  # fmt: skip
    assert taken <= floor + OVERHEAD
