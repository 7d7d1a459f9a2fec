"""AWS by boto3: each request with a deadline and one budget of repetitions, each failure in words.

The only importer of boto3 and botocore, which are large: only short-lived processes import this.  Every
failure is an AwsError that says where and what to do, and holds no secret.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

from failberry.errors import AdapterError, AdapterReason

PATIENCE = 120.0
"""Seconds for one request with its repetitions."""
_CONNECT, _READ = 5.0, 10.0
"""Seconds; botocore's own are 60, too long for a line that comes and goes."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_ANYWHERE = "us-east-1"
"""For services that have no regions, and are signed for this one."""

Document = dict[str, Any]
Connect = Callable[[str, str | None], Any]
"""Makes the client of a service in a region; Route 53 has none."""

_AGAIN = {
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "ResourceConflictException",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalError",
    "500",
    "502",
    "503",
    "504",
}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "ExpiredToken",
    "ExpiredTokenException",
}
_CLOCK = "check the clock of this machine: AWS wants it right to five minutes"
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cures:
    """What to do about a failure, in the words of the command that met it."""

    no_key: str = "there is no AWS key; choose one by --profile, or make one with `aws configure`"
    denied: str = "check the AWS key, and what `failberryctl aws policy` says that it may do"
    refused: str = "read the message, correct [dns], and try again"
    silent: str = "see whether a line is up, and try again"
    codes: Mapping[str, tuple[AdapterReason, str]] = field(default_factory=dict)
    """For errors of certain codes of the API."""


class AwsError(AdapterError):
    """AWS said no, or nothing.  ``code`` is its own word for why; empty where nobody answered."""

    def __init__(self, reason: AdapterReason, evidence: str, *, code: str = "", words: str = "") -> None:
        super().__init__(reason, evidence)
        self.code = code
        self.words = words
        """The API's message, without what is secret."""


class Session:
    """An account, with the credentials that boto3 finds in its environment or in a profile."""

    def __init__(
        self,
        *,
        cures: Cures | None = None,
        profile: str | None = None,
        patience: float = PATIENCE,
        connect: Connect | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cures = cures or Cures()
        self.patience = patience
        self.pause, self.clock = pause, clock
        self._connect = connect or _connected(profile)
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._dice = random.Random()  # noqa: S311 -- spreads repetitions, hides nothing

    def ask(
        self,
        service: str,
        operation: str,
        parameters: Document,
        place: str,
        *,
        region: str | None = None,
        secrets: Iterable[str] = (),
        once: bool = False,
    ) -> Document:
        """One request, a method of boto3's client; raises AwsError.

        ``place`` says what is being done, ``secrets`` never appear in an error.  What is to be done ``once``
        is not repeated when its answer was lost: it may have been carried out.
        """
        deadline, pause = self.clock() + self.patience, _FIRST_PAUSE
        while True:
            with self._translated(place, tuple(secrets)):
                try:
                    answer: Document = getattr(self._client(service, region), operation)(**parameters)
                except (ClientError, NoConnectionError, HTTPClientError) as failure:
                    wait = pause * self._dice.uniform(0.5, 1.5)
                    if not _may_ask_again(failure, once=once) or self.clock() + wait >= deadline:
                        raise
                else:
                    return answer
            self.pause(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _client(self, service: str, region: str | None) -> Any:
        key = service, region
        if key not in self._clients:
            self._clients[key] = self._connect(service, region)
        return self._clients[key]

    @contextmanager
    def _translated(self, place: str, secrets: tuple[str, ...]) -> Iterator[None]:
        cures = self._cures
        try:
            yield
        except ClientError as failure:
            error = failure.response.get("Error", {})
            code, words = str(error.get("Code", "")), _clean(str(error.get("Message", "")), secrets)
            reason, cure = _meaning(code, cures)
            # The original holds the request, and with it perhaps a secret.
            raise AwsError(reason, f"{place}: {code}: {words}; {cure}", code=code, words=words) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise AwsError(AdapterReason.DENIED, f"{place}: {cures.no_key}") from None
        except (NoConnectionError, HTTPClientError) as failure:
            words = f"AWS did not answer ({type(failure).__name__}); {cures.silent}"
            raise AwsError(AdapterReason.TIMEOUT, f"{place}: {words}") from None
        except BotoCoreError as failure:
            words = f"{_clean(str(failure), secrets)}; correct the AWS settings of whoever runs this"
            raise AwsError(AdapterReason.REFUSED, f"{place}: {type(failure).__name__}: {words}") from None


def _connected(profile: str | None) -> Connect:
    made: list[Any] = []

    def connect(service: str, region: str | None) -> Any:
        # Late: a profile that does not exist is told like any other failure.
        if not made:
            made.append(boto3.session.Session(profile_name=profile))
        # Repeating is done here, where there is one budget for it.
        patience = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries={"total_max_attempts": 1})
        return made[0].client(service, region_name=region or _ANYWHERE, config=patience)

    return connect


def _may_ask_again(failure: Exception, *, once: bool) -> bool:
    if isinstance(failure, ClientError):
        return failure.response.get("Error", {}).get("Code") in _AGAIN
    return not once or isinstance(failure, NoConnectionError)


def _meaning(code: str, cures: Cures) -> tuple[AdapterReason, str]:
    if code in cures.codes:
        return cures.codes[code]
    if code in _AGAIN:
        return AdapterReason.BUSY, "AWS is busy; try again in a minute"
    if code in _DENIED:
        return AdapterReason.DENIED, cures.denied
    if code == "SignatureDoesNotMatch":
        return AdapterReason.DENIED, f"{cures.denied}; then {_CLOCK}"
    if code in {"RequestExpired", "RequestTimeTooSkewed"}:
        return AdapterReason.DENIED, _CLOCK
    return AdapterReason.REFUSED, cures.refused


def _clean(words: str, secrets: tuple[str, ...]) -> str:
    for each in secrets:
        words = words.replace(each, "(secret)")
    return _ACCESS_KEY.sub("(key)", " ".join(words.split()))[:500]
