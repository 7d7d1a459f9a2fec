"""Why a dial or a session ended, and what kind of remedy that calls for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failberry.at.codec import FinalResult, ResultKind
from failberry.at.results import CmeClass, explain


class Remedy(StrEnum):
    """What can help, which decides how long to wait and whether hardware may be touched."""

    HUMAN = "human"
    """Only a person or another SIM: latch, say so, do not loop."""
    PIN = "pin"
    """The PIN policy decides."""
    SIM_WAIT = "sim_wait"
    """The SIM is busy or failing; it often comes by itself."""
    NETWORK = "network"
    """Coverage, congestion: wait, with growing patience; resets make it worse."""
    PLAN = "plan"
    """Roaming, barring, subscription: tell, and look again hourly."""
    APN = "apn"
    """APN or credentials: tell, retry slowly; hammering gets SIMs throttled."""
    CONTEXT = "context"
    """A stale PDP context: release it, then dial again."""
    MODEM = "modem"
    """The modem itself misbehaves."""
    DEVICE = "device"
    """The device or port went away."""
    HOST = "host"
    """Something on this Pi: a missing driver, a locked port."""
    ENDED = "ended"
    """A session that had worked came to its end: dial again at once."""


class Fault(StrEnum):
    """What is wrong, by name: for people, scripts, and the ladder of :mod:`failberry.core.recovery`."""

    HUNG = "hung"
    """On the bus, and answers nobody."""
    CRASHED = "crashed"
    """Was there, and has left the bus without coming back."""
    ABSENT = "absent"
    """Not on the bus, and never was since we look."""
    STUCK_IN_DATA_MODE = "stuck_in_data_mode"
    """The dial port swallows commands as if a session were up."""
    MISBEHAVES = "misbehaves"
    """Answers, but not as a modem should: garbage, errors, no PPP."""
    NO_DATA = "no_data"
    """A session is up and the network is there, and nothing passes."""
    NO_COVERAGE = "no_coverage"
    REFUSED = "refused"
    """The network says no: APN, credentials, subscription, roaming."""
    CAPPED = "capped"
    """The carrier's own servers answer, nothing beyond them does: the plan is used up, or filtered."""
    BROWN_OUT = "brown_out"
    """The power supply is too weak, not the modem."""
    NOT_SWITCHED = "not_switched"
    """Shows itself as the CD-ROM with its drivers for Windows."""
    SIM = "sim"
    """The SIM is missing, locked or failing."""
    HOST = "host"
    """Something on this Pi: a missing driver, a locked port."""
    ENDED = "ended"
    """A session came to its end, as sessions do."""


_FAULT_OF_REMEDY = {
    Remedy.HUMAN: Fault.SIM,
    Remedy.PIN: Fault.SIM,
    Remedy.SIM_WAIT: Fault.SIM,
    Remedy.NETWORK: Fault.NO_COVERAGE,
    Remedy.PLAN: Fault.REFUSED,
    Remedy.APN: Fault.REFUSED,
    Remedy.CONTEXT: Fault.MISBEHAVES,
    Remedy.MODEM: Fault.MISBEHAVES,
    Remedy.DEVICE: Fault.CRASHED,
    Remedy.HOST: Fault.HOST,
    Remedy.ENDED: Fault.ENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One failure, in words."""

    remedy: Remedy
    why: str
    named: Fault | None = None
    """Its name where the remedy does not say it all; read :attr:`fault`."""
    advice: str = ""
    """What a person should do; empty: nothing, it is being handled."""
    evidence: str = ""
    """The words of the modem or of pppd."""

    @property
    def fault(self) -> Fault:
        """The name of what is wrong."""
        return self.named or _FAULT_OF_REMEDY[self.remedy]


_REMEDY_OF_CME = {
    CmeClass.TELL: Remedy.HUMAN,
    CmeClass.PIN: Remedy.PIN,
    CmeClass.WAIT_SIM: Remedy.SIM_WAIT,
    CmeClass.WAIT_NETWORK: Remedy.NETWORK,
    CmeClass.PLAN: Remedy.PLAN,
    CmeClass.APN: Remedy.APN,
    CmeClass.FAMILY: Remedy.APN,
    CmeClass.STUCK: Remedy.CONTEXT,
    CmeClass.BROKEN: Remedy.MODEM,
    CmeClass.UNSUPPORTED: Remedy.MODEM,
    CmeClass.UNKNOWN: Remedy.MODEM,
}


def cause_of_result(result: FinalResult | None, *, doing: str) -> Cause:
    """Name the cause of a command that did not end in success; ``doing`` is for people."""
    if result is None:
        return Cause(remedy=Remedy.MODEM, why=f"the modem did not answer while {doing}")
    error = explain(result)
    if error is not None:
        return Cause(
            remedy=_REMEDY_OF_CME[error.klass],
            why=f"the modem refused while {doing}: {error.name}",
            advice=error.advice,
            evidence=result.text,
        )
    return Cause(
        remedy=Remedy.MODEM, why=f'the modem answered "{result.text}" while {doing}', evidence=result.text
    )


def cause_of_dial(result: FinalResult | None, *, extended: str) -> Cause:
    """Name the cause of a dial that did not connect; ``extended`` is the modem's answer to ``AT+CEER``."""
    if result is None or explain(result) is not None:
        return cause_of_result(result, doing="dialling")
    told = f" ({extended})" if extended else ""
    evidence = extended or result.text
    match result.kind:
        case ResultKind.BUSY | ResultKind.NO_ANSWER:
            return Cause(
                remedy=Remedy.CONTEXT, why=f"the data connection is still in use{told}", evidence=evidence
            )
        case ResultKind.NO_DIALTONE:
            return Cause(
                remedy=Remedy.NETWORK,
                why=f"the modem is not attached to the network{told}",
                evidence=evidence,
            )
        case ResultKind.DELAYED:
            return Cause(
                remedy=Remedy.APN,
                why=f"the modem's own redial timer asks for patience{told}",
                evidence=evidence,
            )
        case ResultKind.ERROR if not _speaks_of_apn(extended):
            return Cause(
                remedy=Remedy.CONTEXT,
                why=f"the modem refused to dial{told}",
                evidence=evidence,
            )
        case _ if _speaks_of_apn(extended):
            return Cause(
                remedy=Remedy.APN,
                why=f"the network refused the connection{told}",
                advice="Check cellular.apn, user and password against what your carrier publishes.",
                evidence=evidence,
            )
        case _:
            return Cause(
                remedy=Remedy.NETWORK,
                why=f'the network ended the dial with "{result.text}"{told}',
                evidence=evidence,
            )


def _speaks_of_apn(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in ("apn", "access point", "authentication", "not subscribed"))


_NO_NEGOTIATION, _NO_ECHO = 10, 15

# pppd(8), EXIT STATUS.
_EXITS: dict[int, tuple[Remedy, str, str]] = {
    0: (Remedy.ENDED, "the network ended the session", ""),
    1: (Remedy.HOST, "pppd met a fatal error", "Look at `journalctl -u failberry`."),
    2: (
        Remedy.HOST,
        "pppd did not accept its options",
        "Look at `journalctl -u failberry`; please report it.",
    ),
    3: (Remedy.HOST, "pppd lacks the right to configure the network", "Run failberryd as root, by systemd."),
    4: (
        Remedy.HOST,
        "this kernel has no PPP",
        "Load or install the kernel modules ppp_generic and ppp_async.",
    ),
    5: (Remedy.ENDED, "the session was ended from this side", ""),
    6: (
        Remedy.HOST,
        "another program has locked the modem's port",
        "Stop the other dialler or ModemManager.",
    ),
    7: (Remedy.DEVICE, "the modem's port could not be opened", ""),
    8: (Remedy.MODEM, "the connect script failed", ""),
    10: (Remedy.MODEM, "PPP negotiation failed", ""),
    11: (Remedy.HOST, "the peer refused to authenticate itself", "Look at /etc/ppp/options."),
    12: (Remedy.ENDED, "the session was idle", ""),
    13: (Remedy.ENDED, "the session reached its time limit", ""),
    15: (Remedy.MODEM, "the modem stopped answering PPP echo requests", ""),
    16: (Remedy.NETWORK, "the modem hung up", ""),
    17: (Remedy.MODEM, "the modem echoed our own bytes: it is in command mode", ""),
    19: (
        Remedy.APN,
        "the network did not accept user and password",
        "Check cellular.user and cellular.password against what your carrier publishes.",
    ),
}


def cause_of_exit(exit_code: int | None, *, port_gone: bool, evidence: str) -> Cause:
    """Name the cause of a session's end from pppd's exit status and last words.

    With its device node gone pppd reports a bad option (status 2), so the node is asked first.
    """
    if port_gone:
        return Cause(
            remedy=Remedy.DEVICE, why="the modem's port vanished from the USB bus", evidence=evidence
        )
    if exit_code is None:
        lowered = evidence.lower()
        if "hangup" in lowered:
            exit_code = 16
        elif "echo" in lowered or "disconnected" in lowered:
            exit_code = 15
        elif "terminated by peer" in lowered:
            exit_code = 0
        else:
            return Cause(remedy=Remedy.ENDED, why="pppd was killed or died", evidence=evidence)
    remedy, why, advice = _EXITS.get(exit_code, (Remedy.MODEM, f"pppd ended with status {exit_code}", ""))
    if exit_code == _NO_NEGOTIATION and "IPCP" in evidence:
        # The firmware spoke LCP, so it is alive: the network has granted no context.
        remedy = Remedy.CONTEXT
    named = Fault.HUNG if exit_code == _NO_ECHO else None
    return Cause(remedy=remedy, why=why, named=named, advice=advice, evidence=evidence)
