"""Route 53 and CloudWatch: reads what there is, carries out one change at a time.

Only a short-lived child of ``failberryctl dns`` and of the publisher imports this.  Every failure is an
AdapterError that says where and what to do, and holds no secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from failberry.aws.session import PATIENCE, AwsError, Connect, Cures, Session
from failberry.dns import wire
from failberry.dns.changes import (
    Change,
    ChangeRecords,
    CreateHealthCheck,
    DeleteHealthCheck,
    Plan,
    TagHealthCheck,
    UpdateHealthCheck,
)
from failberry.dns.desired import Desired
from failberry.dns.reading import read
from failberry.dns.records import Found
from failberry.dns.wire import Document
from failberry.errors import AdapterReason

_POLL = 2.0
"""Seconds between two questions whether all name servers know a batch; it usually takes less than 60."""

_CHANGED = "somebody changed it meanwhile; plan again"
_CURES = Cures(
    no_key="there is no AWS key; give one as the systemd credential, or use the lambda mode",
    denied="check the AWS key that the credential holds, and `failberryctl aws policy`",
    refused="read the message, correct [dns], and plan again",
    silent="see whether a line is up, and plan again",
    codes={
        "NoSuchHostedZone": (AdapterReason.GONE, "correct dns.zone_id, or leave it empty"),
        "NoSuchHealthCheck": (AdapterReason.GONE, _CHANGED),
        "HealthCheckVersionMismatch": (AdapterReason.BUSY, _CHANGED),
        "HealthCheckAlreadyExists": (AdapterReason.BUSY, "plan again, which takes a new reference"),
        "HealthCheckInUse": (AdapterReason.BUSY, "take it from the calculated check that uses it"),
        "TooManyHealthChecks": (AdapterReason.REFUSED, "delete some in the console, or ask AWS for more"),
        "InvalidChangeBatch": (AdapterReason.REFUSED, f"nothing of it was done; {_CHANGED}"),
    },
)


class Route53:
    """An account, with the credentials that boto3 finds in its environment."""

    def __init__(
        self,
        *,
        patience: float = PATIENCE,
        connect: Connect | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._aws = Session(cures=_CURES, patience=patience, connect=connect, pause=pause, clock=clock)
        self._made: dict[str, str] = {}
        """Caller references of checks made so far, with their ids."""

    def read(self, desired: Desired) -> Found:
        """Read all that a plan needs."""
        return read(
            lambda operation, parameters: self.ask(operation, parameters, f"reading {desired.zone}"),
            lambda region, parameters: self._aws.ask(
                "cloudwatch",
                "describe_alarms",
                parameters,
                f"reading the alarms in {region}",
                region=region,
            ),
            desired,
        )

    def carry_out(self, plan: Plan, tell: Callable[[int, Change], None]) -> None:
        """Apply a whole plan; ``tell`` hears of each change before it is made, with its number from 1."""
        for number, change in enumerate(plan.changes, 1):
            tell(number, change)
            self.apply(change)

    def apply(self, change: Change) -> None:
        """Carry out one change, and wait until every name server knows it."""
        place, request = _place(change), wire.call(change, self._made)
        answer = self.ask(request.operation, request.parameters, place, secrets=tuple(_secrets(change)))
        match change:
            case CreateHealthCheck(reference=reference):
                self._made[reference] = answer["HealthCheck"]["Id"]
            case ChangeRecords():
                self._await_servers(answer["ChangeInfo"], place)
            case _:
                pass

    def _await_servers(self, info: Document, place: str) -> None:
        deadline = self._aws.clock() + self._aws.patience
        while info["Status"] != "INSYNC":
            if self._aws.clock() >= deadline:
                waited = f"{self._aws.patience:.0f} s"
                words = f"done, but after {waited} not all name servers know it; plan again"
                raise AwsError(AdapterReason.TIMEOUT, f"{place}: {words}")
            self._aws.pause(_POLL)
            info = self.ask("get_change", {"Id": info["Id"]}, place)["ChangeInfo"]

    def ask(
        self, operation: str, parameters: Document, place: str, *, secrets: tuple[str, ...] = ()
    ) -> Document:
        """One request to Route 53, and its answer; raises AwsError."""
        return self._aws.ask(
            "route53",
            operation,
            parameters,
            place,
            secrets=secrets,
            # A batch whose answer was lost would be refused now: the next plan tells.
            once=operation == "change_resource_record_sets",
        )


def _secrets(change: Change) -> Iterator[str]:
    match change:
        case CreateHealthCheck(settings=settings) | DeleteHealthCheck(settings=settings):
            paths = [settings.path]
        case UpdateHealthCheck(before=before, after=after):
            paths = [before.path, after.path]
        case _:
            paths = []
    # "/" is no secret, and is in every message.
    yield from (each for path in paths for each in (path, path.removeprefix("/")) if len(each) > 1)


def _place(change: Change) -> str:
    match change:
        case ChangeRecords(zone=zone):
            return f"changing {zone}"
        case CreateHealthCheck(line=line):
            return f"creating the health check of the {line} line"
        case TagHealthCheck(line=line, check=check):
            return f"tagging the health check {check} of the {line} line"
        case UpdateHealthCheck(line=line, check=check):
            return f"updating the health check {check} of the {line} line"
        case DeleteHealthCheck(line=line, check=check):
            return f"deleting the health check {check} of the {line} line"
