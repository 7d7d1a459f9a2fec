"""The child's errands on the strict Route 53, without a process; and behind a socket, as systemd does it."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from failberry.core.snapshot import UplinkName
from failberry.dns import messages
from failberry.dns.desired import Desired
from failberry.dns.errand import run
from failberry.dns.messages import (
    ApplyRequest,
    DestroyRequest,
    DoneResult,
    MoveRequest,
    MoveResult,
    PlanRequest,
    PlanResult,
    Progress,
    PublishRequest,
    PublishResult,
    Refusal,
    Request,
    StatusRequest,
    StatusResult,
)
from failberry.dns.route53 import Route53
from failberry.errors import AdapterError
from tests.awskit.account import ALARM, ALARM_DOCUMENT
from tests.awskit.strict import Document, StrictRoute53
from tests.unit.dns.wishes import WISH

T = TypeVar("T")
CHANGES = ("create_", "change_", "update_", "delete_")


class Killed(BaseException):
    """As by SIGKILL: nothing of ours runs afterwards."""


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")


class Telling(StrictRoute53):
    """Answers TestDNSAnswer, too, with what the first of a pair says."""

    def test_dns_answer(self, *, HostedZoneId: str, RecordName: str, RecordType: str) -> Document:  # noqa: N803
        assert HostedZoneId == self.zone_id
        there = [each for key, each in self.records.items() if key[:2] == (RecordName, RecordType)]
        values = [each["Value"] for record in there[:1] for each in record["ResourceRecords"]]
        return {"ResponseCode": "NOERROR", "RecordData": values}


class World:
    """An account, and a child that dies when it is told to."""

    def __init__(self, *records: Document, pending: int = 0) -> None:
        self.api = Telling(refuse=refusal, pending=pending, page=100)
        self.api.alarms[ALARM] = dict(ALARM_DOCUMENT)
        assert all(self.api.put(each) for each in records)
        self.told: list[str] = []
        self.nonces = 0
        self.left: int | None = None
        """How many requests that change something are still let through; the next one kills."""
        self.after = False
        """Whether it dies after that request has been carried out, and not before."""

    def __getattr__(self, name: str) -> Any:
        """The face of boto3's clients."""

        def call(**parameters: Any) -> Document:
            if name == "describe_alarms":
                return self.api.describe_alarms(ALARM[0], parameters)
            fatal = self.left == 0 and name.startswith(CHANGES)
            if self.left is not None and name.startswith(CHANGES):
                self.left -= 1
            if fatal and not self.after:
                raise Killed
            answer = self.api.call(name, parameters)
            if fatal:
                raise Killed
            return answer

        return call

    def do(self, request: Request, kind: type[T]) -> T:
        # A new adapter each time, as each child is a new process.
        account = Route53(connect=lambda *_: self, pause=lambda _: None)
        result = run(request, account, self.told.append)
        assert isinstance(result, kind)
        return result

    def plan(self, wish: Desired = WISH, *, adopt: bool = False) -> tuple[PlanResult, str]:
        self.nonces += 1
        nonce = f"n{self.nonces}"
        return self.do(PlanRequest(wish=wish, nonce=nonce, adopt=adopt), PlanResult), nonce

    def apply(self, wish: Desired = WISH, *, adopt: bool = False) -> int:
        shown, nonce = self.plan(wish, adopt=adopt)
        assert shown.problems == ()
        mark = shown.fingerprint
        request = ApplyRequest(wish=wish, nonce=nonce, fingerprint=mark, adopt=adopt)
        return self.do(request, DoneResult).changes

    def destroy(self, wish: Desired = WISH) -> int:
        shown = self.do(PlanRequest(wish=wish, nonce="n", removal=True), PlanResult)
        return self.do(DestroyRequest(wish=wish, fingerprint=shown.fingerprint), DoneResult).changes

    def move(self, forced: UplinkName | None) -> bool:
        return self.do(MoveRequest(wish=WISH, forced=forced), MoveResult).changed

    def status(self, wish: Desired = WISH) -> StatusResult:
        return self.do(StatusRequest(wish=wish), StatusResult)

    def publish(self, *addresses: Any, name: str = "wired.example.com", ttl: int = 60) -> PublishResult:
        request = PublishRequest(zone="example.com", name=name, ttl=ttl, addresses=addresses)
        return self.do(request, PublishResult)

    def answers(self) -> str:
        """Which line is let through: h(ealthy), d(ead), or asked, wired first."""
        by_line = {}
        for check in self.api.checks.values():
            config = check["HealthCheckConfig"]
            word = "asked" if not config["Disabled"] else "dead" if config["Inverted"] else "healthy"
            by_line[check["CallerReference"].split(":")[2]] = word
        return f"{by_line['wired']} {by_line['cellular']}"


@contextlib.contextmanager
def listening(world: World, place: Path) -> Iterator[None]:
    """The child of this world, started at each connection."""

    class Child(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            def tell(text: str) -> None:
                self.wfile.write(messages.encode_answer(Progress(progress=text)))

            try:
                request = messages.decode_request(self.rfile.readline())
                account = Route53(connect=lambda *_: world, pause=lambda _: None)
                self.wfile.write(messages.encode_answer(run(request, account, tell)))
            except AdapterError as error:
                refusal = Refusal(reason=error.reason, evidence=error.evidence)
                self.wfile.write(messages.encode_answer(refusal))
            except Killed:
                return

    with socketserver.ThreadingUnixStreamServer(str(place), Child) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
