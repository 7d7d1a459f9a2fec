"""Weeks of faults in seconds, from a seed; a seed that fails replays exactly."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from failberry.config import Mode
from failberry.core import actions as do
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import UplinkName
from tests.modemsim.model import Sim
from tests.modemsim.modem import SimModem
from tests.modemsim.profiles import PROFILES
from tests.simulation.world import BASE, World

DAY = 86_400.0
QUIET = replace(
    BASE,
    modem=replace(BASE.modem, poll_interval=1800.0),
    cellular=replace(BASE.cellular, pin="4321", registration_timeout=60.0),
)
STICKS = tuple(PROFILES.values())


def invariants(world: World) -> Callable[[], None]:
    """What must hold after every single event."""
    seen: set[tuple[int, int]] = set()
    checked = 0

    def check() -> None:
        nonlocal checked
        modem = world.modem
        assert modem.counters["puk_attempts"] == 0, "a PUK was sent"
        assert modem.sim.pin_tries >= 2, "the SIM came close to its PUK"
        for deed in world.deeds[checked:]:
            assert (world.life, deed.deed) not in seen, "a deed was done twice"
            seen.add((world.life, deed.deed))
            if isinstance(deed, do.SendCommand) and deed.command.text.startswith("ATD"):
                assert modem.network.registration != "roaming" or world.roaming_since > world.now - 60.0, (
                    "dialled on a foreign network"
                )
        checked = len(world.deeds)
        if world.appliance.failover.active is UplinkName.CELLULAR:
            assert world.appliance.mobile.link.usable

    return check


def disturb(world: World, rng: random.Random) -> None:
    """One stroke of fate."""
    roll = rng.randrange(6)
    if roll == 0:
        world.unplug() if world.plugged else world.plug()
    elif roll == 1:
        world.hang_up()
    elif roll == 2:
        world.kill_pppd()
    elif roll == 3:
        registration = rng.choice(["home", "roaming", "denied", "searching"])
        world.roaming_since = world.now
        world.change(registration=registration)
    elif roll == 4:
        world.change(silent=rng.random() < 0.5)
    elif roll == 5:
        world.change(garbage=rng.choice([0, 40]), slow=rng.choice([0.0, 0.5, 4.0]))
    elif roll == 6:
        world.change(dial_result=rng.choice(["", "NO CARRIER", "BUSY", "DELAYED"]), dial_result_times=3)
    elif roll == 7:
        world.change(
            stuck_in_data_mode=rng.random() < 0.5, data_mode_exits=(rng.choice(["dtr", "plus", "hdlc"]),)
        )
    elif roll == 8:
        world.boot(adopt=rng.random() < 0.5)
    elif roll == 9:
        world.cut_wired(carrier=rng.random() < 0.5)
    elif roll == 10:
        world.change(sim_busy=rng.choice([0.0, 5.0, 60.0]))
    else:
        world.change(silent_ports=rng.choice([(), (1,)]), urc_between=rng.choice(["", "+ZUSIMR:2"]))


def heal(world: World) -> None:
    """All is well again outside."""
    if not world.plugged:
        world.plug()
    world.cut_wired(carrier=True)
    world.change(
        registration="home",
        silent=False,
        silent_ports=(),
        garbage=0,
        slow=0.0,
        dial_result="",
        stuck_in_data_mode=False,
        sim_busy=0.0,
        urc_between="",
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_week_of_faults(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  fate, not a secret
    config = replace(QUIET, mode=rng.choice(list(Mode)), lan=None)
    # A real stick's chatter would be most of a week's events and none of its faults.
    profile = replace(STICKS[seed % len(STICKS)], floods=())
    modem = SimModem(profile, sim=Sim(pin_enabled=True, pin="4321"), seed=seed)
    world = World(config=config, modem=modem, seed=seed)
    world.roaming_since = world.now
    world.check = invariants(world)
    end = world.now + 5 * DAY
    while world.now < end:
        world.run(rng.expovariate(1 / 2_400.0))
        disturb(world, rng)
    heal(world)
    # The slowest way back: an hour's wait after a refusal, then a search and a dial.
    assert world.run(2 * 3600, until=lambda: world.state is ModemState.CONNECTED), world.told()[-3000:]
    assert world.sessions > 5


def test_the_same_seed_replays_exactly() -> None:
    def story(seed: int) -> str:
        rng = random.Random(seed)  # noqa: S311  fate, not a secret
        world = World(config=QUIET, modem=SimModem(sim=Sim(pin_enabled=True, pin="4321")), seed=seed)
        world.roaming_since = world.now
        for _ in range(40):
            world.run(rng.expovariate(1 / 2000.0))
            disturb(world, rng)
        return world.told()

    assert story(5) == story(5)
    assert story(5) != story(6)
