"""What the child does for a request: a few questions to Route 53, and perhaps changes.

Every errand may be interrupted anywhere and asked for again: what was done is found, and what is missing is
done.  Touches the world only by the :class:`Api` that it is given.  Raises AdapterError.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, assert_never

from failberry.core.snapshot import UplinkName
from failberry.dns import plan as planning
from failberry.dns import wire
from failberry.dns.changes import Act, Change, ChangeRecords, Edit, Plan, UpdateHealthCheck
from failberry.dns.checks import published, unreachable
from failberry.dns.desired import AlarmCheck, Desired, Source
from failberry.dns.messages import (
    Address,
    ApplyRequest,
    DestroyRequest,
    DnsAnswer,
    DoneResult,
    LineStanding,
    MoveRequest,
    MoveResult,
    PlanRequest,
    PlanResult,
    PublishRequest,
    PublishResult,
    Request,
    Result,
    StatusRequest,
    StatusResult,
    Step,
    TellRequest,
)
from failberry.dns.reading import read_pair, records_at, zone_id_of
from failberry.dns.records import Found, HealthCheck, Record, canonical
from failberry.dns.register import is_of_pair, line_of
from failberry.dns.wire import Document
from failberry.dns.words import asked, described, details, headline
from failberry.errors import AdapterError, AdapterReason

_NONCE = rf"[a-z0-9]{{1,{planning.NONCE_LIMIT}}}"
_LEADS_SOMEWHERE = ("A", "AAAA", "CNAME")

Tell = Callable[[str], None]


class Api(Protocol):
    """Route 53, as :class:`failberry.dns.route53.Route53` has it."""

    def ask(self, operation: str, parameters: Document, place: str) -> Document:
        """One request."""

    def read(self, desired: Desired) -> Found:
        """All that a plan needs."""

    def apply(self, change: Change) -> None:
        """Carry out one change, and wait until every name server knows it."""


def run(request: Request, api: Api, tell: Tell) -> Result:
    """Do it; ``tell`` hears of each change before it is made.  Raises AdapterError."""
    match request:
        case PlanRequest(wish=wish, removal=removal):
            if removal:
                return _shown(_removal(request, api.read(wish)))
            return _shown(_planned(request, api.read(wish)))
        case ApplyRequest(wish=wish, fingerprint=seen):
            return _carried_out(_planned(request, api.read(wish)), seen, api, tell)
        case DestroyRequest(wish=wish, fingerprint=seen):
            return _carried_out(_removal(request, api.read(wish)), seen, api, tell)
        case StatusRequest(wish=wish):
            return _status(wish, api)
        case PublishRequest():
            return _publish(request, api)
        case MoveRequest(wish=wish, forced=forced):
            return _move(wish, forced, api, tell)
        case TellRequest():
            raise AdapterError(AdapterReason.REFUSED, "that is nothing for Route 53; use failberry-sns")
        case _:
            assert_never(request)


def fingerprint(plan: Plan) -> str:
    """What two plans have in common only if they do the same.

    Without the secret paths, which are left out of what is shown: whoever shows a plan and has it carried
    out means the same wish both times.
    """
    return hashlib.sha256(repr(plan.changes).encode()).hexdigest()[:32]


def _planned(request: PlanRequest | ApplyRequest, found: Found) -> Plan:
    if not re.fullmatch(_NONCE, request.nonce):
        words = f"the nonce is not 1 to {planning.NONCE_LIMIT} characters of a-z and 0-9"
        raise AdapterError(AdapterReason.REFUSED, words)
    # A line that DNS is held on stays so until whoever held it there ends it.
    held = planning.forced_line(found, request.wish.owner)
    plan = planning.plan(
        replace(request.wish, forced=held),
        found,
        nonce=request.nonce,
        adopt=request.adopt,
        kept=_kept(request),
    )
    if held is None:
        return plan
    note = f"DNS is held on the {held} line; `failberryctl failover force auto --dns` ends it"
    return replace(plan, notes=(*plan.notes, note))


def _removal(request: PlanRequest | DestroyRequest, found: Found) -> Plan:
    return planning.destroy(request.wish.owner, found, kept=_kept(request), leaves=_kept_names(request.wish))


def _kept(request: PlanRequest | ApplyRequest | DestroyRequest) -> tuple[Record, ...]:
    """The records that the daemon keeps, as it would have written them itself."""
    wish = request.wish
    return tuple(
        Record(name=each.name, type=_kind(each.address), ttl=wish.ttl, values=(str(each.address),))
        for each in request.kept
        if each.name in _kept_names(wish)
    )


def _kept_names(wish: Desired) -> tuple[str, ...]:
    lines = (wish.wired, wish.cellular)
    return tuple(each.name for each in lines if each.source is Source.DAEMON)


def _shown(plan: Plan) -> PlanResult:
    return PlanResult(
        fingerprint=fingerprint(plan),
        steps=tuple(Step(headline=headline(each), details=tuple(details(each))) for each in plan.changes),
        problems=plan.problems,
        notes=plan.notes,
    )


def _carried_out(plan: Plan, seen: str, api: Api, tell: Tell) -> DoneResult:
    if plan.problems:
        raise AdapterError(AdapterReason.REFUSED, "; ".join(map(str, plan.problems)))
    if fingerprint(plan) != seen:
        words = "the account changed since the plan was shown, and nothing was done; look at the new plan"
        raise AdapterError(AdapterReason.BUSY, words)
    _each(plan.changes, api, tell)
    return DoneResult(changes=len(plan.changes))


def _each(changes: tuple[Change, ...], api: Api, tell: Tell) -> None:
    for number, change in enumerate(changes, 1):
        tell(f"{number} of {len(changes)}: {headline(change)}")
        try:
            api.apply(change)
        except AdapterError as error:
            words = f"{error.evidence}; {number - 1} of {len(changes)} changes were made before"
            raise AdapterError(error.reason, words) from None


def _status(wish: Desired, api: Api) -> StatusResult:
    found = api.read(wish)
    held = planning.forced_line(found, wish.owner)
    plan = planning.plan(replace(wish, forced=held), found, nonce="status")
    pair = [each for each in found.records if is_of_pair(each, wish.owner)]
    servers = [each for each in found.at(found.zone) if each.type == "NS"]
    return StatusResult(
        zone_id=found.zone_id,
        servers=tuple(canonical(value) for each in servers for value in each.values),
        pair=tuple(map(described, pair)),
        forced=held,
        lines=tuple(_standing(line, wish, found) for line in UplinkName),
        answers=tuple(_answers(wish, found, {each.type for each in pair}, api)),
        due=len(plan.changes),
        problems=plan.problems,
    )


def _standing(line: UplinkName, wish: Desired, found: Found) -> LineStanding:
    check = _used(line, wish, found)
    return LineStanding(
        line=line,
        name=wish.line(line).name,
        addresses=published(wish.line(line).name, found),
        check="" if check is None else check.id,
        asked="" if check is None else asked(check.settings),
    )


def _used(line: UplinkName, wish: Desired, found: Found) -> HealthCheck | None:
    """The health check of a line that the pair uses."""
    ids = {each.check for each in found.records if is_of_pair(each, wish.owner)}
    ours = [each for each in found.checks if each.id in ids and line_of(each, wish.owner) is line]
    return min(ours, key=lambda each: each.id, default=None)


def _answers(wish: Desired, found: Found, types: Iterable[str], api: Api) -> Iterator[DnsAnswer]:
    for kind in sorted(types):
        question = {"HostedZoneId": found.zone_id, "RecordName": wish.name, "RecordType": kind}
        try:
            told = api.ask("test_dns_answer", question, f"asking what {wish.name} is now")
        except AdapterError:
            # A key need not be allowed to, and nothing depends on it.
            return
        yield DnsAnswer(type=kind, code=told["ResponseCode"], values=tuple(told["RecordData"]))


def _publish(request: PublishRequest, api: Api) -> PublishResult:
    place = f"publishing {request.name}"
    families = [each.version for each in request.addresses]
    if not families or len(set(families)) != len(families):
        raise AdapterError(
            AdapterReason.REFUSED, f"{place}: give one address of each family at most, and one"
        )
    for why in filter(None, map(unreachable, request.addresses)):
        raise AdapterError(AdapterReason.REFUSED, f"{place}: {why}, and is never published")

    def ask(operation: str, parameters: Document) -> Document:
        return api.ask(operation, parameters, place)

    zone_id = request.zone_id or zone_id_of(ask, request.zone)
    there = records_at(ask, zone_id, request.name)
    for record in there:
        if record.type in _LEADS_SOMEWHERE and not _is_plain(record):
            words = (
                f"{place}: {described(record)} is not a plain address, and stays; see `failberryctl dns plan`"
            )
            raise AdapterError(AdapterReason.REFUSED, words)
    edits = tuple(_edits(request, there))
    if not edits:
        return PublishResult(changed=False, change="")
    batch = ChangeRecords(zone_id=zone_id, zone=request.zone, edits=edits, reason=place)
    call = wire.call(batch, {})
    return PublishResult(
        changed=True, change=ask(call.operation, call.parameters)["ChangeInfo"]["Id"].rpartition("/")[2]
    )


def _is_plain(record: Record) -> bool:
    return record.type != "CNAME" and not record.identifier and record.alias is None and not record.more


def _edits(request: PublishRequest, there: tuple[Record, ...]) -> Iterator[Edit]:
    for address in request.addresses:
        kind = _kind(address)
        record = Record(name=request.name, type=kind, ttl=request.ttl, values=(str(address),))
        was = next((each for each in there if each.type == kind), None)
        if was is None or not was.same(record):
            yield Edit(act=Act.UPSERT, record=record, was=was)


def _kind(address: Address) -> str:
    return "A" if address.version == 4 else "AAAA"


def _move(wish: Desired, forced: UplinkName | None, api: Api, tell: Tell) -> MoveResult:
    # In an outage seconds count, and bytes: neither the rest of the zone nor the alarms are read.
    place = f"reading the switches of {wish.name}"
    found = read_pair(lambda operation, parameters: api.ask(operation, parameters, place), wish)
    changes: list[UpdateHealthCheck] = []
    for line in UplinkName:
        check = _used(line, wish, found)
        if check is None:
            words = f"{wish.name} is not set up at Route 53, or its health checks are not ours"
            raise AdapterError(AdapterReason.GONE, f"{words}; `failberryctl dns apply` sets it up")
        # Disabled counts as healthy, and inverted makes the opposite of it (Developer Guide, "Disabled").
        after = replace(check.settings, disabled=forced is not None, inverted=forced not in {None, line})
        if after != check.settings:
            reason = (
                "the health checks decide again" if forced is None else f"DNS is held on the {forced} line"
            )
            changes.append(
                UpdateHealthCheck(
                    line=line,
                    check=check.id,
                    version=check.version,
                    before=check.settings,
                    after=after,
                    reason=reason,
                    reread=False,
                )
            )
    # A line is let in before the other is shut out.
    changes.sort(key=lambda each: each.after.inverted)
    _each(tuple(changes), api, tell)
    return MoveResult(changed=bool(changes))


def secrets(request: Request) -> tuple[str, ...]:
    """What of a request no answer and no journal may hold."""
    if isinstance(request, TellRequest):
        return (request.topic,)
    wish = None if isinstance(request, PublishRequest) else request.wish
    checks = () if wish is None else (wish.wired.check, wish.cellular.check)
    paths = [each.path for each in checks if not isinstance(each, AlarmCheck)]
    # "/" is no secret, and is in every message.
    return tuple(each for path in paths for each in (path, path.removeprefix("/")) if len(each) > 1)
