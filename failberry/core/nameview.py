"""The names of the house in words: for the document, and for the journal."""

from __future__ import annotations

from collections.abc import Iterator

from failberry.core.actions import Report, Severity
from failberry.core.failover import WORDS
from failberry.core.names import PublishedName, PublishedNames
from failberry.core.snapshot import NameState, NamesView, NameView

SEVERITY = {
    NameState.PUBLISHED: Severity.INFO,
    NameState.PENDING: Severity.INFO,
    NameState.KEPT: Severity.INFO,
    NameState.FAILED: Severity.WARNING,
    NameState.ABSENT: Severity.WARNING,
    NameState.OTHERS: Severity.INFO,
}


QUIET = {NameState.PENDING, NameState.KEPT, NameState.OTHERS}
"""What passes, or is told elsewhere."""


def names_view(names: PublishedNames | None, now: float) -> NamesView | None:
    """What the document says of them."""
    if names is None:
        return None
    return NamesView(
        name=names.name,
        lines=tuple(_line(each, now) for each in names.lines),
        moved=names.moved,
        moved_for=max(0.0, now - names.moved_since) if names.moved is not None else 0.0,
        spent=names.spent,
    )


def _line(each: PublishedName, now: float) -> NameView:
    return NameView(
        line=each.line,
        name=each.name,
        source=each.source,
        addresses=tuple(str(address) for address in each.addresses),
        state=each.state,
        state_for=max(0.0, now - each.since),
        reason=each.reason,
        reachable=each.reachable,
        next=each.next,
        next_in=None if each.next_at is None else max(0.0, each.next_at - now),
    )


def names_told(before: PublishedNames | None, after: PublishedNames | None) -> Iterator[Report]:
    """One line for each change worth a word."""
    old = {} if before is None else {each.line: each for each in before.lines}
    for each in after.lines if after is not None else ():
        if each.state in QUIET or not _is_news(old.get(each.line), each):
            continue
        yield Report(
            subject="names",
            what=f"{each.name} {each.state}",
            why=each.reason,
            next=each.next,
            severity=SEVERITY[each.state],
        )
    moved = None if before is None else before.moved
    if after is not None and after.moved is not moved:
        line = "left to the health checks" if after.moved is None else f"held on the {WORDS[after.moved]}"
        why = "the wired line is dead" if after.moved is not None else "the wired line is in use again"
        yield Report(
            subject="names", what=f"{after.name} {line}", why=f"{why} (dns.fast)", severity=Severity.NOTICE
        )


def _is_news(was: PublishedName | None, each: PublishedName) -> bool:
    if was is None:
        return True
    moved = was.addresses != each.addresses
    if each.state is NameState.PUBLISHED:
        # A line that wavered and is back, with all as it was, is none.
        return moved or was.state not in (*QUIET, each.state)
    # Nor is the same trouble in other words.
    return was.state is not each.state
