"""One month in the life of a house with two lines, under faults drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from ipaddress import ip_address
from types import ModuleType

from failberry.config import Cellular, Config, Keep, Lan, Mode
from failberry.core import appliance, lines, reconcile, search, watch
from failberry.core import events as ev
from failberry.core.snapshot import UplinkName
from failberry.policy import CapAction, Failback, Usage
from tests.modemsim.model import Sim
from tests.modemsim.modem import SimModem
from tests.modemsim.profiles import PROFILES
from tests.simulation.condition import Names
from tests.simulation.laws import Laws
from tests.simulation.months import REMEDIES, stumble
from tests.simulation.world import BASE, World

DAY = 86_400.0
MONTH = 30 * DAY
QUIET: Config = replace(
    BASE,
    # Rarer than an owner may say: signal, and looks at a line that is well, would be most of the events.
    modem=replace(BASE.modem, poll_interval=DAY),
    probe=replace(BASE.probe, cellular_budget=0.03),
    cellular=replace(BASE.cellular, pin="4321", registration_timeout=60.0),
)
FOUR = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
SIX = ("2606:4700:4700::1111", "2620:fe::fe")


PACE_IN_USE = 20.0
"""Seconds between two looks at the mobile line while the house depends on it; really there are two."""
RARELY: tuple[tuple[ModuleType, str, object], ...] = (
    (reconcile, "CHECK_EVERY", DAY),
    (watch, "PACE", 1800.0),
    (watch, "LONGEST_PACE", DAY / 4),
    (watch, "PACE_IN_USE", PACE_IN_USE),
    (lines, "RETRACE", DAY),
    (search, "RESTING_RECHECK", DAY / 4),
    # The same few texts again and again.
    (appliance, "ip_address", cache(ip_address)),
    (lines, "ip_address", cache(ip_address)),
)


@contextmanager
def calm() -> Iterator[None]:
    """Look rarely at what is well: the kernel that nobody else writes to, counters, the way of packets."""
    usual = [getattr(module, name) for module, name, _ in RARELY]
    try:
        for module, name, value in RARELY:
            setattr(module, name, value)
        yield
    finally:
        for (module, name, _), value in zip(RARELY, usual, strict=True):
            setattr(module, name, value)


def house(rng: random.Random) -> Config:
    """How this house is set up."""
    mode = rng.choice(list(Mode))
    six = rng.random() < 0.2
    back = rng.choices(list(Failback), (1, 7, 1, 1))[0]
    usage = Usage()
    if rng.random() < 0.4:
        actions = (CapAction.WARN, CapAction.BLOCK_CLIENTS, CapAction.DISCONNECT)
        usage = Usage(
            cap=rng.choice([5.0, 50.0, 500.0]), action=rng.choice(actions), last_resort=rng.random() < 0.6
        )
    cellular: Cellular = replace(QUIET.cellular, standby=Keep.COLD if rng.random() < 0.15 else Keep.WARM)
    return replace(
        QUIET,
        mode=mode,
        lan=Lan(interface="lan0") if mode is Mode.DUAL_WAN_ROUTER else None,
        cellular=cellular,
        usage=usage,
        probe=replace(QUIET.probe, targets=FOUR + (SIX if six else ())),
        failover=replace(
            QUIET.failover,
            failback=back,
            failback_after=rng.choice([30.0, 60.0, 60.0, 120.0]),
            linger=rng.choice([0.0, 60.0, 600.0]),
        ),
    )


def _lasting(rng: random.Random, least: float, most: float) -> float:
    """Short ones are more frequent than long ones."""
    return float(least * (most / least) ** rng.random())


# --- the wired line --------------------------------------------------------------------------------


def black_hole(world: World, rng: random.Random) -> None:
    world.street.outage(_lasting(rng, 2.0, 1800.0), broken=rng.randrange(4))


def unplugged(world: World, rng: random.Random) -> None:
    field = rng.choice(["carrier", "carrier", "address"])
    world.street.outage(_lasting(rng, 1.0, 900.0), **{field: False})


def three_seconds(world: World, rng: random.Random) -> None:
    world.street.outage(rng.uniform(1.0, 3.2), broken=rng.randrange(4))


def bursts(world: World, rng: random.Random) -> None:
    for number in range(rng.randrange(2, 6)):
        begin = number * rng.uniform(20.0, 400.0)
        world.later(begin, lambda: world.street.outage(2.0, broken=2))


def flapping(world: World, rng: random.Random) -> None:
    at = 0.0
    for _ in range(rng.randrange(3, 12)):
        seconds = _lasting(rng, 1.5, 30.0)
        world.later(at, lambda lasts=seconds: world.street.outage(lasts, broken=2))  # type: ignore[misc]
        at += seconds + _lasting(rng, 3.0, 300.0)


def portal(world: World, rng: random.Random) -> None:
    world.street.outage(rng.uniform(150.0, 900.0), portal=True)


def nameless(world: World, rng: random.Random) -> None:
    world.street.outage(_lasting(rng, 5.0, 600.0), names=rng.choice([Names.PUBLIC, Names.NONE]))


def lossy(world: World, rng: random.Random) -> None:
    world.street.outage(rng.uniform(10.0, 60.0), loss=rng.choice([0.01, 0.05, 0.05, 0.15, 0.4, 0.8]))


def slow(world: World, rng: random.Random) -> None:
    world.street.outage(rng.uniform(10.0, 60.0), rtt=rng.choice([0.3, 2.0, 4.0]))


def partial_reach(world: World, rng: random.Random) -> None:
    target = ip_address(world.config.probe.targets[rng.randrange(3)])
    world.street.outage(rng.uniform(10.0, 60.0), unreached=frozenset({target}))


def deaf(world: World, rng: random.Random) -> None:
    """Nobody answers pings any more, and connections carry as before."""
    targets = map(ip_address, world.config.probe.targets)
    world.street.outage(rng.uniform(10.0, 120.0), unreached=frozenset(targets))


def six_only(world: World, rng: random.Random) -> None:
    world.street.outage(_lasting(rng, 5.0, 900.0), broken6=True)


# --- the mobile line, and the Pi -------------------------------------------------------------------


def no_data(world: World, rng: random.Random) -> None:
    """The session stands, and nothing passes."""
    if world.modem.faults.heals_by:
        return
    if rng.random() < 0.4:
        world.change(no_data=True, heals_by=rng.choice(REMEDIES[:4]))
        return
    field = rng.choice(["no_data", "capped"])
    world.change(**{field: True})
    world.later(_lasting(rng, 20.0, 1800.0), lambda: world.change(**{field: False}))


def refused(world: World, rng: random.Random) -> None:
    """The network is away, or ends the session."""
    registration = rng.choice(["searching", "denied", "home", "home"])
    world.change(registration=registration)
    world.hang_up()
    world.later(_lasting(rng, 20.0, 1800.0), lambda: world.change(registration="home"))


def mobile(world: World, rng: random.Random) -> None:
    rng.choices((no_data, refused, stumble), (4, 4, 3))[0](world, rng)


def owner(world: World, rng: random.Random) -> None:
    """Somebody chooses a line for a while, or starts the daemon anew."""
    if rng.random() < 0.4:
        world.boot(adopt=True)
        return
    line = rng.choice([UplinkName.WIRED, UplinkName.CELLULAR])
    world.post(ev.LineForced(line=line, seconds=rng.uniform(60.0, 1800.0)))


def take_back(world: World) -> None:
    """Whoever chose that the house shall not go back by itself does it by hand."""
    world.post(ev.LineForced(line=UplinkName.WIRED, seconds=60.0))


FAULTS: tuple[tuple[Callable[[World, random.Random], None], float], ...] = (
    (black_hole, 8),
    (unplugged, 4),
    (three_seconds, 5),
    (bursts, 1.5),
    (flapping, 1),
    (portal, 0.7),
    (nameless, 1.5),
    (lossy, 1),
    (slow, 0.7),
    (partial_reach, 0.5),
    (deaf, 0.3),
    (six_only, 0.7),
    (mobile, 3),
    (owner, 1),
)


def live(seed: int, *, seconds: float = MONTH) -> Laws:
    """Live through it; raises AssertionError where something does not hold."""
    with calm():
        return _live(seed, seconds)


def _live(seed: int, seconds: float) -> Laws:
    rng = random.Random(seed)  # noqa: S311  fate, not a secret
    profile = replace(rng.choice(list(PROFILES.values())), floods=())
    modem = SimModem(profile, sim=Sim(pin_enabled=rng.random() < 0.5, pin="4321"), seed=seed)
    config = house(rng)
    world = World(config=config, modem=modem, seed=seed, six=len(config.probe.targets) > 3)
    street = world.street
    street.house_rate = rng.choice([0.0, 2_000.0, 200_000.0])
    street.router.finds, street.router.returns = _lasting(rng, 8.0, 60.0), _lasting(rng, 3.0, 60.0)
    street.router.heeds = rng.random() < 0.7
    laws = Laws(world)
    end = world.now + seconds
    world.run(600)
    kinds, weights = zip(*FAULTS, strict=True)
    instants = sorted(rng.uniform(world.now, end - 4000.0) for _ in range(rng.randrange(10, 22)))
    for at in instants:
        world.run(max(0.0, at - world.now))
        for _ in range(2 if rng.random() < 0.25 else 1):  # sometimes one on top of the other
            rng.choices(kinds, weights)[0](world, rng)
            world.run(rng.uniform(0.0, 30.0))
        del world.reports[:-200]
        if config.failover.failback in (Failback.NEVER, Failback.WHEN_IDLE):
            world.later(3600.0, partial(take_back, world))
    world.run(max(0.0, end - world.now))
    laws.settle(seconds)
    return laws
