"""How it stands with the house's names, in words: the state of each, and what a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from failberry.core.facts import Address
from failberry.core.names import NamedLine, PublishedName
from failberry.core.snapshot import LineState, NameState, Notice, UplinkName
from failberry.dns.calls import Failed, Trouble
from failberry.dns.checks import unreachable
from failberry.dns.fastpath import FastPath
from failberry.dns.publication import HOUR, Publication, Step
from failberry.dns.whereabouts import STRAYS
from failberry.naming import Publisher as Writer

WORDS = {UplinkName.WIRED: "wired line", UplinkName.CELLULAR: "mobile line"}
OF_OTHERS = {
    Writer.FIXED: "its address never changes: `failberryctl dns apply` writes it",
    Writer.ELSEWHERE: "kept by somebody else",
}
LONG = 120.0
"""Seconds of failures that a person should know of."""
_CGNAT = ip_network("100.64.0.0/10")
_WORST = (NameState.FAILED, NameState.ABSENT, NameState.PENDING, NameState.PUBLISHED)
_NEXT = {
    Step.PUBLISH: "write the address",
    Step.REFLECT: "ask which address the Internet sees",
    Step.VERIFY: "look whether it still stands there",
}


def told(
    line: NamedLine,
    name: str,
    source: Writer,
    publications: list[Publication],
    before: PublishedName | None,
    first: tuple[float, Step, Publication] | None,
    now: float,
) -> PublishedName:
    """One line's name; the instant of its state is kept from ``before`` as long as it lasts."""
    state, reason = _state(line, source, publications)
    same = before is not None and (before.state, before.name) == (state, name)
    asked = [each.reachable for each in publications if each.reachable is not None]
    return PublishedName(
        line=line.line,
        name=name,
        source=source.value,
        state=state,
        reason=reason,
        since=before.since if before is not None and same else now,
        addresses=tuple(address for each in publications for address in each.stands or ()),
        reachable=all(asked) if asked else None,
        next="" if first is None else _NEXT[first[1]],
        next_at=None if first is None else first[0],
    )


def _state(line: NamedLine, source: Writer, publications: list[Publication]) -> tuple[NameState, str]:
    if source in OF_OTHERS:
        return NameState.OTHERS, OF_OTHERS[source]
    if line.state is not LineState.UP:
        fares = "is down" if line.state is LineState.DOWN else "does not answer at the moment"
        return NameState.KEPT, f"the {WORDS[line.line]} {fares}; what stands there stays"
    states = [_of_family(each) for each in publications if each.where.exists]
    if not states:
        return NameState.KEPT, f"the {WORDS[line.line]} has no address; what stands there stays"
    worst = min((state for state, _ in states), key=_WORST.index)
    return worst, "; ".join(dict.fromkeys(reason for state, reason in states if state is worst))


def _of_family(each: Publication) -> tuple[NameState, str]:
    where, trouble = each.where, each.trouble or each.unreflected
    address = where.address
    if each.right:
        how = ", as our function sees it" if where.translated else ""
        return NameState.PUBLISHED, f"{address} stands there{how}"
    if where.astray is not None:
        return NameState.FAILED, f"asked over this line, our function sees {where.astray}, the other line's"
    if where.useless is not None:
        return NameState.ABSENT, f"our function sees {unreachable(where.useless)}"
    if address is None and not where.reflector:
        why = unreachable(where.hidden) if where.hidden is not None else None
        return NameState.ABSENT, why or "the address is translated, and there is no function to ask"
    if trouble is not None:
        return NameState.FAILED, trouble.evidence
    if address is None:
        return NameState.PENDING, f"{where.hidden or where.own} is translated: asking what the Internet sees"
    return NameState.PENDING, f"{address} is being looked for there" if not each.looked else (
        f"{address} is being written"
    )


# --- what a person should know -------------------------------------------------------------------


def expiry(each: Publication) -> float | None:
    """When a notice ends by itself."""
    return each.repaired[-1] + HOUR if each.repaired else None


def notices(
    publications: Iterable[Publication], fast: FastPath, up: set[UplinkName], now: float
) -> Iterator[Notice]:
    """All of them, each once."""
    seen: set[tuple[str, str]] = set()
    if fast.trouble is not None:
        set_up = "`failberryctl dns apply` sets it up; `failberryctl dns plan` tells what is missing"
        tried = "nothing: it is tried again, and the health checks move it all the same"
        yield Notice(
            code="names-not-moved",
            text=f"the house's name could not be moved (dns.fast): {fast.trouble.evidence}",
            cure=set_up if fast.trouble.trouble is Trouble.ABSENT else tried,
        )
    for each in publications:
        # A line that is down has troubles of its own, which are told.
        found = _of_publication(each, now) if each.line in up else _of_record(each, now)
        for notice in found:
            if (notice.code, notice.text) not in seen:
                seen.add((notice.code, notice.text))
                yield notice


def _of_publication(each: Publication, now: float) -> Iterator[Notice]:
    where, line = each.where, WORDS[each.line]
    if where.exists:
        for trouble in {id(it): it for it in (each.trouble, each.unreflected) if it is not None}.values():
            yield from _of_trouble(each, trouble, now)
    if where.astray is not None:
        yield Notice(
            code="names-wrong-line",
            text=f"what was asked over the {line} came from {where.astray}, the other line's address: "
            f"{each.name} was not changed",
            cure="the router in front sends this Pi's own traffic back over the other line; see docs/howto",
        )
    if where.strays >= STRAYS:
        yield Notice(
            code="names-unsteady",
            text=f"each time our function is asked over the {line}, it sees another address",
            cure="the carrier spreads connections over several addresses; ask for a public one",
        )
    yield from _of_reach(each)
    yield from _of_record(each, now)


def _of_reach(each: Publication) -> Iterator[Notice]:
    """Whether the Internet reaches the line at all."""
    where, line = each.where, WORDS[each.line]
    wired = each.line is UplinkName.WIRED
    public = "ask the carrier for a public address; often that is another APN"
    if where.hidden is not None and _shared(where.hidden):
        yield Notice(
            code="names-cgnat",
            text=f"the {line} has {unreachable(where.hidden)}: nobody reaches the house over it, "
            f"whatever stands at {each.name}",
            cure="ask the provider for a public IPv4 address" if wired else public,
        )
    elif where.useless is not None:
        yield Notice(
            code="names-private",
            text=f"{each.name} is not written: our function sees {unreachable(where.useless)}",
            cure="dns.url leads to something that is not at AWS; correct it",
        )
    elif where.exists and where.translated and not where.reflector:
        address = where.hidden or where.own
        yield Notice(
            code="names-private",
            text=f"{each.name} is not written: the {line} has {address}, which is not its address on the "
            "Internet, and there is nobody to ask for that",
            cure="run `failberryctl aws deploy` and set dns.url, or let the router keep the name",
        )
    elif each.reachable is False:
        behind = " behind a router" if where.translated else ""
        yield Notice(
            code="names-unreachable",
            text=f"{each.name} leads to {where.address}, but the Internet does not reach port 9000 of this "
            f"Pi there{behind}: {each.probe}",
            cure="forward TCP port 9000 to this Pi in the router" if wired or where.translated else public,
        )


def _of_record(each: Publication, now: float) -> Iterator[Notice]:
    """What others do at the name."""
    if each.unseen > 1:
        yield Notice(
            code="names-not-seen",
            text=f"Route 53 holds {each.where.address} for {each.name}, and the zone's name servers tell "
            "something else",
            cure="the domain leads to another zone of that name: compare its name servers at the registrar "
            "with those of `failberryctl dns status`",
        )
    if each.contested(now):
        yield Notice(
            code="names-contested",
            text=f"somebody else writes {each.name}, too: it was put right {len(each.repaired)} times in an "
            "hour",
            cure="switch the other dynamic DNS off, or set the line's source to elsewhere",
        )
    elif each.repaired and now < each.repaired[-1] + HOUR:
        yield Notice(
            code="names-repaired",
            text=f"somebody had changed {each.name}; it was put right",
            cure="if that was you: set the line's source in [dns] to fixed or elsewhere",
        )


def _of_trouble(each: Publication, trouble: Failed, now: float) -> Iterator[Notice]:
    text = f"{each.name} could not be written: {trouble.evidence}"
    match trouble.trouble:
        case Trouble.CLOCK | Trouble.NO_CLOCK:
            cure = "see `timedatectl`; it is tried again as soon as the time is set"
            yield Notice(code="names-clock", text=text, cure=cure)
        case Trouble.KEY:
            cure = "`failberryctl aws deploy` writes it, or put the 64 digits there; then restart the daemon"
            yield Notice(code="names-key", text=text, cure=cure)
        case Trouble.DENIED:
            yield Notice(code="names-denied", text=text, cure=_CURE_DENIED[each.source])
        case Trouble.RECORD:
            cure = "remove what stands there, or give the line another name"
            yield Notice(code="names-not-ours", text=text, cure=cure)
        case Trouble.NO_CHILD:
            cure = "see `systemctl status failberry-dns.socket`"
            yield Notice(code="names-child", text=text, cure=cure)
        case Trouble.ABSENT:
            cure = (
                "compare dns.zone with the zones of the key's AWS account; `failberryctl dns plan` tells more"
            )
            yield Notice(code="names-absent", text=text, cure=cure)
        case Trouble.TLS:
            cure = "whoever answers is not our function: look for a portal, and at dns.url"
            yield Notice(code="names-tls", text=text, cure=cure)
        case _:
            if each.failing_since is not None and now >= each.failing_since + LONG:
                cure = "nothing: it is tried again; the old address stays until then"
                yield Notice(code="names-failing", text=text, cure=cure)


_CURE_DENIED = {
    Writer.LAMBDA: "compare dns.key_name, dns.cellular_name and dns.wired_name with what was deployed",
    Writer.ROUTE53: "check the AWS key; `failberryctl aws policy` shows what it must be allowed",
}


def _shared(address: Address) -> bool:
    return address.version == 4 and address in _CGNAT
