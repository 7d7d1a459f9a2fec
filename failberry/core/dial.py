"""From the USB bus to an address: the scripts of the dial itself."""

from __future__ import annotations

from dataclasses import replace

from failberry.at import commands
from failberry.at.codec import ResultKind
from failberry.at.quirks import quirk_for
from failberry.core.actions import (
    LocateModem,
    OpenPorts,
    PulseDtr,
    SendBytes,
    StartSession,
    StopSession,
)
from failberry.core.ask import Dialog, query, send
from failberry.core.causes import Cause, Fault, Remedy, cause_of_dial, cause_of_result
from failberry.core.dialogue import Wait
from failberry.core.events import (
    CommandAnswered,
    FilterApplied,
    ModemLocated,
    PortsOpened,
    SessionStarted,
    SessionUp,
    UsbChanged,
)
from failberry.core.facts import ModemHardware, PortRole, Session, Sighting
from failberry.core.heal import heal, tell_result
from failberry.core.modem_known import Desk, Failed, Known, Next, Outcome, Plan
from failberry.core.modem_state import ModemState
from failberry.core.unlock import sim_outcome

RESCAN = 10.0
"""Seconds between two looks at the bus while no modem is there; a plug event ends the wait."""
SETTLE = 1.0
"""Seconds after a plug event before believing: the ports of one stick appear one after the other."""
RETURN_PATIENCE = 20.0
"""Seconds that a modem may be off the bus before it is missed: it may be starting anew by itself."""
ENUMERATION = 60.0
"""The same after a reset, and when this machine has just started: sticks boot slowly, some in two steps."""
CD_ROM_PATIENCE = 20.0
"""Seconds for whoever else switches modes: udev calls ``usb_modeswitch``, unless it came too early."""
BARE_PATIENCE = 30.0
LONGEST_START = 120.0
"""Seconds in which a stick may become one thing after the other on the bus."""
ADMISSION_CHECK = 15.0
"""Seconds between two looks, during a wait, whether a network that had refused the modem has it again."""
ADDRESS_TIMEOUT = 60.0
"""Seconds from CONNECT to an address: LCP gives up after 30 (10 requests, 3 s apart), IPCP likewise."""
GUARD_TIME = 1.1
"""Seconds of silence around ``+++``; S12 defaults to one second (ITU-T V.250 annex, Hayes practice)."""
PROBE = 1.0
"""Seconds for the answer to a bare AT; whoever is only slow loses nothing by what follows."""
HDLC_PROBE = bytes.fromhex("7e0078f07e")
"""One small HDLC frame (RFC 1662) that makes modems which believe themselves in PPP drop it."""


def locate(desk: Desk) -> Dialog[Outcome]:
    """Wait until it is time to dial, take the step that is due, find the modem, open its ports."""
    while desk.closed:
        yield from tell_result(desk.closed.pop(0))
    yield from _await_turn(desk)
    plan, desk.plan = desk.plan, None
    patience = RETURN_PATIENCE if desk.met else ENUMERATION
    if plan is not None and not (yield from _came_back(desk, plan)):
        desk.healing = True
        desk.hush()
        yield from heal(desk, plan)
        desk.healing = False
        patience = ENUMERATION
    found = yield from _await_modem(desk, patience)
    if isinstance(found, Failed):
        return found
    hardware = found
    _meet(desk, hardware)
    if hardware.network_interface is not None:
        yield from await_protection(desk)
        why = f"found {hardware.product} at USB {hardware.usb_path}, a router of its own"
        rests = desk.standby.rests(desk.config, desk.now)
        return Next(state=ModemState.REGISTERED if rests else ModemState.CONNECTING, why=why)
    opened = yield OpenPorts(hardware=hardware)
    if isinstance(opened, PortsOpened) and opened.problem is None:
        desk.known.poll_wanted = hardware.status_tty is not None
        return Next(state=ModemState.INITIALIZING, why=f"found {hardware.product} at USB {hardware.usb_path}")
    problem = opened.problem or "" if isinstance(opened, PortsOpened) else ""
    return Failed(
        cause=Cause(
            remedy=Remedy.DEVICE, why=f"the modem's ports could not be opened: {problem}", evidence=problem
        )
    )


def _await_turn(desk: Desk) -> Dialog[None]:
    """Wait until it is time; less long when what was waited for happens."""
    shut_out = _shut_out(desk)
    while desk.retry_at is not None and desk.now < desk.retry_at:
        rest = desk.retry_at - desk.now
        # A stick that has just been plugged in need not wait for the backoff of the one before.
        woken = yield Wait(seconds=min(rest, ADMISSION_CHECK) if shut_out else rest, until=(UsbChanged,))
        if woken is not None:
            yield Wait(seconds=SETTLE)
            break
        if shut_out and not _shut_out(desk):
            break  # the network has taken the modem back, as the second port tells
    desk.retry_at = None


def _shut_out(desk: Desk) -> bool:
    """Whether the network was last heard not to have this modem."""
    told = desk.known.signal.registration
    return told is not None and not told.carries_data


def _came_back(desk: Desk, plan: Plan) -> Dialog[bool]:
    """Whether a modem that was missing, for which this step was meant, is there again by itself."""
    if plan.cause not in (Fault.CRASHED, Fault.ABSENT, Fault.NOT_SWITCHED):
        return False
    return (yield from _find(desk)).hardware is not None


def _await_modem(desk: Desk, patience: float) -> Dialog[ModemHardware | Failed]:
    """Look at the bus until the modem is there, or until its absence is a fault that has a remedy."""
    began = since = desk.now
    sighting: Sighting | None = None
    before, changed = desk.known.hardware, False
    while True:
        located = yield from _find(desk)
        if changed and not _whole(located.hardware, before):
            yield Wait(seconds=SETTLE)
            located = yield from _find(desk)
        if located.hardware is not None:
            desk.retry_at = None
            return located.hardware
        if sighting not in (None, located.sighting) and desk.now < began + LONGEST_START:
            # It is starting in steps, and each has its own time: a CD-ROM may just have been switched.
            since, patience = desk.now, ENUMERATION
        sighting = located.sighting
        desk.known = Known(missing=located.problem, answers=False)
        cause = _absence(desk, located, patience)
        if cause is not None and desk.now >= since + cause[0]:
            desk.retry_at = None
            return Failed(cause=cause[1])
        rest = RESCAN if cause is None else min(RESCAN, since + cause[0] - desk.now)
        desk.next_step = "look at the USB bus again"
        desk.retry_at = desk.now + rest
        changed = (yield Wait(seconds=rest, until=(UsbChanged,))) is not None


def _whole(found: ModemHardware | None, before: ModemHardware | None) -> bool:
    """Whether this is the modem that was there before, with both of its ports: nothing more need appear."""
    if found is None or before is None or found.status_interface is None:
        return False
    return _identity(found) == _identity(before)


def _identity(hardware: ModemHardware) -> tuple[object, ...]:
    ports = (hardware.dial_interface, hardware.status_interface)
    return hardware.usb_path, hardware.vendor_id, hardware.product_id, ports


def _absence(desk: Desk, located: ModemLocated, patience: float) -> tuple[float, Cause] | None:
    """Name the fault of a modem that is not there, and the seconds after which it is one; ``None``: never."""
    why = located.problem or "the modem is not on the USB bus"
    match located.sighting:
        case Sighting.CD_ROM:
            named, patience = Fault.NOT_SWITCHED, CD_ROM_PATIENCE
            advice = ""
        case Sighting.BARE:
            named, patience = Fault.MISBEHAVES, max(patience, BARE_PATIENCE)
            advice = ""
        case Sighting.NOTHING if desk.config.modem.usb_path or desk.last_usb_path:
            named = Fault.CRASHED if desk.met else Fault.ABSENT
            advice = "plug the modem in; if it is, look at its power supply"
        case _:
            # Nothing was ever seen, or a person has to choose: there is nothing to reset.
            return None
    return patience, Cause(remedy=Remedy.DEVICE, named=named, why=why, advice=advice)


def adopt(desk: Desk, session: Session) -> Dialog[Outcome]:
    """Take over a session that outlived the daemon; only the second port is opened."""
    # At once: as long as there is no session, its routes are taken away.
    desk.known.session = session
    hardware = (yield from _find(desk)).hardware
    if hardware is not None:
        _meet(desk, hardware)
    if hardware is not None and hardware.network_interface is None:
        opened = yield OpenPorts(hardware=hardware, dial=False)
        if isinstance(opened, PortsOpened) and opened.problem is None:
            desk.known.poll_wanted = hardware.status_tty is not None
    if desk.known.session is None:
        return (yield from locate(desk))  # it has ended meanwhile
    return Next(state=ModemState.CONNECTED, why=f"adopted the running session on {session.interface}")


def _find(desk: Desk) -> Dialog[ModemLocated]:
    located = yield LocateModem()
    assert isinstance(located, ModemLocated)  # noqa: S101  (each deed has exactly this answer)
    desk.on_bus = located.sighting is not Sighting.NOTHING or located.hardware is not None
    desk.stray = located.stray
    return located


def _meet(desk: Desk, hardware: ModemHardware) -> None:
    """Forget the modem before, unless this is the same one."""
    desk.met = True
    desk.last_usb_path = hardware.usb_path
    known = desk.known
    if known.hardware is None or (known.hardware.usb_path, known.hardware.product_id) != (
        hardware.usb_path,
        hardware.product_id,
    ):
        known = Known(session=known.session)
    known.hardware = hardware
    if hardware.network_interface is not None:
        known.answers = False  # a router has no port to say AT to
    known.missing = ""
    known.quirk = quirk_for(hardware.vendor_id, hardware.product_id)
    desk.known = known


def initialize(desk: Desk) -> Dialog[Outcome]:
    """Bring the modem to a known state and ask for the SIM (the order matters: profiles come first)."""
    desk.known.answers = True
    if not (yield from answers(desk)):
        return Failed(cause=(yield from silence(desk)))
    # ATZ stands alone because V.250 lets a modem ignore what follows it on the line.
    yield from send(commands.RESET)
    verbose = yield from send(commands.ECHO_OFF_VERBOSE)
    if verbose.result is None:
        return Failed(cause=cause_of_result(None, doing="being initialized"))
    yield from send(commands.EXTENDED_RESULTS)
    yield from send(commands.NUMERIC_ERRORS)
    for text in (*desk.known.quirk.init, *desk.config.modem.init):
        yield from send(commands.raw(text))
    return (yield from _ask_for_sim(desk))


def answers(desk: Desk) -> Dialog[bool]:
    """Get the port to answer AT, out of data mode if need be; gentle means first."""
    probe = replace(commands.ATTENTION, timeout=PROBE)

    def at() -> Dialog[bool]:
        return (yield from send(probe)).result is not None

    if (yield from at()) or (yield from at()):
        return True
    yield PulseDtr(port=PortRole.DIAL, seconds=1.0)
    if (yield from at()):
        return True
    yield SendBytes(port=PortRole.DIAL, payload=b"+++", silence=GUARD_TIME)
    if (yield from at()):
        yield from send(commands.HANG_UP)
        return True
    yield SendBytes(port=PortRole.DIAL, payload=HDLC_PROBE, silence=0.5)
    return (yield from at())


def silence(desk: Desk) -> Dialog[Cause]:
    """Name the silence of the dial port: the other port knows whether it is the whole modem's."""
    hardware = desk.known.hardware
    if hardware is not None and hardware.status_tty is not None:
        # Twice, because the answer to what the poll had asked may be on the way.
        desk.hush()
        for _ in range(2):
            answer = yield from send(replace(commands.ATTENTION, timeout=PROBE), PortRole.STATUS)
            if answer.result is not None:
                why = "the dial port swallows commands as if a session were up, and hanging up does not help"
                return Cause(remedy=Remedy.MODEM, named=Fault.STUCK_IN_DATA_MODE, why=why)
    desk.known.answers = False
    why = "the modem is on the USB bus and does not answer, nor does hanging up help"
    return Cause(remedy=Remedy.MODEM, named=Fault.HUNG, why=why)


SIM_PATIENCE = 15
"""Questions to a SIM that is busy, two seconds apart; normal right after power-on."""


def _ask_for_sim(desk: Desk) -> Dialog[Outcome]:
    answer = None
    for _ in range(SIM_PATIENCE):
        state, answer = yield from query(commands.QUERY_PIN)
        if state is not None:
            return (yield from sim_outcome(desk, state))
        cause = cause_of_result(answer, doing="reading the SIM")
        if cause.remedy is Remedy.PIN:
            return Next(state=ModemState.LOCKED, why="the SIM asks for its PIN")
        if cause.remedy is not Remedy.SIM_WAIT and answer is not None and not answer.ok:
            return Failed(cause=cause)
        yield Wait(seconds=2.0)
    return Failed(cause=cause_of_result(answer, doing="reading the SIM"))


def connect(desk: Desk) -> Dialog[Outcome]:
    """Define the context, dial, start pppd, wait for the address."""
    cellular = desk.config.cellular
    hardware = desk.known.hardware
    assert hardware is not None  # noqa: S101  (connecting follows locating)
    if cellular.apn:
        contexts, _ = yield from query(commands.QUERY_CONTEXTS)
        wanted = (commands.DIAL_CONTEXT, cellular.pdp_type.value, cellular.apn.lower())
        stored = {(each.cid, each.pdp_type, each.apn.lower()) for each in contexts or ()}
        # Written only if different: the setting lives in flash, and some modems attach anew.
        if wanted not in stored:
            defined = yield from send(
                commands.define_context(commands.DIAL_CONTEXT, cellular.pdp_type.value, cellular.apn)
            )
            if defined.result is None or not defined.result.ok:
                return Failed(cause=cause_of_result(defined.result, doing="setting the APN"))
    dialled = yield from send(commands.dial(cellular.dial))
    if dialled.result is None or dialled.result.kind is not ResultKind.CONNECT:
        return (yield from _dial_refused(dialled))
    started = yield StartSession(hardware=hardware)
    if not isinstance(started, SessionStarted) or started.problem is not None:
        why = started.problem if isinstance(started, SessionStarted) and started.problem else "unknown"
        return Failed(cause=Cause(remedy=Remedy.HOST, why=f"pppd could not be started: {why}"))
    if desk.known.session is None:
        yield Wait(seconds=ADDRESS_TIMEOUT, until=(SessionUp,))
    session = desk.known.session
    if session is None:
        why = f"no address within {ADDRESS_TIMEOUT:.0f} s of the connection"
        return Failed(cause=Cause(remedy=Remedy.MODEM, why=why))
    return Next(state=ModemState.CONNECTED, why=f"the network granted {session.local or session.local6}")


def _dial_refused(dialled: CommandAnswered) -> Dialog[Outcome]:
    extended = ""
    if dialled.result is not None:
        reason, _ = yield from query(commands.LAST_FAILURE)
        extended = reason or ""
    cause = cause_of_dial(dialled.result, extended=extended)
    if cause.remedy is Remedy.CONTEXT:
        yield from send(commands.HANG_UP)
        yield from send(commands.activate_context(commands.DIAL_CONTEXT, active=False))
    return Failed(cause=cause)


def hang_up(desk: Desk) -> Dialog[Outcome]:
    """End the session in an orderly way; what remains is cleared at the next dial."""
    yield StopSession()
    desk.known.session = None
    return Next(state=ModemState.UNKNOWN, why="the line was hung up")


def rest(desk: Desk) -> Dialog[Outcome]:
    """Only a person, another SIM or another configuration gets us out of here."""
    yield Wait(seconds=None)
    raise AssertionError(f"nothing but another state ends the rest in {desk.state}")


def await_protection(desk: Desk) -> Dialog[None]:
    """Dial nothing before the packet filter stands: the line is the open Internet."""
    while not desk.protected:
        yield Wait(seconds=30.0, until=(FilterApplied,))
