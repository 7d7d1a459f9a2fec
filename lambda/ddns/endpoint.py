"""What is answered to each event of the function URL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ddns import dyndns2, protocol
from ddns.address import Address
from ddns.event import Call, Unread, read
from ddns.keys import Key, KeyRing, Signer
from ddns.ports import CloudError
from ddns.update import PUBLISHED, Outcome, Publisher, Settings, Verdict, Wish

Answer = dict[str, object]
"""An answer in payload format 2.0."""

LOG_EVERY = 60_000
"""Milliseconds between two lines about what was refused."""

_STATUS = {
    Verdict.CHANGED: 200,
    Verdict.UNCHANGED: 200,
    Verdict.WOULD_CHANGE: 200,
    Verdict.UNREACHABLE: 200,
    Verdict.HOST: 403,
    Verdict.EXPLICIT: 403,
    Verdict.CLOCK: 409,
    Verdict.REPLAY: 409,
    Verdict.OVERTAKEN: 409,
    Verdict.RECORD: 409,
    Verdict.ADDRESS: 422,
    Verdict.COOLDOWN: 429,
    Verdict.CLOUD: 503,
}
_WRITTEN = {Verdict.CHANGED, Verdict.OVERTAKEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What is open."""

    dyndns2: bool = False


class Endpoint:
    """Answers events.  Times are milliseconds since 1970; ``log`` takes one line."""

    def __init__(
        self,
        *,
        ring: KeyRing,
        publisher: Publisher,
        settings: Settings,
        doors: Doors,
        log: Callable[[str], None],
    ) -> None:
        self._ring = ring
        self._publisher = publisher
        self._settings = settings
        self._doors = doors
        self._log = log
        self._refused: Counter[str] = Counter()
        self._next_line = 0
        self._keys_problem = ""

    def answer(self, event: object, *, now: int) -> Answer:
        """Answer one event; what it holds can neither raise nor be logged."""
        answer = self._answer(event, now)
        if self._ring.problem != self._keys_problem:
            self._keys_problem = self._ring.problem
            self._log(f"keys: {self._keys_problem or 'read'}")
        return answer

    def _answer(self, event: object, now: int) -> Answer:
        call = read(event)
        match call:
            case Unread.TOO_LARGE:
                return self._refuse(413, "size", now)
            case Unread.MALFORMED:
                return self._refuse(400, "format", now)
            case Call():
                return self._route(call, now)

    def _route(self, call: Call, now: int) -> Answer:
        if call.path == protocol.PATH:
            match call.method:
                case "GET":
                    told = {"ip": str(call.source), "time": now, "version": protocol.PROTOCOL}
                    return _json(200, told)
                case "POST":
                    return self._update(call, now)
        elif call.path == dyndns2.PATH and self._doors.dyndns2:
            if call.method == "GET":
                return self._dyndns2(call, now)
        else:
            return self._refuse(404, "path", now)
        return self._refuse(405, "method", now)

    def _update(self, call: Call, now: int) -> Answer:
        update = protocol.parse_update(call.body)
        if update is None:
            return self._refuse(400, "format", now)
        signature = call.headers.get(protocol.SIGNATURE_HEADER, "")
        if not protocol.is_signature(signature):
            return self._refuse(401, "signature", now)
        message = protocol.request_message(
            path=call.path,
            host=call.headers.get("host", ""),
            ts=update.ts,
            nonce=update.nonce,
            body=call.body,
        )
        try:
            signer = self._ring.signer(update.key, signature, message, now=now)
        except CloudError as failure:
            return self._refuse(503, "keys", now, detail=failure.code)
        if signer is None:
            return self._refuse(401, "signature", now)
        outcome = self._publisher.publish(
            Wish(
                key=signer.key,
                host=update.host,
                address=update.address,
                source=call.source,
                ts=update.ts,
                dry_run=update.dry_run,
                probe=update.probe,
                only_reachable=update.only_reachable,
            ),
            now=now,
        )
        self._note(signer.key, update.host, outcome, now)
        return _signed(signer, signature, outcome, now)

    def _dyndns2(self, call: Call, now: int) -> Answer:
        try:
            key = self._ring.holder(*dyndns2.basic(call.headers.get("authorization", "")), now=now)
        except CloudError as failure:
            self._count("keys", now, detail=failure.code)
            return _text(503, dyndns2.TROUBLE)
        if key is None:
            self._count("password", now)
            return _text(401, dyndns2.BADAUTH, {"www-authenticate": 'Basic realm="failberry"'})
        query = dyndns2.query(call.query)
        if isinstance(query, str):
            return _text(200, query)
        lines = [
            self._dyndns2_host(key, host, query.addresses or [call.source], call.source, now)
            for host in query.hosts
        ]
        # inadyn 2.10, for a provider of one's own, exits after 911 unless the status says "later", too.
        return _text(503 if {*lines} == {dyndns2.TROUBLE} else 200, "\n".join(lines))

    def _dyndns2_host(
        self, key: Key, host: str, addresses: Sequence[Address], source: Address, now: int
    ) -> str:
        if not dyndns2.fully_qualified(host):
            return dyndns2.NOTFQDN
        outcomes = []
        for place, address in enumerate(addresses):
            # The protocol has no time stamp; ours makes requests for one name that cross each other wait.
            wish = Wish(key=key, host=host, address=address, source=source, ts=now + place)
            outcomes.append(self._publisher.publish(wish, now=now))
            self._note(key, host, outcomes[-1], now)
        return dyndns2.word(outcomes, cooldown=self._settings.cooldown / 1000)

    def _note(self, key: Key, host: str, outcome: Outcome, now: int) -> None:
        """Log each change, and count what was not done."""
        if outcome.verdict in _WRITTEN:
            self._log(f"{outcome.verdict}: {host} is {outcome.address}, says key {key.name}")
        elif outcome.verdict not in PUBLISHED:
            self._count(outcome.verdict, now, detail=f"{host}: {outcome.reason}" if outcome.reason else "")

    def _refuse(self, status: int, error: str, now: int, *, detail: str = "") -> Answer:
        self._count(error, now, detail=detail)
        return _json(status, {"error": error})

    def _count(self, error: str, now: int, *, detail: str = "") -> None:
        self._refused[error] += 1
        if now >= self._next_line:
            counts = ", ".join(f"{each} {count}" for each, count in sorted(self._refused.items()))
            last = f"; the last: {detail}" if detail else ""
            self._log(f"refused so far: {counts}{last}")
            self._next_line = now + LOG_EVERY


def _signed(signer: Signer, request_signature: str, outcome: Outcome, now: int) -> Answer:
    verdict = "status" if outcome.verdict in PUBLISHED | {Verdict.UNREACHABLE} else "error"
    told: dict[str, object] = {
        verdict: str(outcome.verdict),
        "ip": str(outcome.address),
        "server_time": now,
    }
    if outcome.reason:
        told["reason"] = outcome.reason
    if outcome.change:
        told["change_id"] = outcome.change
    if outcome.reached is not None:
        told |= {"reachable": outcome.reached.reachable, "probe": outcome.reached.detail}
    if outcome.retry_after is not None:
        told["retry_after"] = outcome.retry_after
    if outcome.newest is not None:
        told["newest"] = outcome.newest
    status = _STATUS[outcome.verdict]
    body = _compact(told)
    message = protocol.answer_message(status=status, request_signature=request_signature, body=body.encode())
    return _answer(
        status,
        "application/json",
        body,
        {protocol.SIGNATURE_HEADER: protocol.sign(signer.secret, message)},
    )


def _json(status: int, told: Mapping[str, object]) -> Answer:
    return _answer(status, "application/json", _compact(told))


def _text(status: int, body: str, headers: Mapping[str, str] | None = None) -> Answer:
    return _answer(status, "text/plain", f"{body}\n", headers)


def _compact(told: Mapping[str, object]) -> str:
    # ASCII: what is signed is what is sent, whatever recodes it on the way.
    return json.dumps(told, separators=(",", ":"))


def _answer(status: int, kind: str, body: str, headers: Mapping[str, str] | None = None) -> Answer:
    return {
        "statusCode": status,
        "headers": {"content-type": kind, "cache-control": "no-store", **(headers or {})},
        "body": body,
        "isBase64Encoded": False,
    }
