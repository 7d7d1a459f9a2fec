"""What the history tells of: each kind of record, declared once.

The journal's MESSAGE_ID, the reference in ``docs/events.md``, and what ``failberryctl events --kind`` takes,
are all derived from these declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RecordKind(StrEnum):
    """What a record of the history is about."""

    STARTED = "started"
    STOPPED = "stopped"
    VERDICT = "verdict"
    FAILOVER = "failover"
    FAILBACK = "failback"
    MODEM = "modem"
    RECOVERY = "recovery"
    REQUEST = "request"
    DEED = "deed"
    KERNEL = "kernel"
    USAGE = "usage"
    NAMES = "names"
    NOTICE = "notice"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """One kind."""

    message_id: str
    """MESSAGE_ID of its lines in the journal (systemd.journal-fields(7)); never to be changed."""
    words: str
    """What it tells."""
    subjects: str
    """Whom it is about."""
    example: str
    """What was, or is: a value of ``what``."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Members of ``numbers``, each with its meaning; each may be absent."""


SPECS: Mapping[RecordKind, KindSpec] = {
    RecordKind.STARTED: KindSpec(
        message_id="f7287ce4b7b24daab7a67dbcb09f60b2",
        words="The daemon has come up.",
        subjects="`daemon`",
        example="started",
        numbers={"uptime": "seconds since this machine booted"},
    ),
    RecordKind.STOPPED: KindSpec(
        message_id="2b6658c31694457fb5d268c2ca35af0e",
        words="The daemon was stopped. Missing before a start: it was killed, or power was cut.",
        subjects="`daemon`",
        example="stopped",
    ),
    RecordKind.VERDICT: KindSpec(
        message_id="a3d5da013d154c2f811fb030d62c7123",
        words="The verdict on a line has changed: `up`, `suspect`, `down`, or `degraded` and `well again`.",
        subjects="`wired`, `wired6` (its IPv6), `cellular`",
        example="up -> suspect",
        numbers={
            "lasted": "seconds for which the verdict before had stood",
            "silent": "seconds since something last came back",
            "loss": "percent of the pings of the last minute",
            "rtt": "milliseconds there and back, on average over the last minute",
        },
    ),
    RecordKind.FAILOVER: KindSpec(
        message_id="983ec8f0722342039857ec2f29e18cc3",
        words="Another line carries new connections, or the wired one is left for good.",
        subjects="`failover`",
        example="wired -> cellular",
        numbers={
            "silent": "seconds since something last came back over the wired line",
            "lasted": "seconds for which the line before had been in use",
        },
    ),
    RecordKind.FAILBACK: KindSpec(
        message_id="41df06edc8ae4a7f9eaa0723f7545b40",
        words="The wired line carries new connections again.",
        subjects="`failover`",
        example="cellular -> wired",
        numbers={"lasted": "seconds for which the mobile line had been in use"},
    ),
    RecordKind.MODEM: KindSpec(
        message_id="e5b7c499c7f8488d9ecd20391cc36478",
        words="The modem is in another state, in ModemManager's words.",
        subjects="`modem`",
        example="searching -> registered",
        numbers={
            "lasted": "seconds in the state before",
            "failures": "dials and sessions that failed in a row",
            "dbm": "signal, as it was heard last",
        },
    ),
    RecordKind.RECOVERY: KindSpec(
        message_id="d8be0ec7b8fe4c0c9950fb7ba60c3d67",
        words="A step to bring the mobile line back: taken, done, refused, or what came of it.",
        subjects="`recovery`",
        example="cut the modem's power",
        numbers={"failures": "dials and sessions that failed in a row"},
    ),
    RecordKind.REQUEST: KindSpec(
        message_id="4cb7f2de4d8a48f0822809fd0e2e967b",
        words="The owner asked for something. What follows from it has its correlation.",
        subjects="`modem`, `failover`, `usage`, `configuration`",
        example="asked: cut the modem's power",
        numbers={"seconds": "for how long"},
    ),
    RecordKind.DEED: KindSpec(
        message_id="410bdd1d3efc40b887c3df3d89eb54de",
        words="Something was done, and what was answered. Mere looks (counters, signal, pings that were "
        "answered) are in the samples; looks that failed are here.",
        subjects="`modem`, `session`, `usb`, `power`, `machine`, `wired`, `cellular`, `failover`, `disk`",
        example="connections forgotten",
        numbers={
            "seconds": "how long it took",
            "connections": "how many were forgotten",
            "hops": "how many places on the way answered",
            "asked": "how many were asked",
        },
    ),
    RecordKind.KERNEL: KindSpec(
        message_id="10c5b5d4c9ff46348c4d0d978c78a524",
        words="Routes or packet filter: applied, failed, mended.",
        subjects="`routes`, `firewall`",
        example="applied",
        numbers={"seconds": "from the wish to its being read back from the kernel"},
    ),
    RecordKind.USAGE: KindSpec(
        message_id="5b266feca34740c4a02fbd8b01066695",
        words="Data used against the plan: warnings, the cap, a new cycle, corrections.",
        subjects="`usage`",
        example="the data cap is reached: 100 %",
        numbers={"used": "bytes in this cycle"},
    ),
    RecordKind.NAMES: KindSpec(
        message_id="3bc58befb5cc474fbfb40b5c9a99b806",
        words="The house's names in DNS.",
        subjects="`names`",
        example="pi.example.net published",
    ),
    RecordKind.NOTICE: KindSpec(
        message_id="418dc75b3a644b6ebbf91953462e4c87",
        words="Something that a person should know has come up or is over; looked at once a minute. The cure "
        "is in `next`. That a line is down or degraded is a `verdict`.",
        subjects="the notice's code, as in the status: `power-supply`, `forwards-unreachable`, …",
        example="raised",
        numbers={"lasted": "seconds for which it stood"},
    ),
    RecordKind.OTHER: KindSpec(
        message_id="7c5e264bad984d538cde51de186c9dab",
        words="Whatever else was told: configuration, probing, the history itself, a bug.",
        subjects="`configuration`, `probing`, `history`, `engine`",
        example="reloaded",
    ),
}

SUBJECTS: Mapping[str, RecordKind] = {
    "wired": RecordKind.VERDICT,
    "failover": RecordKind.FAILOVER,
    "modem": RecordKind.MODEM,
    "recovery": RecordKind.RECOVERY,
    "usage": RecordKind.USAGE,
    "names": RecordKind.NAMES,
    "routes": RecordKind.KERNEL,
    "firewall": RecordKind.KERNEL,
}
"""Of which kind the words about a subject are; of all others they are ``OTHER``."""
