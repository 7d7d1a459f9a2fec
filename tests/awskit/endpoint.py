"""AWS by HTTP: the strict Route 53, and CloudWatch's alarms, for programs that use the real SDK.

    python -m tests.awskit.endpoint [--host ADDRESS] [--port NUMBER] [--seed FILE]

Point the SDK here with AWS_ENDPOINT_URL_ROUTE_53 and AWS_ENDPOINT_URL_CLOUDWATCH.  Which service and
region are meant is told by the signature, whose key id and date count; the rest of it is not computed.

The kit's own paths, for tests:

    GET  /kit/state     everything that the account holds, and every call so far
    POST /kit/faults    [{"operation": "change_resource_record_sets", "code": "Throttling", "count": 2}, …]
    POST /kit/settings  {"pending": 3, "page": 100, "keys": ["AKID…"]}
    POST /kit/records   [{"Action": "UPSERT", "ResourceRecordSet": {…}}, …]: somebody else's hand
    POST /kit/alarms    {"eu-central-1": [{"AlarmName": …}, …]}

A fault's code is one of the API's, or ``HANG`` (no answer, ever), ``DROP`` (hung up, nothing done), ``LOST``
(done, then hung up), or a number: a page of HTML with that status.  ``operation`` ``*`` is any.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.awskit import speech
from tests.awskit.speech import Asked, Document, UnknownOperationError
from tests.awskit.strict import RefusalError, StrictRoute53
from tests.awskit.web import Request, Response, serve

Operation = Callable[[str, str, Document], Document]
"""Carries one out: region, boto3's method and its parameters in, its answer out."""
Errand = Callable[[Any], Any]
"""What a path of the kit does: a document in, a document out."""

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_SKEW = 300.0
"""Seconds by which a signature may be older or newer (Signature Version 4)."""
_CALLS = 10_000


@dataclass(slots=True)
class Endpoint:
    """The front of an account: understands, fails as ordered, carries out, answers."""

    api: StrictRoute53
    services: dict[str, Operation] = field(default_factory=dict)
    """Beside, or instead of, those that are here already; named as in signatures."""
    errands: dict[str, Errand] = field(default_factory=dict)
    """Further paths of the kit."""
    keys: list[str] = field(default_factory=list)
    """Key ids that are let in; none: all."""
    faults: list[Document] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
    """Service, operation and what became of it."""

    def __post_init__(self) -> None:
        # Everything by itself: what a plan reads is what the account holds, not what was read last.
        self.services = {
            "route53": lambda _, operation, parameters: self.api.call(operation, parameters),
            "monitoring": self._monitoring,
            **self.services,
        }
        self.errands = {
            "state": lambda _: self.state(),
            "faults": self.order,
            "settings": self._settings,
            "records": self._records,
            "alarms": lambda document: seed(self.api, {"alarms": document}),
            **self.errands,
        }

    async def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        if request.path.startswith("/kit/"):
            return self._errand(request)
        scope = _SCOPE.search(request.headers.get("authorization", ""))
        if scope is None:
            return speech.refusal("MissingAuthenticationToken", "Request is missing Authentication Token")
        try:
            asked = speech.read(scope["service"], request)
        except UnknownOperationError as error:
            return speech.refusal("UnknownOperationException", str(error))
        fault = self._fault(asked.operation)
        told = f"{fault or 'done'}"
        try:
            if fault in {"HANG", "DROP"}:
                return await self._silence(fault)
            if fault not in {None, "LOST"}:
                return asked.refusal(str(fault), "as ordered")
            if wrong := self._unsigned(scope["key"], request):
                told = wrong[0]
                return asked.refusal(*wrong)
            document = self._carry_out(scope["service"], scope["region"], asked)
            return None if fault == "LOST" else asked.answer(document)
        except RefusalError as refusal:
            error = refusal.response["Error"]
            told = error["Code"]
            return asked.refusal(error["Code"], error["Message"])
        finally:
            del self.calls[:-_CALLS]
            self.calls.append([scope["service"], asked.operation, told])

    def _carry_out(self, service: str, region: str, asked: Asked) -> Document:
        try:
            return self.services[service](region, asked.operation, asked.parameters)
        except (AttributeError, TypeError, KeyError, AssertionError) as error:
            # What the kit cannot do must not look like an answer of AWS, and must not be tried again.
            words = f"the test kit has no {asked.operation} with these parameters: {error!r}"
            raise RefusalError("NotInTheKit", words) from error

    def _monitoring(self, region: str, operation: str, parameters: Document) -> Document:
        if operation != "describe_alarms":
            raise AttributeError(operation)
        return self.api.describe_alarms(region, {"AlarmNames": [], **parameters})

    def _unsigned(self, key: str, request: Request) -> tuple[str, str] | None:
        if self.keys and key not in self.keys:
            return "InvalidClientTokenId", "The security token included in the request is invalid."
        with suppress(ValueError):
            told = datetime.strptime(request.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ")
            if abs((datetime.now(UTC) - told.replace(tzinfo=UTC)).total_seconds()) <= _SKEW:
                return None
        return "SignatureDoesNotMatch", "Signature expired, or not yet current"

    def _fault(self, operation: str) -> str | None:
        for fault in self.faults:
            if fault["operation"] in {operation, "*"}:
                fault["count"] -= 1
                if fault["count"] <= 0:
                    self.faults.remove(fault)
                return str(fault["code"])
        return None

    async def _silence(self, fault: str) -> None:
        if fault == "HANG":
            await asyncio.Event().wait()

    # --- the kit's own paths -----------------------------------------------------------------------

    def _errand(self, request: Request) -> Response:
        errand = self.errands.get(request.path.removeprefix("/kit/"))
        if errand is None:
            return Response(status=404)
        try:
            answer = errand(json.loads(request.body) if request.body else None)
        except (RefusalError, KeyError, TypeError, ValueError) as error:
            return Response(status=400, body=repr(error).encode())
        body = json.dumps(answer, default=str).encode()
        return Response(headers={"Content-Type": "application/json"}, body=body)

    def state(self) -> Document:
        """Everything that the account holds, and every call so far."""
        return {
            "records": list(self.api.records.values()),
            "checks": list(self.api.checks.values()),
            "tags": self.api.tags,
            "alarms": [{"Region": key[0], **each} for key, each in self.api.alarms.items()],
            "faults": self.faults,
            "calls": self.calls,
        }

    def order(self, faults: list[Document]) -> None:
        """Have the next requests fail."""
        self.faults += [{"operation": "*", "count": 1, **each} for each in faults]

    def _settings(self, settings: Document) -> None:
        for name, value in settings.items():
            if name not in {"pending", "page", "keys"}:
                raise KeyError(name)
            setattr(self if name == "keys" else self.api, name, value)

    def _records(self, changes: list[Document]) -> None:
        batch = {"Changes": changes}
        self.api.change_resource_record_sets(HostedZoneId=self.api.zone_id, ChangeBatch=batch)


def seed(api: StrictRoute53, document: Document) -> None:
    """Put an account into a state: ``records``, ``alarms`` by region, ``others``, ``pending``, ``page``.

    Raises RefusalError for records that Route 53 would refuse.
    """
    api.others += document.get("others", [])
    api.pending, api.page = document.get("pending", api.pending), document.get("page", api.page)
    for region, alarms in document.get("alarms", {}).items():
        api.alarms |= {(region, each["AlarmName"]): each for each in alarms}
    changes = [{"Action": "UPSERT", "ResourceRecordSet": each} for each in document.get("records", [])]
    if changes:
        api.change_resource_record_sets(HostedZoneId=api.zone_id, ChangeBatch={"Changes": changes})


def account(document: Document) -> StrictRoute53:
    """An account as a seed describes it; ``zone`` and ``zone_id`` name its zone."""
    made = StrictRoute53(document.get("zone", "example.com"), document.get("zone_id", "Z1"), page=100)
    seed(made, document)
    return made


async def _main(host: str, port: int, document: Document) -> None:
    server = await serve(Endpoint(account(document)), host, port)
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    # Whoever started it ends it, by closing its standard input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.awskit.endpoint", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=Path)
    options = parser.parse_args()
    asyncio.run(
        _main(options.host, options.port, json.loads(options.seed.read_text()) if options.seed else {})
    )


if __name__ == "__main__":
    main()
