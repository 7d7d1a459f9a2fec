"""What goes to CloudWatch, and what is answered.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ping.endpoints import Endpoint

NAMESPACE = "Failberry/Ping"
COMPAT_NAMESPACE = "Lambda-Ping/HTTP"
"""Of lambda-ping, for dashboards that exist already."""

Datum = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of asking one endpoint, as often as it took."""

    endpoint: Endpoint
    up: bool | None
    """``None``: it cannot be tried from here."""
    status: int = 0
    """What was answered; 0: nothing."""
    latency: float = 0.0
    """Milliseconds from the question to the head of the answer, of the try that counts."""
    error: str = ""
    """Why nothing was answered (``ECONNREFUSED``), or what was wrong with it (``status``, ``body``)."""
    tries: int = 1


def collect(results: Sequence[Result]) -> list[Datum]:
    """Figures for :data:`NAMESPACE`: ``Up`` (0, 1), the true ``StatusCode``, ``Latency`` of what is up."""
    figures: list[Datum] = []
    for result in results:
        if result.up is None:
            # No figure at all: the alarm shall see missing data, not a line that is down.
            continue
        name = result.endpoint.name
        figures.append(_datum("Up", name, float(result.up), "None"))
        if result.status:
            figures.append(_datum("StatusCode", name, float(result.status), "None"))
        if result.up:
            figures.append(_datum("Latency", name, result.latency, "Milliseconds"))
    return figures


def collect_compat(results: Sequence[Result]) -> list[Datum]:
    """Figures for :data:`COMPAT_NAMESPACE`, keyed by the URL: no answer is status 0, as there."""
    figures: list[Datum] = []
    for result in results:
        if result.up is None:
            continue
        name = result.endpoint.url.geturl()
        figures.append(_datum("StatusCode", name, float(result.status), "None"))
        if result.up:
            figures.append(_datum("Latency", name, result.latency, "Milliseconds"))
    return figures


def _datum(metric: str, endpoint: str, value: float, unit: str) -> Datum:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint[:1024]}],
        "Value": value,
        "Unit": unit,
    }


def report(results: Sequence[Result]) -> dict[str, Mapping[str, object]]:
    """The answer, in the original's shape, and a word more: whether it is up."""
    return {
        result.endpoint.label: {
            "HTTPError": result.error or None,
            "statusCode": result.status,
            "durationMS": round(result.latency),
            "up": result.up,
        }
        for result in results
    }
