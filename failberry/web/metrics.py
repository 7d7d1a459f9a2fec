"""What Prometheus is told, as declarations: names, kinds and texts in one place.  Pure.

By its conventions: one prefix, base units in the name, ``_total`` for what only counts up, a state as one
number for each state it may have.  ``python -m failberry.web.metrics`` prints ``docs/metrics.md``.
"""

# ruff: noqa: E501 -- lines of a page, not of code

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.core.kinds import RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import LineState
from failberry.ctl.kinds import LINES

Labels = Mapping[str, str]
Found = Iterable[tuple[Labels, float | None]]


class Kind(StrEnum):
    """Kinds of Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the figures are made of."""

    status: Mapping[str, Any] | None
    """``None``: the daemon has never answered."""
    lost: bool
    """Whether it does not answer now: then nothing is told of it, rather than what was."""
    seen: Mapping[str, int]
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One name, and how its numbers are found."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...]
    read: Callable[[Heard], Found]


def _metric(
    name: str, text: str, read: Callable[[Any], Found], *labels: str, kind: Kind = Kind.GAUGE
) -> Metric:
    """Declare one that is read from the status; a value of None is left out."""

    def found(heard: Heard) -> Found:
        return () if heard.status is None or heard.lost else read(heard.status)

    return Metric(name=name, kind=kind, text=text, labels=labels, read=found)


def _one(read: Callable[[Any], float | None]) -> Callable[[Any], Found]:
    return lambda status: [({}, read(status))]


def _lines(read: Callable[[Any], float | None]) -> Callable[[Any], Found]:
    return lambda status: [({"line": name}, read(status[name])) for name in LINES]


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _line_states(status: Any) -> Found:
    return [
        ({"line": name, "state": state.value}, float(status[name]["state"] == state))
        for name in LINES
        for state in LineState
    ]


METRICS: tuple[Metric, ...] = (
    Metric(
        name="failberry_daemon_reachable", kind=Kind.GAUGE, labels=(),
        text="Whether the daemon answers. Where it is 0, there are no other figures of it.",
        read=lambda heard: [({}, float(heard.status is not None and not heard.lost))],
    ),
    _metric("failberry_build_info", "Version of the daemon and its mode; always 1.",
            lambda status: [({"version": status["failberry"], "mode": status["mode"]}, 1.0)], "version", "mode"),
    _metric("failberry_running_seconds", "Since the daemon started.", _one(lambda status: status["running_for"])),
    _metric("failberry_line_active", "Whether the line carries new connections.",
            lambda status: [({"line": name}, float(status["active"] == name)) for name in LINES], "line"),
    _metric("failberry_line_state", "1 for the verdict on the line (up, suspect, down), 0 for the others.",
            _line_states, "line", "state"),
    _metric("failberry_line_degraded", "Whether a line that works has too much loss or latency, or reaches only a part.",
            _lines(lambda line: float(bool(line["degraded"]))), "line"),
    _metric("failberry_line_rtt_seconds", "There and back, on average over the last minute.",
            _lines(lambda line: _scaled(line["rtt"], 1e-3)), "line"),
    _metric("failberry_line_loss_ratio", "Of the pings of the last minute, 0 to 1.",
            _lines(lambda line: _scaled(line["loss"], 1e-2)), "line"),
    _metric("failberry_line_proven_age_seconds", "Since somebody out there answered over the line.",
            _lines(lambda line: line["proven_age"]), "line"),
    _metric("failberry_forced", "Whether the owner has chosen the line by hand.",
            _one(lambda status: float(status["forced"] is not None))),
    _metric("failberry_router_sends_here", "Whether the main router sends its traffic to the Pi (`standby-gateway` mode); missing: not known.",
            _one(lambda status: _scaled((status["router"] or {}).get("uses_us"), 1.0))),
    _metric("failberry_plan_used_bytes", "Of the mobile plan in this billing cycle, both directions.",
            _one(lambda status: status["usage"]["used"])),
    _metric("failberry_plan_cap_bytes", "What the owner has set as the cap; missing: none.",
            _one(lambda status: status["usage"]["cap"])),
    _metric("failberry_plan_days_left", "Days until the next billing cycle.",
            _one(lambda status: status["usage"]["days_left"])),
    _metric("failberry_standby_bytes_total", "Over the mobile line while the wired one was in use, since the daemon started.",
            _one(lambda status: status["usage"]["standby_used"]), kind=Kind.COUNTER),
    _metric("failberry_probe_bytes_total", "Our own questions over the mobile line, since the daemon started.",
            _one(lambda status: status["usage"]["probes_used"]), kind=Kind.COUNTER),
    _metric("failberry_modem_state", "1 for the state that the modem is in (ModemManager's words), 0 for the others.",
            lambda status: [({"state": each.value}, float(status["modem"]["state"] == each)) for each in ModemState], "state"),
    _metric("failberry_modem_signal_dbm", "Signal, as it was heard last.",
            _one(lambda status: status["modem"]["signal"]["dbm"])),
    _metric("failberry_modem_signal_ratio", "The same on the modem's own scale, 0 to 1.",
            _one(lambda status: _scaled(status["modem"]["signal"]["percent"], 1e-2))),
    _metric("failberry_modem_dials_total", "Dials since the daemon started.",
            _one(lambda status: status["modem"]["dials"]), kind=Kind.COUNTER),
    _metric("failberry_modem_sessions_total", "Sessions since the daemon started.",
            _one(lambda status: status["modem"]["sessions"]), kind=Kind.COUNTER),
    _metric("failberry_modem_failures", "Dials and sessions that failed in a row.",
            _one(lambda status: status["modem"]["failures"])),
    _metric("failberry_sim_pin_tries", "Attempts that the SIM has left; missing: not told.",
            _one(lambda status: status["modem"]["pin_tries"])),
    _metric("failberry_supply_good", "Whether nothing speaks against the power supply.",
            _one(lambda status: float(status["supply"]["good"]))),
    _metric("failberry_modem_disconnects", "How often the modem left the bus by itself in the last hour.",
            _one(lambda status: status["supply"]["disconnects"])),
    _metric("failberry_kernel_ok", "Whether the kernel holds the routes and the packet filter that we want.",
            lambda status: [({"part": part}, float(status[part]["state"] == "ok")) for part in ("routes", "firewall")], "part"),
    _metric("failberry_notice", "1 for each thing that a person should know of.",
            lambda status: [({"code": code}, 1.0) for code in sorted({each["code"] for each in status["warnings"]})], "code"),
    Metric(
        name="failberry_events_total", kind=Kind.COUNTER, labels=("kind",),
        text="What has happened, by its kind (events.md), in the daemon's memory and since this page started.",
        read=lambda heard: [({"kind": kind.value}, float(heard.seen.get(kind, 0))) for kind in RecordKind],
    ),
    Metric(
        name="failberry_web_streams", kind=Kind.GAUGE, labels=(),
        text="Pages that are open.", read=lambda heard: [({}, float(heard.streams))],
    ),
)  # fmt: skip

_HEAD = """# Metrics

<!-- Generated: python3 -m failberry.web.metrics -->

`http://<the Pi>:8080/metrics` speaks Prometheus' text format, where there is a `[web]` in the configuration
([how to](howto/dashboard.md#prometheus-and-grafana)). A figure that is not known is left out.

| name | kind | labels | what it is |
|---|---|---|---|
"""


def page() -> str:
    """``docs/metrics.md``."""
    rows = (
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.text} |\n"
        for each in METRICS
    )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
