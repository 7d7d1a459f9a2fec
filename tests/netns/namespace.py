"""Network namespaces for tests: named after this process, so that two runs never meet."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import itertools
import json
import os
import struct
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def _output(*command: str, typed: str = "") -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20, input=typed).stdout


class Namespace:
    """One namespace; made with its loopback up, deleted by :meth:`delete`."""

    def __init__(self, role: str) -> None:
        self.name = f"fb{os.getpid()}-{next(_numbers)}-{role}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        # No link-local addresses: they come a second later, by themselves, in the midst of a comparison.
        self.sh("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1")
        self.ip("link set lo up")

    def ip(self, *commands: str) -> str:
        """Run ``ip`` command lines; the last one's output."""
        return [self._ip(*command.removeprefix("ip ").split()) for command in commands][-1]

    def batch(self, lines: str) -> None:
        """Run many ``ip`` lines in one process."""
        _output("ip", "-n", self.name, "-batch", "-", typed=lines)

    def sh(self, *argv: str) -> str:
        """Run a command in the namespace; its output.  Raises ``CalledProcessError``."""
        return _output("ip", "netns", "exec", self.name, *argv)

    def _ip(self, *argv: str) -> str:
        return _output("ip", "-n", self.name, *argv)

    def json(self, command: str) -> Any:
        """Run an ``ip -j`` command line."""
        return json.loads(self.ip(command) or "[]")

    def run(self, test: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in a loop of its own, in a thread of its own, inside the namespace."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                self._enter()
                outcome.append(asyncio.run(test()))
            except BaseException as problem:  # noqa: BLE001  (raised again in the caller's thread)
                failure.append(problem)

        # A thread that was moved into a namespace takes the threads that it starts along.
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def _enter(self) -> None:
        with Path("/run/netns", self.name).open() as handle:
            if _libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns to {self.name}")

    def tun(self, name: str) -> int:
        """Make a TUN interface, up and with carrier: a wire of IP packets, like PPP.  Closing it ends it."""

        async def make() -> int:
            handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
            return handle

        handle = self.run(make)
        self.ip(f"link set {name} up")
        return handle

    def delete(self) -> None:
        """Delete the namespace and what is in it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=True)


@contextlib.contextmanager
def namespaces(*roles: str) -> Iterator[list[Namespace]]:
    """Namespaces for the time of a test."""
    with contextlib.ExitStack() as stack:
        made = []
        for role in roles:
            made.append(Namespace(role))
            stack.callback(made[-1].delete)
        yield made
