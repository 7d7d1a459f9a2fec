"""Prometheus' text format.  The only importer of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from failberry.web.metrics import METRICS, Heard, Kind

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FAMILIES = {Kind.GAUGE: GaugeMetricFamily, Kind.COUNTER: CounterMetricFamily}


class _Once:
    """A collector of what was heard; the library asks it once."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def collect(self) -> Iterator[Metric]:
        """Yield each family that has a number."""
        for each in METRICS:
            found = [(labels, value) for labels, value in each.read(self._heard) if value is not None]
            if found:
                family = _FAMILIES[each.kind](each.name, each.text, labels=each.labels)
                for labels, value in found:
                    family.add_metric([labels[name] for name in each.labels], value)
                yield family


def text(heard: Heard) -> bytes:
    """Write all that is known."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(heard))
    return generate_latest(registry)
