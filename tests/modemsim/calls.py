"""Data calls of a modem: dialling, what comes of it, and its end."""

from functools import partial
from typing import TYPE_CHECKING

from . import radio
from .model import StartPpp, StopPpp, replace_fields
from .port import Mode, Port
from .profiles import Role
from .reply import Reply
from .syntax import LCP_REQUEST

if TYPE_CHECKING:
    from .modem import SimModem

NO_CAUSE = "No cause information available"


def dial(modem: "SimModem", port: Port, number: str, now: float) -> None:
    """ATD: the outcome comes by itself after the network's time."""
    modem.counters["dials"] += 1
    modem.note(now, f"port {port.number}: dial {number}")
    port.mode = Mode.DIALING
    port.generation += 1
    due = now + modem.network.connect_after + modem.faults.slow
    modem.at(due, partial(_dialled, modem, port, port.generation, number))


def _dialled(modem: "SimModem", port: Port, generation: int, number: str, now: float) -> None:
    if port.generation != generation:
        return
    digits = number.rstrip("#").rsplit("***", 1)
    cid = int(digits[1]) if len(digits) == 2 and digits[1].isdecimal() else 1
    refusal = _refusal(modem, port, number, cid, now)
    if refusal is not None:
        port.mode = Mode.COMMAND
        modem.note(now, f"port {port.number}: {refusal.text(cmee=2)} ({modem.last_cause})")
        modem.answer(port, refusal)
        return
    kind, apn = modem.contexts[cid]
    faults, network = modem.faults, modem.network
    modem.counters["connects"] += 1
    modem.note(now, f"port {port.number}: {modem.profile.connect}, {kind} to APN {apn!r}")
    modem.answer(port, Reply(final=modem.profile.connect), after=LCP_REQUEST if faults.ppp_glued else b"")
    port.mode, port.cid, port.last_rx, port.pluses = Mode.DATA, cid, now, 0
    modem.put(
        StartPpp(
            port=port.number,
            apn=apn,
            pdp_type=kind,
            dial=number,
            address=network.address,
            peer=network.peer,
            dns=("10.11.12.13", "10.11.12.14") if faults.bogus_dns else network.dns,
            ipv6=network.ipv6,
            send_peer_address=not faults.no_peer_address,
            ppp_options=network.ppp_options,
        )
    )
    if faults.no_carrier_after:
        modem.at(now + faults.no_carrier_after, partial(_session_time_up, modem, port, generation))


def _session_time_up(modem: "SimModem", port: Port, generation: int, now: float) -> None:
    if port.generation == generation:
        network_ends(modem, port, now, graceful=modem.faults.no_carrier_graceful)


def _refusal(modem: "SimModem", port: Port, number: str, cid: int, now: float) -> Reply | None:
    if port.role is not Role.MODEM or not number.startswith("*99"):
        return Reply(final="ERROR")
    faults, network = modem.faults, modem.network
    if faults.dial_result and faults.dial_result_times != 0:
        left = max(faults.dial_result_times - 1, -1)
        modem.faults, _ = replace_fields(faults, {"dial_result_times": left})
        modem.last_cause = "Simulated fault"
        return Reply(final="" if faults.dial_result == "SILENCE" else faults.dial_result)
    if (code := radio.sim_error(modem, "unlocked", now)) is not None:
        return Reply(cme=code)
    kind, apn = modem.contexts.get(cid, ("", ""))
    accepted = {name.lower() for name in network.apns}
    if not radio.registered(modem, now, packet=True) or not modem.attached:
        cme, cause = 30, "No network service"
    elif cid not in modem.contexts:
        cme, cause = 143, "Unknown PDP context"
    elif accepted and apn.lower() not in accepted:
        cme, cause = 127, "Missing or unknown APN"
    elif kind not in network.pdp_types:
        cme, cause = 128, "Unknown PDP address or PDP type"
    else:
        modem.last_cause = NO_CAUSE
        return None
    modem.last_cause = cause
    return Reply(cme=cme) if network.refusal == "cme" else Reply(final="NO CARRIER")


def resume(modem: "SimModem", port: Port) -> bool:
    """ATO: back from hold to data mode."""
    if port.cid is None:
        return False
    modem.answer(port, Reply(final=modem.profile.connect))
    port.mode = Mode.DATA
    return True


def active_contexts(modem: "SimModem") -> set[int]:
    """The contexts that carry a session."""
    return {port.cid for port in modem.ports if port.cid is not None}


def held(modem: "SimModem", port: Port) -> bool:
    """Whether the port is in data mode by a hang that takes more than a hang-up to end."""
    faults = modem.faults
    return (
        faults.stuck_in_data_mode
        and faults.heals_by not in ("", "hang_up")
        and port.mode in (Mode.DATA, Mode.STUCK)
    )


def drop(modem: "SimModem", port: Port, now: float, *, text: str = "NO CARRIER") -> None:
    """End at once whatever the port is in; say ``text`` where there was something to end."""
    if port.mode is Mode.COMMAND and port.cid is None:
        return
    if port.cid is not None:
        modem.note(now, f"port {port.number}: session dropped")
        modem.put(StopPpp(port=port.number, graceful=False))
    port.cid = None
    if held(modem, port):
        port.mode = Mode.STUCK
    else:
        modem.command_mode(port, text)


def drop_all(modem: "SimModem", now: float, *, cid: int | None = None) -> None:
    """End the sessions of one context, or all of them."""
    for port in modem.ports:
        if port.cid is not None and cid in (None, port.cid):
            drop(modem, port, now)


def network_ends(modem: "SimModem", port: Port, now: float, *, graceful: bool) -> None:
    """The network ends a session; when graceful, PPP is told first and ``ppp_ended`` follows."""
    if port.cid is None:
        return
    if graceful:
        modem.note(now, f"port {port.number}: network ends the session")
        modem.put(StopPpp(port=port.number, graceful=True))
    elif modem.faults.stuck_in_data_mode and port.mode is Mode.DATA:
        modem.note(now, f"port {port.number}: session dropped, stuck in data mode")
        modem.put(StopPpp(port=port.number, graceful=False))
        port.cid, port.mode = None, Mode.STUCK
    else:
        drop(modem, port, now)
