"""What the owner can say of deciding and spending: how lines are judged, when they change, what may be used.

Part of :mod:`failberry.config`, which see.
"""
# ruff: noqa: RUF009 -- setting() is dataclasses.field() with a text, made anew for each class.

from dataclasses import dataclass
from enum import StrEnum

from failberry import checks
from failberry.setting import setting


class Failback(StrEnum):
    """When the house goes back to the wired line."""

    IMMEDIATE = "immediate"
    AFTER = "after"
    WHEN_IDLE = "when_idle"
    NEVER = "never"


class Partial(StrEnum):
    """What a line is worth over which only some of the targets are reached."""

    STAY = "stay"
    LEAVE = "leave"


class CapAction(StrEnum):
    """What happens when the data cap is reached."""

    WARN = "warn"
    BLOCK_CLIENTS = "block_clients"
    DISCONNECT = "disconnect"


_MONTH = 30 * 86_400.0
LOOK_BYTES = 74
"""One ping with its answer, as IP counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is asked over a line to see whether traffic really passes."""

    targets: tuple[str, ...] = setting(
        "Addresses that answer pings, of different operators. A line is dead only if none of them answers, "
        "of IPv4 and of IPv6 by themselves, where it has both.",
        default=("1.1.1.1", "8.8.8.8", "9.9.9.9", "2606:4700:4700::1111", "2620:fe::fe"),
        check=checks.probe_targets,
    )
    wired_interval: float = setting(
        "Seconds between two pings on the wired line, to one target after the other. The first that is not "
        "answered starts a volley to all of them, so half a second finds a dead line in about one.",
        default=0.5,
        check=checks.Between(0.2, 60),
    )
    name: str = setting(
        "A name that every name server can resolve; asked of each line's own name servers. Each half minute "
        "it is a made-up name below this one, because routers and servers answer what they remember although "
        "they reach nobody.",
        default="example.com",
        check=checks.host_name,
    )
    pages: tuple[str, ...] = setting(
        "Pages that are fetched over the wired line by plain HTTP, each as an address and, after a space, a "
        "text that must be in its answer; without a text the answer must be empty (status 204). Another "
        "answer, or a redirect, means that a portal or a filter speaks for the Internet. Empty: none.",
        default=("http://cp.cloudflare.com/generate_204", "http://www.gstatic.com/generate_204"),
        check=checks.pages,
    )
    page_interval: float = setting(
        "Seconds between two such fetches.", default=120.0, check=checks.Between(10, 86400)
    )
    cellular_budget: float = setting(
        "Megabytes a month (of 30 days) that may be spent on looking whether the mobile line still works. "
        "Traffic in both directions makes a look needless, but for one now and then while the house lives "
        "by this line (a name server that answers moves bytes, too), and one look is one ping: 74 bytes with "
        "its answer. Half of it buys regular looks, the rest is for whoever does not answer: then all "
        "targets and name servers are asked, three times. 0 never looks.",
        default=5.0,
        check=checks.Between(0, 1000),
    )

    @property
    def cellular_interval(self) -> float:
        """Seconds between two looks at a mobile line on which nothing moves; 0: never."""
        return _MONTH * LOOK_BYTES / (self.cellular_budget * 1e6 / 2) if self.cellular_budget else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """When the house changes lines, and what becomes of connections that are open then."""

    confirm: float = setting(
        "Seconds of silence after which a line is called dead and its open connections are cut, so that they "
        "begin anew over the other line. New connections take the other line long before, after about one "
        "second; those that are open live through any outage shorter than this.",
        default=5.0,
        check=checks.Between(4, 60),
    )
    failback: Failback = setting(
        "When to go back to the wired line: immediate (as soon as it answers steadily), after (when it has "
        "been good for failover.failback_after), when_idle (after that, once the mobile line carries next to "
        "nothing, so that no call is cut), or never (only by `failberryctl failover force`).",
        default=Failback.AFTER,
    )
    failback_after: float = setting(
        "Seconds for which the wired line must have been good before the house goes back to it. Doubled, up "
        "to half an hour, each time it fails again soon.",
        default=60.0,
        check=checks.Between(1, 3600),
    )
    linger: float = setting(
        "Seconds after going back for which open connections may stay on the mobile line; then they are cut, "
        "and begin anew over the wired one.",
        default=60.0,
        check=checks.Between(0, 86400),
    )
    loss_limit: float = setting(
        "Percent of lost pings above which the wired line is left for a better one.",
        default=25.0,
        check=checks.Between(5, 90),
    )
    latency_limit: float = setting(
        "Milliseconds of round-trip time, on average over a minute, above which the wired line is left for "
        "a better one; 0: however slow. Somebody's upload alone can mean two seconds.",
        default=0.0,
        check=checks.Between(0, 60000),
    )
    partial: Partial = setting(
        "What to do while some targets answer and others have not for half a minute: stay or leave.",
        default=Partial.STAY,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the mobile plan holds."""

    cap: float = setting(
        "Megabytes (of 1,000,000 bytes, both directions) in a billing cycle; 0: no cap.",
        default=0.0,
        check=checks.Between(0, 10_000_000),
    )
    cycle_day: int = setting(
        "Day of the month on which the billing cycle begins; in a shorter month, its last day.",
        default=1,
        check=checks.Between(1, 31),
    )
    warn_at: tuple[str, ...] = setting(
        "Percent of the cap at which to warn.", default=("50", "80", "95"), check=checks.percentages
    )
    action: CapAction = setting(
        "What to do at the cap: warn, block_clients (the Pi itself may still use the line) or disconnect.",
        default=CapAction.WARN,
    )
    last_resort: bool = setting(
        "Whether the cap is lifted while the wired line is dead and the house has no other way out.",
        default=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """How the Pi tells the main router whether the mobile line can be used; in standby-gateway mode only."""

    health_address: str = setting(
        "A further address on the LAN that answers pings only while the mobile line is proven, for the "
        "router's gateway monitoring. Empty: none.",
        default="",
        example='"192.168.1.3"',
        check=checks.health_address,
    )
    canary: str = setting(
        "An address that nobody on the Internet has. Pinged by way of the router, it is answered by the Pi "
        "itself exactly when the router sends its traffic here, so that this is known for certain.",
        default="198.18.0.251",
        check=checks.canary,
    )
    reply_via_router: bool = setting(
        "Whether answers to clients go back through the main router instead of straight to them. Needed "
        "where a stateful router must see both directions of what it sends to the Pi.",
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vrrp:
    """One gateway address shared with the main router (RFC 9568), by the packaged keepalived."""

    address: str = setting(
        "The address that the clients use as their gateway, with its prefix length.",
        example='"192.168.1.254/24"',
        check=checks.vrrp_address,
    )
    router_id: int = setting("Virtual router id; the same on both.", default=51, check=checks.Between(1, 255))
    priority: int = setting(
        "The Pi's priority while the mobile line is proven; below the router's while the wired line works.",
        default=90,
        check=checks.Between(1, 254),
    )
