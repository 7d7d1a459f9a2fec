"""The kernel's network by rtnetlink: what is there, what changed, and our routes and rules made so.

The only importer of pyroute2.  Three decisions:

* *A thread of its own.*  A request can wait for the kernel's rtnl lock, for seconds while a USB device
  goes away, and pyroute2 0.9 cannot run its blocking calls inside a running loop.
* *A new socket for each question.*  It costs a few milliseconds a few times a minute, and nothing can
  pile up over months: no sequence numbers, no half-read answer after an error, no backlog of broadcasts.
* *Notifications are a doorbell.*  They are not decoded: any of them, and the loss of some (ENOBUFS),
  means "look again", and what is posted is always a whole observation (rtnetlink(7), netlink(7)).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from failberry.adapters import rtnetlink
from failberry.adapters.rtnetlink import Attributes
from failberry.core.events import NetworkObserved, RoutesApplied
from failberry.core.facts import Address, DefaultRoute, NetworkFacts
from failberry.core.intent import Route, RouteIntent, render
from failberry.errors import AdapterError, AdapterReason


def _skip_package_file() -> None:
    """Let pyroute2 be imported in parts.

    Its package file imports all of it (NDB, DHCP, nftables, WireGuard, a command line): 14 MB of memory.
    Registered without being executed, the package still finds its submodules, and those that routes need
    take 5 MB (pyroute2 0.7.7; with 0.9.7 it is 13 and 7 MB).
    """
    spec = importlib.util.find_spec("pyroute2")
    if spec is not None and "pyroute2" not in sys.modules:
        sys.modules["pyroute2"] = importlib.util.module_from_spec(spec)


def _run_package_file() -> None:
    """Forget what was imported in parts, so that the next import runs the package file."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "pyroute2"]:
        del sys.modules[name]


_skip_package_file()
try:
    from pyroute2.iproute.linux import IPRoute
except (ImportError, AttributeError):  # a version whose parts need the whole: better fat than dead
    _run_package_file()
    from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError  # noqa: E402  (after the above)

DEADLINE = 10.0
"""Seconds for one question or one change; a thread that takes longer is not alive."""
QUIET, LONGEST = 0.05, 0.25
"""Seconds without a notification before the kernel is looked at, and the longest wait in a storm."""
RETRY = 1.0
"""Seconds before the kernel is asked again after it did not answer."""
_DUMP_TRIES = 5
"""A dump that a change interrupted is repeated (NLM_F_DUMP_INTR, netlink(7))."""
_GROUPS = sum(1 << (group - 1) for group in (1, 5, 7, 8, 9, 11, 19))
"""Links; addresses, routes and rules of IPv4 and IPv6 (RTNLGRP_*, linux/rtnetlink.h)."""

_SIP = 1000
"""Notifications read at once; what is left calls again, after others had their turn."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One reading of the kernel."""

    facts: NetworkFacts
    indexes: dict[str, int]
    routes: tuple[tuple[Route | None, Attributes], ...]
    """What carries our mark, and how to delete exactly that; ``None``: it is nothing that we make."""


def _read(kernel: IPRoute) -> _Seen:
    for _ in range(_DUMP_TRIES - 1):
        with contextlib.suppress(NetlinkDumpInterrupted):
            return _read_once(kernel)
    return _read_once(kernel)


def _read_once(kernel: IPRoute) -> _Seen:
    interfaces = rtnetlink.interfaces(kernel.get_links(), kernel.get_addr())
    names = {each.index: each.name for each in interfaces}
    defaults: list[DefaultRoute] = []
    routes: list[tuple[Route | None, Attributes]] = []
    # All families in one question: about IPv6 alone, a kernel without it answers with IPv4, or refuses.
    for message in filter(rtnetlink.is_route, kernel.get_routes(family=socket.AF_UNSPEC)):
        if rtnetlink.is_ours(message):
            routes.append((rtnetlink.our_route(message, names), rtnetlink.route_deletion(message)))
        else:
            defaults += rtnetlink.defaults(message, names)
    rules = (rtnetlink.our_rule(message) for message in kernel.get_rules(family=socket.AF_UNSPEC))
    ours = RouteIntent(
        routes=frozenset(route for route, _ in routes if route is not None),
        rules=tuple(sorted(filter(None, rules), key=lambda rule: (rule.priority, rule.command()))),
    )
    defaults.sort(key=lambda each: (each.family, each.metric, each.interface, str(each.gateway)))
    return _Seen(
        facts=NetworkFacts(interfaces=interfaces, defaults=tuple(defaults), ours=ours),
        indexes={name: index for index, name in names.items()},
        routes=tuple(routes),
    )


def _reconcile(kernel: IPRoute, intent: RouteIntent) -> str | None:
    """Add, then delete, then read back; return what is not as wished, or ``None``.

    Routes come before the rules that lead to them, and go after them.  A refusal stops nothing: what
    counts is the reading afterwards, so "exists already" and "was gone already" are no problems.
    """
    seen = _read(kernel)
    refusals: dict[str, str] = {}

    def request(command: str, ask: Callable[..., object], verb: str, attributes: Attributes) -> None:
        try:
            ask(verb, **attributes)
        except NetlinkError as refusal:
            refusals[command] = os.strerror(refusal.code)
            if refusal.code == errno.EEXIST:
                refusals[command] += ", and it is not ours: remove it, or let it carry our protocol"

    occupied = {(route.family, route.table) for route in seen.facts.ours.routes}
    for route in sorted(intent.routes - seen.facts.ours.routes, key=Route.command):
        if route.interface in seen.indexes:
            # Replacing swaps the next hop in one step (NLM_F_REPLACE); but only a route of ours.
            verb = "replace" if (route.family, route.table) in occupied else "add"
            attributes = rtnetlink.route_request(route, seen.indexes[route.interface])
            request(route.command(), kernel.route, verb, attributes)
        else:
            refusals[route.command()] = f"there is no interface {route.interface}"
    wanted = {rule.same() for rule in intent.rules}
    present = {rule.same() for rule in seen.facts.ours.rules}
    for rule in intent.rules:
        if rule.same() not in present:
            request(rule.command(), kernel.rule, "add", rtnetlink.rule_request(rule))
    for rule in seen.facts.ours.rules:
        if rule.same() not in wanted:
            request(rule.command(), kernel.rule, "del", rtnetlink.rule_request(rule))
    for found, key in seen.routes:
        if found not in intent.routes:
            request(found.command() if found else str(key), kernel.route, "del", key)
    return _difference(intent, _read(kernel).facts.ours, refusals)


def _difference(intent: RouteIntent, ours: RouteIntent, refusals: dict[str, str]) -> str | None:
    wanted, present = set(render(intent).splitlines()), set(render(ours).splitlines())
    problems = [
        f"the kernel does not hold `{command}`: {refusals.get(command, 'something took it away again')}"
        for command in sorted(wanted - present)
    ]
    problems += [
        f"the kernel still holds what `{command}` made: {refusals.get(command, 'something put it back')}"
        for command in sorted(present - wanted)
    ]
    return "; ".join(problems) or None


def _way(kernel: IPRoute, target: Address, source: Address, mark: int, interface: str | None) -> str | None:
    names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in kernel.get_links()}
    index = next((each for each, name in names.items() if name == interface), None)
    if interface is not None and index is None:
        return None
    try:
        answer = kernel.route("get", **rtnetlink.way_request(target, source, mark, index))
        return next((names.get(message.get_attr("RTA_OIF")) for message in answer), None)
    except NetlinkError as refusal:
        if refusal.code in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL}:
            # No route, a route that refuses, or (EINVAL) a source that is nobody's here any more.
            return None
        raise


def _converse(question: Callable[[IPRoute], T]) -> T:
    with IPRoute() as kernel:
        return question(kernel)


def _answer(question: Callable[[IPRoute], T]) -> T:
    try:
        return _converse(question)
    finally:
        # pyroute2's objects refer to each other in circles: several MB of dead ones would lie about until
        # the collector happens to come by. They must be dead by now, or they are kept for even longer.
        gc.collect(1)


# --- the adapter ---------------------------------------------------------------------------------


class Netlink:
    """Observes the kernel's network, and keeps our routes and rules in it.

    Used from one event loop.  :meth:`apply` and :meth:`remove_ours` work without :meth:`start`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netlink")
        self._bell = asyncio.Event()
        self._socket: socket.socket | None = None
        self._post: Callable[[NetworkObserved], None] = lambda _: None
        self._told: NetworkFacts | None = None

    async def start(self, post: Callable[[NetworkObserved], None]) -> None:
        """Subscribe, and post a first observation.  Raises :class:`AdapterError`."""
        self._post = post
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._socket.setblocking(False)  # noqa: FBT003  (the standard library's signature)
            self._socket.bind((0, _GROUPS))
        except OSError as problem:
            raise AdapterError(AdapterReason.DENIED, f"netlink notifications: {problem}") from problem
        asyncio.get_running_loop().add_reader(self._socket, self._rung)
        await self._look()

    async def watch(self) -> None:
        """Post a whole observation whenever it differs from the last one; runs until cancelled."""
        while True:
            await self._settled()
            try:
                await self._look()
            except AdapterError:
                # prove_alive() tells whom it concerns.
                await asyncio.sleep(RETRY)
                self._bell.set()

    async def apply(self, intent: RouteIntent) -> RoutesApplied:
        """Make our routes and rules exactly these; never raises.

        An observation follows within :data:`LONGEST` seconds, even if nothing changed.
        """
        try:
            problem = await self.ask(lambda kernel: _reconcile(kernel, intent))
        except AdapterError as failure:
            problem = str(failure)
        self._told = None
        self._bell.set()
        return RoutesApplied(problem=problem)

    async def remove_ours(self) -> RoutesApplied:
        """Remove every route and rule that carries our mark; never raises."""
        return await self.apply(RouteIntent())

    async def observe(self) -> NetworkFacts:
        """Read the kernel now.  Raises :class:`AdapterError`."""
        return (await self.ask(_read)).facts

    async def leaves_by(
        self, target: Address, *, source: Address, mark: int = 0, interface: str | None = None
    ) -> str | None:
        """Ask the kernel by which interface such a packet would leave; ``None``: by none.

        ``interface``: the one that its socket is bound to.  Raises :class:`AdapterError`.
        """
        return await self.ask(lambda kernel: _way(kernel, target, source, mark, interface))

    async def prove_alive(self) -> bool:
        """Whether thread and kernel still answer; what they say is posted if it is news."""
        try:
            await self._look()
        except AdapterError:
            return False
        return True

    async def close(self) -> None:
        """Unsubscribe; routes and rules stay as they are."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _rung(self) -> None:
        assert self._socket is not None  # noqa: S101  (removed as a reader before it is closed)
        # Reading one byte discards the whole message.  An error is an empty socket, or ENOBUFS: some
        # messages were lost, which says no less than a message.
        with contextlib.suppress(OSError):
            for _ in range(_SIP):
                self._socket.recv(1)
        self._bell.set()

    async def _settled(self) -> None:
        await self._bell.wait()
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST
        while self._bell.is_set():
            self._bell.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(loop.time() + QUIET, latest)):
                    await self._bell.wait()

    async def _look(self) -> None:
        # One thread: answers come back in the order of the questions, so no older one overtakes.
        facts = await self.observe()
        if facts != self._told:
            self._told = facts
            self._post(NetworkObserved(facts=facts))

    async def ask(self, question: Callable[[IPRoute], T]) -> T:
        """Have a question put to the kernel, on the thread that does it.  Raises :class:`AdapterError`."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await asyncio.get_running_loop().run_in_executor(self._thread, _answer, question)
        except TimeoutError:
            evidence = f"the kernel did not answer within {DEADLINE:g} s"
            raise AdapterError(AdapterReason.TIMEOUT, evidence) from None
        except NetlinkDumpInterrupted:
            evidence = f"the routes changed {_DUMP_TRIES} times while they were read"
            raise AdapterError(AdapterReason.BUSY, evidence) from None
        except NetlinkError as refusal:
            raise AdapterError(AdapterReason.REFUSED, os.strerror(refusal.code)) from refusal
        except OSError as failure:
            raise AdapterError(AdapterReason.REFUSED, f"netlink: {failure}") from failure
