"""A deed and its answer in words, for the history.

*Looks* are left out as long as they succeed, for there are tens of thousands a day: counters, pings of the
mobile line, open connections weighed, the second port's signal, the USB bus.  What they found is in the
samples, in the verdicts and in the modem's states.  Of AT commands those are told that order something which
takes time, never the text of a secret one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from failberry.at.commands import QUICK
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.actions import Severity
from failberry.core.power import PowerOutcome

Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedTold:
    """What a record of a deed says."""

    subject: str
    what: str
    why: str = "done"
    """What was answered."""
    severity: Severity = Severity.INFO
    numbers: Numbers = field(default_factory=dict)


def deed_told(deed: do.Deed, answer: ev.Answer) -> DeedTold | None:
    """Say what was done and what came of it; ``None``: a look that found what it looked for."""
    match deed:
        case do.SendCommand() | do.PulseDtr() | do.SendBytes():
            return _spoken(deed, answer)
        case do.CyclePower() | do.ResetUsb() | do.SwitchMode() | do.RebindController() | do.Reboot():
            return _switched(deed, answer)
        case do.DropFlows() | do.WeighFlows() | do.TracePath() | do.ProvePinning() | do.ProbeLine():
            return _on_line(deed, answer)
        case do.StorePinRecord() | do.StoreStep() | do.StoreUsage():
            problem = getattr(answer, "problem", None)
            what = {do.StorePinRecord: "PIN record", do.StoreStep: "step of recovery", do.StoreUsage: "usage"}
            if problem is None and not isinstance(deed, do.StorePinRecord):
                return None
            return _plain("disk", f"{what[type(deed)]} written", problem)
        case do.LocateModem() | do.ReadCounters():
            return None
        case _:
            return _of_session(deed, answer)


def _plain(subject: str, what: str, problem: str | None) -> DeedTold:
    if problem is None:
        return DeedTold(subject=subject, what=what)
    return DeedTold(subject=subject, what=f"{what}: failed", why=problem, severity=Severity.WARNING)


def _spoken(deed: do.SendCommand | do.PulseDtr | do.SendBytes, answer: ev.Answer) -> DeedTold | None:
    if not isinstance(answer, ev.CommandAnswered):
        return None
    match deed:
        case do.PulseDtr():
            return _plain("modem", f"DTR lowered on the {deed.port} port", answer.problem)
        case do.SendBytes():
            return _plain("modem", f"{len(deed.payload)} bytes sent on the {deed.port} port", answer.problem)
    command = deed.command
    if command.timeout <= QUICK or command.parse(()) is not None:
        return None
    said = answer.problem or (answer.result.text if answer.result is not None else "no answer in time")
    good = answer.result is not None and answer.result.ok
    return DeedTold(
        subject="modem",
        what=f"sent {command.shown} on the {deed.port} port",
        why=f"answered {said}" if answer.result is not None else said,
        severity=Severity.INFO if good else Severity.NOTICE,
    )


def _switched(
    deed: do.CyclePower | do.ResetUsb | do.SwitchMode | do.RebindController | do.Reboot, answer: ev.Answer
) -> DeedTold:
    problem = getattr(answer, "problem", None)
    match deed:
        case do.CyclePower():
            words = answer.words if isinstance(answer, ev.PowerCycled) else "no answer"
            cycled = isinstance(answer, ev.PowerCycled) and answer.outcome is PowerOutcome.CYCLED
            return DeedTold(
                subject="power",
                what=f"power of USB {deed.usb_path} cut{'' if cycled else ': failed'}",
                why=words,
                severity=Severity.NOTICE if cycled else Severity.WARNING,
            )
        case do.ResetUsb():
            return _plain("usb", f"USB {deed.usb_path} reset", problem)
        case do.SwitchMode():
            return _plain("usb", f"USB {deed.stray.usb_path} told to be a modem", problem)
        case do.RebindController():
            return _plain("usb", f"controller of USB {deed.usb_path} started anew", problem)
        case do.Reboot():
            return _plain("machine", "reboot", problem)


def _on_line(
    deed: do.DropFlows | do.WeighFlows | do.TracePath | do.ProvePinning | do.ProbeLine, answer: ev.Answer
) -> DeedTold | None:
    problem = getattr(answer, "problem", None)
    match deed, answer:
        case do.DropFlows(), ev.FlowsDropped():
            which = "unanswered connections" if deed.flows is do.Flows.UNANSWERED else "connections"
            told = _plain("failover", f"{which} of the {deed.line} line forgotten", problem)
            return DeedTold(
                subject=told.subject,
                what=told.what,
                why=told.why if problem else f"{answer.count} of them",
                severity=told.severity,
                numbers={"connections": answer.count},
            )
        case do.TracePath(), ev.PathTraced():
            answered = sum(each is not None for each in answer.hops)
            ending = "the target answered" if answer.reached else "the target did not answer"
            return DeedTold(
                subject=deed.line,
                what=f"way to {deed.target} walked",
                why=problem or f"{answered} of {len(answer.hops)} on the way answered; {ending}",
                numbers={"hops": answered},
            )
        case do.ProvePinning(), ev.PinningProved():
            return _plain(deed.line, "pinning of the probes looked at", problem or None)
        case do.ProbeLine(), ev.LineProbed():
            asked = len(deed.targets) + len(deed.servers)
            if answer.targets_answered or (answer.servers_answered and not deed.targets):
                return None
            why = problem or f"{answer.servers_answered} of {asked} answered"
            what = f"asked over {deed.interface}: no answer from beyond"
            return DeedTold(subject="cellular", what=what, why=why, numbers={"asked": asked})
        case _:
            return None


def _of_session(
    deed: do.OpenPorts
    | do.ReleaseDialPort
    | do.ClosePorts
    | do.StartSession
    | do.StartLease
    | do.StopSession,
    answer: ev.Answer,
) -> DeedTold | None:
    problem = getattr(answer, "problem", None)
    match deed:
        case do.OpenPorts():
            return _plain("modem", f"ports of {deed.hardware.product} opened", problem)
        case do.StartSession():
            return _plain("session", f"pppd started on {deed.hardware.dial_tty}", problem)
        case do.StartLease():
            return _plain("session", f"DHCP client started on {deed.hardware.network_interface}", problem)
        case do.StopSession():
            return _plain("session", "session ended", problem)
        case do.ReleaseDialPort() | do.ClosePorts():
            return None if problem is None else _plain("modem", "ports closed", problem)
