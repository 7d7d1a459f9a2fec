"""CloudWatch as far as a health check sees it: figures in periods, and what an alarm's settings make of them.

Route 53 reads the figures, not the alarm's state, by settings that it copied when it was told of the alarm.
Missing data are as in "Configuring how CloudWatch alarms treat missing data", column "missing".
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

Document = dict[str, Any]
Series = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Region, namespace, metric and dimensions."""
Point = tuple[float, float]
"""Seconds of a monotonic clock, and a value."""

_POINTS = 4_096
_FURTHER = 2
"""Periods, beyond those that are looked for, from which points may come in place of missing ones."""
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
    "Average": lambda values: sum(values) / len(values),
}
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}


class State(StrEnum):
    """An alarm's, in CloudWatch's words."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Metrics:
    """What PutMetricData wrote, at the time at which it came."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points: dict[Series, deque[Point]] = {}

    def put(self, region: str, namespace: str, figures: Iterable[Mapping[str, Any]]) -> None:
        """Keep figures that are single values."""
        for figure in figures:
            place = series(
                region, {"Namespace": namespace, "MetricName": figure["MetricName"], **_dimensions(figure)}
            )
            self._points.setdefault(place, deque(maxlen=_POINTS)).append(
                (self._clock(), float(figure["Value"]))
            )

    def of(self, place: Series) -> Sequence[Point]:
        """The points of a series, the oldest first."""
        return tuple(self._points.get(place, ()))


def series(region: str, settings: Mapping[str, Any]) -> Series:
    """The figures that an alarm of that region looks at."""
    dimensions = sorted((each["Name"], each["Value"]) for each in settings.get("Dimensions", ()))
    return region, settings["Namespace"], settings["MetricName"], tuple(dimensions)


def judge(settings: Mapping[str, Any], points: Iterable[Point], *, now: float, period: float) -> State:
    """What the settings make of the points in whole periods before ``now``; ``period`` replaces their own."""
    count = int(settings["EvaluationPeriods"])
    newest = int(now // period)
    buckets: dict[int, list[float]] = {}
    for at, value in points:
        place = int(at // period)
        # The period that is not over yet does not count.
        if newest - count - _FURTHER <= place < newest:
            buckets.setdefault(place, []).append(value)
    statistic, breaches = _STATISTICS[settings["Statistic"]], _BREACHES[settings["ComparisonOperator"]]
    verdicts = [
        breaches(statistic(buckets[place]), float(settings["Threshold"])) for place in sorted(buckets)
    ][-count:]
    if not verdicts:
        return State.INSUFFICIENT_DATA
    return State.ALARM if all(verdicts) else State.OK


def health(state: State, insufficient: str, *, before: bool) -> bool:
    """What a CLOUDWATCH_METRIC check says; ``insufficient`` is its InsufficientDataHealthStatus."""
    match state:
        case State.OK:
            return True
        case State.ALARM:
            return False
        case State.INSUFFICIENT_DATA:
            return before if insufficient == "LastKnownStatus" else insufficient == "Healthy"


def _dimensions(figure: Mapping[str, Any]) -> Document:
    return {"Dimensions": figure.get("Dimensions", ())}
