"""What the owner can say of the house's name in Route 53: which names, who writes them, what is asked.

Part of :mod:`failberry.config`, which see.  :mod:`failberry.dns.wish` makes a wish of it.
"""
# ruff: noqa: RUF009 -- setting() is dataclasses.field() with a text, made anew for each class.

from dataclasses import dataclass
from enum import StrEnum

from failberry import checks, namechecks
from failberry.setting import setting


class Pair(StrEnum):
    """How the house's name leads to the names of the lines."""

    CNAME = "cname"
    """Works into other zones, and carries both address families."""
    ALIAS = "alias"
    """Works at the top of the zone, and saves a lookup; within the zone only."""


class Publisher(StrEnum):
    """Who writes the addresses at a line's own name."""

    ROUTE53 = "route53"
    """The daemon, with an AWS key of the Pi's own, by a short-lived child."""
    LAMBDA = "lambda"
    """The daemon, by our function at AWS (lambda/README.md); no AWS key is on the Pi."""
    FIXED = "fixed"
    """They never change: `failberryctl dns apply` writes them."""
    ELSEWHERE = "elsewhere"
    """Somebody else: the router's dynamic DNS, the provider.  Nothing is written there."""


class By(StrEnum):
    """What a direct health check is pointed at; Route 53 fixes it when the check is made."""

    NAME = "name"
    """The line's name.  It follows the address by itself; IPv4 only."""
    IP = "ip"
    """The line's address of now."""


class Ask(StrEnum):
    """Who asks whether a line is reached from the Internet."""

    HTTP = "http"
    """The health checkers of Route 53, directly: fast, and a gigabyte a month."""
    PING = "ping"
    """Our function at AWS, once a minute, by an alarm: slow, and 30 megabytes a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """One name for the house that leads to whichever line is alive, in Amazon's Route 53."""

    zone: str = setting(
        "The hosted zone in Route 53 that holds the names.",
        example='"example.com"',
        check=namechecks.zone,
    )
    name: str = setting(
        "The name of the house: the one that VPN clients and friends use, and that follows the living line.",
        example='"home.example.com"',
        check=namechecks.name,
    )
    wired_name: str = setting(
        "The wired line's own name.", example='"wired.example.com"', check=namechecks.name
    )
    cellular_name: str = setting(
        "The mobile line's own name.", example='"mobile.example.com"', check=namechecks.name
    )
    wired_source: Publisher = setting(
        "Who writes the wired line's address at its name: lambda (we, by our function at AWS), route53 (we, "
        "with an AWS key on the Pi), fixed (it never changes), or elsewhere (the router's own dynamic DNS).",
        default=Publisher.ELSEWHERE,
    )
    cellular_source: Publisher = setting(
        "The same for the mobile line, whose address changes with every session.",
        default=Publisher.LAMBDA,
    )
    wired_address: tuple[str, ...] = setting(
        "The wired line's addresses on the Internet, if its source is fixed: one IPv4, one IPv6, or both.",
        default=(),
        example='["198.13.32.5"]',
        check=namechecks.addresses,
    )
    cellular_address: tuple[str, ...] = setting(
        "The same for the mobile line.", default=(), example='["198.13.32.6"]', check=namechecks.addresses
    )
    wired_check: Ask = setting(
        "Who asks whether the wired line is reached from the Internet: http (Route 53 itself: fast, a "
        "gigabyte a month) or ping (our function, once a minute: slow, 30 megabytes a month).",
        default=Ask.HTTP,
    )
    cellular_check: Ask = setting(
        "The same for the mobile line, where megabytes cost money.", default=Ask.PING
    )
    wired_by: By = setting(
        "Whether the wired line's http check asks its name (which follows the address, IPv4 only) or its ip.",
        default=By.NAME,
    )
    cellular_by: By = setting("The same for the mobile line.", default=By.NAME)
    wired_port: int = setting(
        "TCP port at which the wired line's checks reach the health server, if the router forwards another "
        "than 9000 to the Pi.",
        default=9000,
        check=checks.Between(1, 65535),
    )
    interval: int = setting(
        "Seconds between two questions of one of Route 53's checkers: 30, or 10, which costs more in dollars "
        "and megabytes.",
        default=30,
        check=namechecks.interval,
    )
    threshold: int = setting(
        "Answers in a row that change the verdict of Route 53.", default=3, check=checks.Between(1, 10)
    )
    regions: tuple[str, ...] = setting(
        "From where Route 53 asks, at least three of its regions; fewer cost fewer megabytes. Empty: all.",
        default=(),
        example='["eu-west-1", "us-east-1", "us-west-2"]',
        check=namechecks.regions,
    )
    ttl: int = setting(
        "Seconds for which others may remember an answer.", default=60, check=checks.Between(1, 86400)
    )
    pair: Pair = setting(
        "How the house's name leads to the names of the lines: cname, or alias (works at the top of a zone, "
        "within the same zone only).",
        default=Pair.CNAME,
    )
    fast: bool = setting(
        "Whether the Pi, which knows of a dead wired line within seconds, moves the house's name itself at "
        "once, ahead of the health checks. They move it anyway, be the Pi dead or alive.",
        default=False,
    )
    region: str = setting(
        "The AWS region of our functions and their alarms.",
        default="eu-central-1",
        check=namechecks.aws_region,
    )
    url: str = setting(
        "Where our function at AWS is reached; `failberryctl aws deploy` tells it. Empty: none.",
        default="",
        example='"https://abc.lambda-url.eu-central-1.on.aws/"',
        check=namechecks.url,
    )
    key_name: str = setting(
        "Name of the Pi's key at our function; its secret is in /etc/failberry/ddns.key.",
        default="pi",
        check=namechecks.key_name,
    )
    stack: str = setting(
        "Name of the CloudFormation stack with our functions.",
        default="failberry",
        check=namechecks.stack,
    )
    zone_id: str = setting(
        "The zone's id, needed only where the account has several zones of that name.",
        default="",
        example='"Z0123456789ABCDEFGHIJ"',
        check=namechecks.zone_id,
    )
    owner: str = setting(
        "Marks what is ours in the AWS account, so that two houses can share one.",
        default="pi",
        check=namechecks.owner,
    )
