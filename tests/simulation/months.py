"""One month in the life of one modem, under faults drawn from a seed, and everything that must hold in it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from failberry.core import actions as do
from failberry.core import reconcile, watch
from failberry.core.causes import Remedy
from failberry.core.modem_state import ModemState
from failberry.core.recovery import DAY, HOUR, LADDER
from failberry.core.steps import Rung
from tests.modemsim.model import Reach, Sim
from tests.modemsim.modem import SimModem
from tests.modemsim.profiles import PROFILES
from tests.simulation.outside import Hub, reach
from tests.simulation.world import BASE, World

MONTH = 30 * DAY
BOUND = 6 * HOUR
"""Seconds in which the line must be up once the outside allows it: the longest waits, an hour after a refusal
and three for a used-up budget of power cycles, and the climb itself."""
RUNG_OF = {
    do.ResetUsb: Rung.USB_RESET,
    do.CyclePower: Rung.POWER_CYCLE,
    do.SwitchMode: Rung.SWITCH_MODE,
    do.RebindController: Rung.CONTROLLER,
    do.Reboot: Rung.REBOOT,
}
HARMLESS = {Remedy.HUMAN, Remedy.PIN, Remedy.NETWORK, Remedy.PLAN, Remedy.APN, Remedy.HOST, Remedy.ENDED}
"""Remedies under which no hardware may be touched."""
REMEDIES = ("hang_up", "radio", "reboot", "usb_reset", "power")
QUIET = replace(
    BASE,
    # Rarer than most owners have it: signal, and looks at a line that is well, would be most of the events.
    modem=replace(BASE.modem, poll_interval=DAY),
    probe=replace(BASE.probe, cellular_budget=0.3),
    cellular=replace(BASE.cellular, pin="4321", registration_timeout=60.0),
)
SPECS = {spec.rung: spec for spec in LADDER}


def hang(world: World, rng: random.Random) -> None:
    """The modem fails in a way that only a step of recovery ends."""
    remedies = REMEDIES if world.hub is Hub.SWITCHES else REMEDIES[:-1]
    remedy = max(rng.choice(remedies), world.modem.faults.heals_by or remedies[0], key=REMEDIES.index)
    match rng.randrange(5):
        case 0:
            world.change(silent=True, heals_by=remedy)
        case 1:
            world.traffic = True  # so that it is noticed within the hour
            world.change(no_data=True, heals_by=remedy)
        case 2 if not world.modem.faults.heals_by:
            # A modem that refuses to dial although it answers is rebooted, not unplugged.
            world.change(dial_result="ERROR", heals_by=rng.choice(REMEDIES[:3]))
            world.hang_up()
        case 3:
            world.change(stuck_in_data_mode=True, data_mode_exits=(), heals_by=remedy)
            world.hang_up()
        case _:
            world.change(garbage_only=True, garbage=40, heals_by=remedy)
            world.kill_pppd()


def stumble(world: World, rng: random.Random) -> None:
    """Something ends or goes away, and may be had back at once."""
    match rng.randrange(6):
        case 0 if world.hub is Hub.SWITCHES:
            world.tell_modem(world.modem.power_off(world.now))  # crashed off the bus for good
        case 1:
            world.tell_modem(world.modem.power_cycle(world.now, off_for=rng.uniform(1, 40)))
        case 2:
            world.change(cd_rom=rng.random() < 0.5, enumerates_after=rng.choice([0.0, 3.0, 15.0]))
            world.tell_modem(world.modem.power_cycle(world.now, off_for=5.0))
        case 3:
            world.kill_pppd()
        case 4:
            world.hang_up()
        case _:
            world.boot(adopt=rng.random() < 0.7)


def refuse(world: World, rng: random.Random) -> None:
    """The network says no for a while; then it says yes again."""
    match rng.randrange(3):
        case 0:
            world.change(registration=rng.choice(["searching", "denied", "roaming"]))
        case 1 if not world.modem.faults.heals_by:
            world.change(dial_result=rng.choice(["NO CARRIER", "+CME ERROR: 122", "DELAYED"]))
            world.hang_up()
        case _:
            world.change(capped=True)
    world.run(rng.uniform(60, 1.2 * HOUR))
    world.change(registration="home", capped=False)
    if not world.modem.faults.heals_by:
        world.change(dial_result="")


def strike(world: World, rng: random.Random) -> None:
    """One stroke of fate."""
    rng.choices((hang, stumble, refuse), (5, 6, 3))[0](world, rng)


def invariants(world: World) -> Callable[[], None]:
    """What must hold after every single event."""
    seen = 0
    instants: dict[Rung, deque[float]] = {rung: deque(maxlen=40) for rung in RUNG_OF.values()}

    def check() -> None:
        nonlocal seen
        assert world.modem.counters["puk_attempts"] == 0
        assert world.modem.sim.pin_tries >= 2
        while seen < len(world.taken):
            at, deed = world.taken[seen]
            seen += 1
            rung = RUNG_OF[type(deed)]
            instants[rung].append(at)
            cause = world.appliance.modem.cause
            if rung is not Rung.REBOOT:
                assert cause is not None
                assert cause.remedy not in HARMLESS, f"{rung} for {cause}"
            for budget in SPECS[rung].urgent:
                recent = sum(1 for each in instants[rung] if each > at - budget.span)
                assert recent <= budget.count, f"{rung}: {recent} in {budget.span} s"
        del world.deeds[:]

    return check


def line_works(world: World) -> bool:
    return world.state is ModemState.CONNECTED and reach(world) is Reach.EVERYWHERE


def live(seed: int, *, seconds: float = MONTH) -> World:
    """Live through it; raises AssertionError, naming the seed, where something does not hold."""
    # Nobody else writes to the kernel here: looking after it each minute would be most of the events.
    # So would be looking at the counters every few seconds.
    usual = reconcile.CHECK_EVERY, watch.PACE, watch.LONGEST_PACE, watch.PACE_IN_USE
    reconcile.CHECK_EVERY, watch.PACE, watch.LONGEST_PACE, watch.PACE_IN_USE = DAY, 300.0, HOUR, 300.0
    try:
        return _live(seed, seconds)
    finally:
        reconcile.CHECK_EVERY, watch.PACE, watch.LONGEST_PACE, watch.PACE_IN_USE = usual


def _live(seed: int, seconds: float) -> World:
    rng = random.Random(seed)  # noqa: S311  fate, not a secret
    profile = replace(rng.choice(list(PROFILES.values())), floods=())
    modem = SimModem(profile, sim=Sim(pin_enabled=rng.random() < 0.5, pin="4321"), seed=seed)
    hub = rng.choices([Hub.SWITCHES, Hub.CLAIMS, Hub.REFUSES], [8, 1, 1])[0]
    world = World(config=QUIET, modem=modem, seed=seed, hub=hub)
    world.check = invariants(world)
    end = world.now + seconds
    world.run(600)
    while world.now < end:
        world.run(rng.expovariate(1 / (3 * DAY)))
        if rng.random() < 0.15:
            world.cut_wired(carrier=rng.random() < 0.6)
        strike(world, rng)
        if rng.random() < 0.3:
            world.run(rng.uniform(1, 300))
            strike(world, rng)  # one on top of the other
        started = world.now
        assert world.run(BOUND, until=lambda: line_works(world)), (
            f"seed {seed}: still down after {world.now - started:.0f} s in which it could be up: "
            f"{world.told()[-3000:]}"
        )
        world.reports.clear()
    return world
