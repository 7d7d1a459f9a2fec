"""The history as its readers get it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from failberry.control.answers import EventsView, EventView, SamplesView, SampleView
from failberry.core.history import Dated
from failberry.core.samples import Sample

if TYPE_CHECKING:
    from failberry.adapters.history import Page


def events_view(page: Page) -> EventsView:
    """Compose the answer of ``Events``."""
    return EventsView(history=page.history, events=tuple(map(_event, page.events)), last=page.last)


def _event(each: Dated) -> EventView:
    record = each.record
    return EventView(
        id=record.id,
        time=each.wall,
        synced=each.synced,
        monotonic=record.at,
        boot=each.boot,
        kind=record.kind,
        subject=record.subject,
        what=record.what,
        why=record.why,
        next=record.next,
        severity=record.severity,
        correlation=record.correlation,
        numbers=record.numbers,
    )


def samples_view(step: int, series: Iterable[tuple[float, Sample]]) -> SamplesView:
    """Compose the answer of ``Samples``."""
    return SamplesView(step=step, samples=tuple(_sample(start, each) for start, each in series))


def _sample(start: float, each: Sample) -> SampleView:
    return SampleView(
        start=start,
        up=each.up,
        suspect=each.suspect,
        down=each.down,
        active=each.active,
        rtt=each.rtt,
        rtt_worst=each.rtt_worst,
        loss=each.loss,
        loss_worst=each.loss_worst,
        dbm=each.dbm,
        received=each.received,
        sent=each.sent,
        used=each.used,
    )
