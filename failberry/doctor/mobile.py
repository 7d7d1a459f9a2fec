"""SIM, APN, and what the mobile line is good for.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from failberry.core.causes import Fault
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import LineState, Reachability
from failberry.doctor.evidence import Evidence
from failberry.doctor.finding import Finding, Severity
from failberry.doctor.hardware import dials
from failberry.naming import Publisher
from failberry.units import duration, size

_DAY = 86_400.0
STALE = 6 * 3600.0
"""Seconds without a proof after which a warm standby line is said to be unproven, or four looks if that is
longer; a cold one is dialled once a day for a proof, and has three days."""
COLD = 3 * _DAY
_PUK_HELP = (
    "put the SIM into a telephone and enter the PUK there (it is on the card's letter); Failberry never does"
)
NEARLY = 90.0
"""Percent of the cap."""


def sim(seen: Evidence) -> Iterator[Finding]:
    """The SIM and its PIN."""
    status = seen.told.status
    if status is None or status.modem.state not in (ModemState.LOCKED, ModemState.FAILED):
        return
    modem = status.modem
    if modem.fault is not Fault.SIM and modem.state is not ModemState.LOCKED:
        return
    reason = modem.reason.lower()
    tries = (f"{modem.pin_tries} attempts left",) if modem.pin_tries is not None else ()
    words, none = (modem.reason, *tries), seen.config is not None and not seen.config.cellular.pin
    if "puk" in reason:
        code, what, cure = "sim-puk", "the SIM is blocked, and asks for its PUK", _PUK_HELP
    elif "pin" in reason and none:
        code, what = "sim-pin", "the SIM asks for a PIN, and none is configured"
        cure = 'write pin = "…" under [cellular], then `sudo failberryctl reload`; or switch the PIN off '
        "in a telephone"
    elif "pin" in reason and (seen.sim.refused_pins or "refused" in reason or "attempt" in reason):
        code, what = "pin-latched", "the configured PIN was refused, and is not tried again"
        cure = (
            "correct cellular.pin, then `sudo failberryctl reload`; if you are sure that it is right, "
            "`sudo failberryctl modem forget-pin` lets it be tried once more"
        )
    elif "not inserted" in reason or "no sim" in reason:
        code, what = "sim-missing", "there is no SIM in the modem, or it is not recognised"
        cure = "take the stick out, push the SIM in until it clicks, with its contacts the right way round"
    else:
        code, what = "sim", "the SIM does not work in this modem"
        cure = modem.advice or "try the SIM in a telephone"
    yield Finding(code=code, severity=Severity.BAD, where="SIM", what=what, evidence=words, cure=cure)


def apn(seen: Evidence) -> Iterator[Finding]:
    """The access point name."""
    config, status = seen.config, seen.told.status
    if config is None or status is None or not dials(seen):
        return
    refused = status.modem.fault is Fault.REFUSED
    none = not config.cellular.apn and seen.sim.modem_apn == ""
    if not (none or refused) or (none and status.cellular.state is LineState.UP):
        return
    home = (f"the SIM is of network {seen.sim.home[:3]}-{seen.sim.home[3:]}",) if seen.sim.home else ()
    if none:
        what = "there is no APN: neither cellular.apn nor the modem has one"
    else:
        name = config.cellular.apn or "the modem's own"
        what = f"the network refuses the session (APN: {name}): {status.modem.reason}"
    yield Finding(
        code="no-apn" if none else "apn-refused",
        severity=Severity.BAD,
        where="mobile line",
        what=what,
        evidence=home,
        cure=_suggestion(seen, refused=not none),
    )


def _suggestion(seen: Evidence, *, refused: bool) -> str:
    also = "; see whether SIM and contract are active, and roaming is not needed" if refused else ""
    put = "under [cellular], then `sudo failberryctl reload`"
    if seen.sim.providers is None:
        return (
            "ask the carrier for it, or `sudo apt install mobile-broadband-provider-info` and look again: "
            f"that list knows most; it goes {put}{also}"
        )
    if not seen.sim.providers:
        return f'ask the carrier for it; write apn = "…" {put}{also}'
    known = ", ".join(
        f'apn = "{each.apn}" ({each.name}{f", user {each.user}" if each.user else ""})'
        for each in seen.sim.providers[:6]
    )
    return f"carriers of this network use: {known}; write one of them {put}{also}"


def reach(seen: Evidence) -> Iterator[Finding]:
    """What has to be reached from outside over a line that cannot be."""
    config, status = seen.config, seen.told.status
    if config is None or status is None or status.cellular.state is not LineState.UP:
        return
    kind = status.cellular.reachability
    if kind not in (Reachability.CGNAT, Reachability.PRIVATE):
        return
    shared = "shared by many (CGNAT)" if kind is Reachability.CGNAT else "private"
    words = (f"{', '.join(status.cellular.addresses)}: {status.cellular.reachability_text}",)
    cure = (
        "ask the carrier for a public address; often another cellular.apn gives one. A VPN that the "
        "house opens "
        "itself does without"
    )
    if config.port_forward:
        yield Finding(
            code="forwards-unreachable",
            severity=Severity.BAD,
            where="mobile line",
            what=f"port forwards are configured, and the mobile address is {shared}: nobody gets in",
            evidence=words,
            cure=cure,
        )
    if config.dns is not None and config.dns.cellular_source is not Publisher.ELSEWHERE:
        yield Finding(
            code="name-unreachable",
            severity=Severity.ATTENTION,
            where=config.dns.cellular_name,
            what=f"a name of the house shall lead to the mobile line, and its address is {shared}",
            evidence=words,
            cure=cure,
        )


def standby(seen: Evidence) -> Iterator[Finding]:
    """Whether the line that stands by was seen to work."""
    config, status = seen.config, seen.told.status
    if config is None or status is None:
        return
    line = status.cellular
    cold = status.modem.state is not ModemState.CONNECTED
    limit = COLD if cold else max(STALE, 4 * config.probe.cellular_interval)
    if not cold and not config.probe.cellular_interval:
        return
    if line.state is not LineState.UP and not cold:
        return
    age = line.proven_age if line.proven_age is not None else status.running_for
    if age > limit and (line.state is LineState.UP or line.proven_age is not None):
        ever = f"for {duration(age)}" if line.proven_age is not None else "since the daemon started"
        yield Finding(
            code="standby-unproven",
            severity=Severity.ATTENTION,
            where="mobile line",
            what=f"nobody on the Internet has answered over the mobile line {ever}",
            evidence=(line.reason,),
            cure="try it: `sudo failberryctl failover force cellular --for 2m`, and look at a page; then see "
            "probe.cellular_budget",
        )


def plan(seen: Evidence) -> Iterator[Finding]:
    """The data that is left."""
    status = seen.told.status
    if status is None or status.usage.cap is None or status.usage.percent is None:
        return
    usage, percent = status.usage, status.usage.percent
    told = (f"{size(usage.used)} of {size(status.usage.cap)} in this cycle",)
    if usage.days_left is not None:
        told = (f"{told[0]}, {usage.days_left} days left",)
    cure = (
        "`failberryctl usage` shows where it went; `failberryctl usage set` takes over the carrier's figure"
    )
    if usage.state in ("capped", "lifted"):
        then = "and lifted, as the last resort" if usage.state == "lifted" else "and usage.action is in force"
        yield Finding(
            code="cap-reached", severity=Severity.BAD, where="mobile plan", evidence=told, cure=cure,
            what=f"the data cap is reached, {then}",
        )  # fmt: skip
    elif percent >= NEARLY:
        yield Finding(
            code="cap-near", severity=Severity.ATTENTION, where="mobile plan", evidence=told, cure=cure,
            what=f"{percent:.0f} % of the mobile plan are used",
        )  # fmt: skip


def refusals(seen: Evidence) -> Iterator[Finding]:
    """Faults of the mobile line that no other check explains."""
    status = seen.told.status
    if status is None or status.modem.fault is None:
        return
    words = {
        Fault.NO_COVERAGE: ("no-coverage", "there is no network that the modem may use, or too weak a one"),
        Fault.CAPPED: (
            "carrier-cap",
            "only the carrier's own servers answer: the plan is used up, or filtered",
        ),
        Fault.NO_DATA: ("no-data", "a session is up and the network is there, and nothing passes"),
    }
    if status.modem.fault in words:
        code, what = words[status.modem.fault]
        signal = status.modem.signal
        seen_signal = (f"signal {signal.dbm} dBm",) if signal.dbm is not None else ()
        cure = (
            status.modem.advice
            or "it is being handled; a better place, or an antenna, for the stick may help"
        )
        yield Finding(
            code=code, severity=Severity.BAD, where="mobile line", what=what,
            evidence=(status.modem.reason, *seen_signal), cure=cure,
        )  # fmt: skip
