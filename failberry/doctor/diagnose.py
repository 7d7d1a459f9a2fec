"""From the evidence to everything that is wrong with it.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failberry.core.snapshot import LineState, NameState
from failberry.doctor import hardware, machine, mobile, network
from failberry.doctor.evidence import Evidence
from failberry.doctor.finding import Diagnosis, Finding, Severity, worst_first

Check = Callable[[Evidence], Iterator[Finding]]


def published(seen: Evidence) -> Iterator[Finding]:
    """The house's names, and the AWS side."""
    status, aws = seen.told.status, seen.aws
    if status is not None and status.names is not None:
        for each in status.names.lines:
            if each.state is NameState.FAILED:
                yield Finding(
                    code="name-not-written",
                    severity=Severity.BAD,
                    where=each.name,
                    what=f"its address could not be written: {each.reason}",
                    cure="`failberryctl dns verify` and `sudo failberryctl aws doctor` say more",
                )
    if aws is None:
        return
    if not aws.boto:
        yield Finding(
            code="no-boto3",
            severity=Severity.BAD,
            where="AWS",
            what="python3-boto3 is not installed, and names of the house are written with it",
            cure="`sudo apt install python3-boto3`",
        )
    if aws.key:
        yield Finding(
            code="aws-key",
            severity=Severity.BAD,
            where="AWS",
            what=aws.key,
            cure="`sudo failberryctl aws deploy` makes the function's key; docs/howto/aws.md tells of "
            "the other",
        )
    for told in aws.findings:
        severity = Severity.UNKNOWN if told.unknown else Severity.BAD if told.bad else Severity.ATTENTION
        yield Finding(
            code="aws",
            severity=severity,
            where=f"AWS: {told.what}",
            what=f"{told.what}: {told.words}",
            cure=told.cure or "`sudo failberryctl aws doctor` shows all of it",
        )


def unexplained(seen: Evidence, told: list[Finding]) -> Iterator[Finding]:
    """A mobile line that is down and for which nothing above gives the reason."""
    status = seen.told.status
    down = [each for each in status.warnings if each.code == "cellular-down"] if status is not None else []
    if not down or status is None or status.cellular.state is LineState.UP:
        return
    explained = ("USB", "SIM", "modem", "mobile line")
    if any(each.severity is Severity.BAD and each.where.startswith(explained) for each in told):
        return
    yield Finding(
        code="mobile-line-down",
        severity=Severity.BAD,
        where="mobile line",
        what=down[0].text,
        evidence=(status.recovery.held_back,) if status.recovery.held_back else (),
        cure=down[0].cure or "`failberryctl modem status` shows every step that was taken",
    )


CHECKS: tuple[Check, ...] = (
    machine.configuration,
    machine.daemon,
    machine.units,
    hardware.power,
    hardware.modem,
    hardware.rivals,
    hardware.modules,
    hardware.foreign_routes,
    mobile.sim,
    mobile.apn,
    mobile.refusals,
    mobile.reach,
    mobile.standby,
    mobile.plan,
    network.settings,
    network.pinning,
    network.filters,
    network.neighbours,
    network.health_port,
    network.names,
    network.connections,
    machine.clock,
    machine.disks,
    published,
    hardware.switching,
    hardware.watchdog,
    machine.rest,
)


def diagnose(seen: Evidence) -> Diagnosis:
    """Every check; a healthy house gives no finding."""
    found = [finding for check in CHECKS for finding in check(seen)]
    found += unexplained(seen, found)
    return Diagnosis(failberry=seen.installed, findings=worst_first(found))
