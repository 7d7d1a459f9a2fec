"""What happens to the modem from outside: power, resets, mode switches, probes; and what the disk keeps."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.facts import Sighting, Stray
from failberry.core.power import PowerOutcome
from tests.modemsim import model

if TYPE_CHECKING:
    from tests.simulation.world import World

BOOT_TIME = 40.0
USB_PATH = "1-1.3"


class Hub(StrEnum):
    """What the hub does when its port is told to be off."""

    SWITCHES = "switches"
    CLAIMS = "claims"  # says that it did, and the modem keeps its power
    REFUSES = "refuses"  # something else would go dark, too


def heal(world: World, action: do.Deed) -> None:
    """What touches more than the modem's ports."""
    match action:
        case do.ClosePorts():
            world.ports = {}
            world.answer(0.01, ev.PortsOpened(deed=action.deed))
            return
        case do.ResetUsb() | do.RebindController():
            gone = world.modem.shows is model.Shows.NOTHING
            world.tell_modem(world.modem.usb_reset(world.now))
            world.answer(1.0, ev.UsbReset(deed=action.deed, problem="it is not there" if gone else None))
        case do.CyclePower():
            cycle(world, action)
        case do.SwitchMode():
            if world.can_switch_mode:
                world.tell_modem(world.modem.switch_mode(world.now))
            problem = None if world.can_switch_mode else "usb_modeswitch is not installed"
            world.answer(2.0, ev.UsbReset(deed=action.deed, problem=problem))
        case do.Reboot():
            world.answer(0.1, ev.RebootAnswered(deed=action.deed))
            world.later(5.0, partial(reboot, world))
        case _:
            raise AssertionError(f"nobody does {action}")
    world.taken.append((world.now, action))


def sight(world: World, deed: int) -> ev.ModemLocated:
    match world.modem.shows if world.plugged else model.Shows.NOTHING:
        case model.Shows.MODEM:
            world.last_usb_path = USB_PATH
            return ev.ModemLocated(deed=deed, hardware=world.hardware(), sighting=Sighting.MODEM)
        case model.Shows.CD_ROM:
            stray = Stray(usb_path=USB_PATH, vendor_id=0x19D2, product_id=0x2000, product="ZTE CD-ROM")
            return ev.ModemLocated(
                deed=deed,
                hardware=None,
                problem="still a CD-ROM",
                sighting=Sighting.CD_ROM,
                stray=stray,
            )
    return ev.ModemLocated(deed=deed, hardware=None, problem="no USB modem found")


def cycle(world: World, action: do.CyclePower) -> None:
    if world.hub is Hub.REFUSES and not action.force:
        words = "USB disk at USB 1-1.2 carries /"
        world.answer(0.2, ev.PowerCycled(deed=action.deed, outcome=PowerOutcome.REFUSED, words=words))
        return
    if world.hub is not Hub.SWITCHES:
        words = "this hub does not switch power"
        world.answer(3.2, ev.PowerCycled(deed=action.deed, outcome=PowerOutcome.NOT_SWITCHED, words=words))
        return
    if world.plugged:
        world.tell_modem(world.modem.power_off(world.now))
        # Whatever becomes of the daemon, its promise on the disk is kept.
        world.later(action.off_time, partial(power_on, world))
    words = "off and on"
    world.answer(
        action.off_time + 0.2,
        ev.PowerCycled(deed=action.deed, outcome=PowerOutcome.CYCLED, words=words),
    )


def power_on(world: World) -> None:
    if world.plugged:
        world.tell_modem(world.modem.power_on(world.now))


def reboot(world: World) -> None:
    world.down = True
    world.life = next(world.order)
    if world.session is not None:
        world.end_session(5, "")
    world.tell_modem(world.modem.usb_reset(world.now))

    def up() -> None:
        world.booted = world.now
        world.boot()

    world.later(BOOT_TIME, up)


def store(world: World, action: do.StoreStep) -> None:
    if world.disk_problem is None:
        step = action.step
        if step.result and world.steps and not world.steps[-1][1].result:
            world.steps[-1] = (world.steps[-1][0], step)
        else:
            world.steps.append((world.now, step))
    world.answer(0.02, ev.StepStored(deed=action.deed, problem=world.disk_problem))


def reach(world: World) -> model.Reach:
    modem = world.modem
    if modem.faults.silent or modem.network.registration not in ("home", "roaming"):
        return model.Reach.NOWHERE
    return modem.reach


def probe(world: World, action: do.ProbeLine) -> None:
    if world.session is None or world.session.local is None:
        world.answer(
            0.0, ev.LineProbed(deed=action.deed, targets_answered=0, servers_answered=0, problem="gone")
        )
        return
    how_far = reach(world)
    outside = len(action.targets) if how_far is model.Reach.EVERYWHERE else 0
    carrier = [each for each in action.servers if str(each) in world.modem.network.dns]
    asked = len(action.servers) if how_far is model.Reach.EVERYWHERE else len(carrier)
    servers = 0 if how_far is model.Reach.NOWHERE else asked
    world.answer(
        0.1 if outside else action.timeout,
        ev.LineProbed(deed=action.deed, targets_answered=outside, servers_answered=servers),
    )
