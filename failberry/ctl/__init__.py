"""``failberryctl``: what a person, or a script, says to the daemon.

The status path starts light, since it is run from prompts and loops: it reads the JSON document as it
comes and imports neither asyncio nor dataclasses (``bench/ctl.py`` keeps watch).  For the type checker
the document is a :class:`~failberry.core.snapshot.Snapshot` all the same.
"""

OK = 0
ATTENTION = 1
NO_LINE = 2
UNREACHABLE = 3
WAITING = 4
USAGE = 64
CONFIG = 78

EXIT_CODES = {
    OK: "done; status: a line carries traffic and nothing is wrong",
    ATTENTION: "refused, and told why; status, doctor: it works, but needs attention",
    NO_LINE: "status: no line works; doctor: something that is needed does not work",
    UNREACHABLE: "the daemon, or failberry-dns, could not be asked",
    WAITING: "not done yet, the mobile line is not up or an update waits; it goes on",
    USAGE: "wrong command line",
    CONFIG: "the configuration cannot be used",
}
"""What scripts may rely on.  64 and 78 are EX_USAGE and EX_CONFIG of sysexits.h."""

CONFIG_FILE = "/etc/failberry/failberry.toml"
CHILD = "/run/failberry-dns/socket"
"""Where failberry-dns is asked: :data:`failberry.dns.messages.SOCKET`, which is slow to import."""
UNIT = "failberry"
"""The daemon's systemd unit."""
