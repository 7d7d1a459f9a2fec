"""``failberryctl failover force … --dns``: hold the house's name in Route 53 on a line, too.

By the switches of the health checks (disabled, and inverted), which Route 53 documents for this.  Nothing at
AWS ends it after a while: with ``dns.fast`` the daemon does, when its own choice of the line ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

from failberry.control import client
from failberry.core.snapshot import UplinkName
from failberry.ctl import ATTENTION, OK, USAGE, child, dns
from failberry.ctl.screen import NAMES
from failberry.dns.messages import MoveRequest, MoveResult
from failberry.dns.wish import wish_of
from failberry.errors import AdapterError, AdapterReason

TRIES = 3
"""How often it is asked for, if somebody changes the same health check in the same moment."""


def run(arguments: SimpleNamespace, ask_daemon: Callable[[], int]) -> int:
    """Force the line at the daemon, then at Route 53; the worse of both exit codes."""
    return dns.guarded(lambda: _run(arguments, ask_daemon))


def _run(arguments: SimpleNamespace, ask_daemon: Callable[[], int]) -> int:
    config = dns.configuration(arguments)
    if config.dns is None:
        return dns.nameless(arguments)
    if arguments.seconds is not None and not config.dns.fast:
        print(
            "--for and --dns go together only with dns.fast = true: else nobody would end it at Route 53.\n"
            "Leave --for out, and end it by `sudo failberryctl failover force auto --dns`.",
            file=sys.stderr,
        )
        return USAGE
    code = _daemon(ask_daemon)
    if code not in {OK, ATTENTION}:
        return code
    if code == OK and arguments.line == "auto" and config.dns.fast:
        print("failberryd sets Route 53 right by itself (dns.fast).")
        return OK
    forced = None if arguments.line == "auto" else UplinkName(arguments.line)
    changed = _moved(arguments.child, MoveRequest(wish=wish_of(config.dns, config.health), forced=forced))
    if forced is None:
        where = "is left to the health checks"
    else:
        where = f"is held on the {NAMES[forced]}, until `failberryctl failover force auto --dns`"
    follow = f" Clients follow within {config.dns.ttl} s, as a rule." if changed else ""
    dns.print_wrapped(f"{config.dns.name} {where}{'' if changed else ', as it was'}.{follow}")
    return code


def _daemon(ask: Callable[[], int]) -> int:
    """What came of asking the daemon; without one, DNS is moved all the same."""
    try:
        return ask()
    except client.UnreachableError as error:
        if not error.stopped:
            raise
        print("failberryd is not running: only Route 53 is asked.", file=sys.stderr)
        return ATTENTION


def _moved(path: str, request: MoveRequest) -> bool:
    for left in reversed(range(TRIES)):
        try:
            return child.ask(path, request, MoveResult, tell=dns.progress).changed
        except AdapterError as error:
            if error.reason is not AdapterReason.BUSY or not left:
                raise
    raise AssertionError("the last try returns or raises")
