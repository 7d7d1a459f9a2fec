"""Names of the kinds of events, for the command line: :mod:`failberry.core.kinds` is slow to import."""

KINDS = (
    "started",
    "stopped",
    "verdict",
    "failover",
    "failback",
    "modem",
    "recovery",
    "request",
    "deed",
    "kernel",
    "usage",
    "names",
    "notice",
    "other",
)
SEVERITIES = ("info", "notice", "warning", "error")
