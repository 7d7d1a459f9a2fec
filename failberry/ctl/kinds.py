"""Names in the daemon's documents, for whom the enumerations in :mod:`failberry.core` are too slow for."""

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
LINES = ("wired", "cellular")
