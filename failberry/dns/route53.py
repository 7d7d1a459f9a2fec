"""Route 53 and CloudWatch, by boto3: reads what there is, carries out one change at a time.

The only importer of boto3, which is large: only a short-lived child of ``failberryctl dns`` and of the
publisher imports this.  Every failure is an AdapterError that says where and what to do, and holds no secret.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)

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
from failberry.errors import AdapterError, AdapterReason

PATIENCE = 120.0
"""Seconds for one request with its repetitions, and for a batch to reach all name servers (usually < 60)."""
_CONNECT, _READ = 5.0, 10.0
"""Seconds; botocore's own are 60, too long for a line that comes and goes."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_POLL = 2.0

Connect = Callable[[str, str | None], Any]
"""Makes the client of a service in a region; Route 53 has none."""

_AGAIN = {
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalError",
    "500",
    "502",
    "503",
    "504",
}
_CHANGED = "somebody changed it meanwhile; plan again"
_KEYS = "check the AWS key that the credential holds, and `failberryctl aws policy`"
_CLOCK = "check the clock of this machine: AWS wants it right to five minutes"
_MEANINGS = {
    "AccessDenied": (AdapterReason.DENIED, _KEYS),
    "AccessDeniedException": (AdapterReason.DENIED, _KEYS),
    "InvalidClientTokenId": (AdapterReason.DENIED, _KEYS),
    "UnrecognizedClientException": (AdapterReason.DENIED, _KEYS),
    "ExpiredToken": (AdapterReason.DENIED, _KEYS),
    "SignatureDoesNotMatch": (AdapterReason.DENIED, f"{_KEYS}; then {_CLOCK}"),
    "RequestExpired": (AdapterReason.DENIED, _CLOCK),
    "NoSuchHostedZone": (AdapterReason.GONE, "correct dns.zone_id, or leave it empty"),
    "NoSuchHealthCheck": (AdapterReason.GONE, _CHANGED),
    "HealthCheckVersionMismatch": (AdapterReason.BUSY, _CHANGED),
    "HealthCheckAlreadyExists": (AdapterReason.BUSY, "plan again, which takes a new reference"),
    "HealthCheckInUse": (AdapterReason.BUSY, "take it from the calculated check that uses it"),
    "TooManyHealthChecks": (AdapterReason.REFUSED, "delete some in the console, or ask AWS for more"),
    "InvalidChangeBatch": (AdapterReason.REFUSED, f"nothing of it was done; {_CHANGED}"),
}
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b")


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
        self._patience = patience
        self._connect = connect or _connected
        self._pause, self._clock = pause, clock
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._made: dict[str, str] = {}
        """Caller references of checks made so far, with their ids."""
        self._dice = random.Random()  # noqa: S311 -- spreads repetitions, hides nothing

    def read(self, desired: Desired) -> Found:
        """Read all that a plan needs."""
        return read(
            lambda operation, parameters: self._ask(
                "route53", None, operation, parameters, f"reading {desired.zone}"
            ),
            lambda region, parameters: self._ask(
                "cloudwatch", region, "describe_alarms", parameters, f"reading the alarms in {region}"
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
        answer = self._ask(
            "route53", None, request.operation, request.parameters, place, secrets=tuple(_secrets(change))
        )
        match change:
            case CreateHealthCheck(reference=reference):
                self._made[reference] = answer["HealthCheck"]["Id"]
            case ChangeRecords():
                self._await_servers(answer["ChangeInfo"], place)
            case _:
                pass

    def _await_servers(self, info: Document, place: str) -> None:
        deadline = self._clock() + self._patience
        while info["Status"] != "INSYNC":
            if self._clock() >= deadline:
                words = f"done, but after {self._patience:.0f} s not all name servers know it; plan again"
                raise AdapterError(AdapterReason.TIMEOUT, f"{place}: {words}")
            self._pause(_POLL)
            info = self._ask("route53", None, "get_change", {"Id": info["Id"]}, place)["ChangeInfo"]

    def _ask(
        self,
        service: str,
        region: str | None,
        operation: str,
        parameters: Document,
        place: str,
        *,
        secrets: Iterable[str] = (),
    ) -> Document:
        deadline, pause = self._clock() + self._patience, _FIRST_PAUSE
        while True:
            with _translated(place, tuple(secrets)):
                try:
                    answer: Document = getattr(self._client(service, region), operation)(**parameters)
                except (ClientError, NoConnectionError, HTTPClientError) as failure:
                    wait = pause * self._dice.uniform(0.5, 1.5)
                    if not _may_ask_again(failure, operation) or self._clock() + wait >= deadline:
                        raise
                else:
                    return answer
            self._pause(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _client(self, service: str, region: str | None) -> Any:
        key = service, region
        if key not in self._clients:
            self._clients[key] = self._connect(service, region)
        return self._clients[key]


def _connected(service: str, region: str | None) -> Any:
    # Repeating is done here, where there is one budget for it.
    patience = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries={"total_max_attempts": 1})
    return boto3.session.Session().client(service, region_name=region or "us-east-1", config=patience)


def _may_ask_again(failure: Exception, operation: str) -> bool:
    if isinstance(failure, ClientError):
        return failure.response.get("Error", {}).get("Code") in _AGAIN
    # A batch whose answer was lost may have been carried out, and would be refused now: the next plan tells.
    return operation != "change_resource_record_sets" or isinstance(failure, NoConnectionError)


@contextmanager
def _translated(place: str, secrets: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except ClientError as failure:
        error = failure.response.get("Error", {})
        code, words = str(error.get("Code", "")), str(error.get("Message", ""))
        reason, cure = _MEANINGS.get(
            code, (AdapterReason.REFUSED, "read the message, correct [dns], and plan again")
        )
        if code in _AGAIN:
            reason, cure = AdapterReason.BUSY, "AWS is busy; try again in a minute"
        # The original holds the request, and with it the secret path.
        raise AdapterError(reason, f"{place}: {code}: {_clean(words, secrets)}; {cure}") from None
    except (NoCredentialsError, PartialCredentialsError):
        words = "there is no AWS key; give one as the systemd credential, or use the lambda mode"
        raise AdapterError(AdapterReason.DENIED, f"{place}: {words}") from None
    except (NoConnectionError, HTTPClientError) as failure:
        words = f"AWS did not answer ({type(failure).__name__}); see whether a line is up, and plan again"
        raise AdapterError(AdapterReason.TIMEOUT, f"{place}: {words}") from None
    except BotoCoreError as failure:
        words = f"{_clean(str(failure), secrets)}; correct the AWS settings of this service"
        raise AdapterError(AdapterReason.REFUSED, f"{place}: {type(failure).__name__}: {words}") from None


def _clean(words: str, secrets: tuple[str, ...]) -> str:
    for each in secrets:
        words = words.replace(each, "(secret)")
    return _ACCESS_KEY.sub("(key)", " ".join(words.split()))[:500]


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
