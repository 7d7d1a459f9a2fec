"""The main job, told live: ``python -m tests.lab.demo``.

A Pi with the installed package beside the house's router; a stick is plugged in, dials, carries the
house, is killed, and comes back.  Everything in it is real but the modem's firmware and the carrier:
the kernel's USB bus and drivers, pppd at both ends, routes, packet filter, systemd.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .cache import LabError
from .lab import STANDBY_GATEWAY, Lab, package, ready
from .product import MOBILE, SERVERS, UNIT, Product
from .vm import Vm

LONGEST = 240.0
STEP = 60.0


class Timeline:
    """Lines with seconds since the stick was plugged in; the daemon's own words are indented."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colour = sys.stdout.isatty()
        self.zero: float | None = None

    def say(self, text: str, *, by_daemon: bool = False) -> None:
        with self._lock:
            seconds = 0.0 if self.zero is None else time.monotonic() - self.zero
            stamp = f"{seconds:7.1f} s  "
            body = f"    {text}" if by_daemon else text
            if self._colour:
                body = f"\033[2m{body}\033[0m" if by_daemon else f"\033[1m{body}\033[0m"
            print(f"{stamp}{body}", flush=True)

    def listen(self, vm: Vm) -> None:
        """Print what the daemon says, as it says it."""

        def follow() -> None:
            try:
                words = vm.journal(
                    "--output=cat", "--lines=0", f"--unit={UNIT}", "--identifier=failberry", deadline=LONGEST
                )
                for line in words:
                    self.say(line, by_daemon=True)
            except LabError:
                return  # the machine was switched off: the story is over

        threading.Thread(target=follow, daemon=True).start()


@contextmanager
def step(timeline: Timeline, text: str) -> Iterator[None]:
    """One thing that must come true; says so with the seconds it took."""
    started = time.monotonic()
    yield
    timeline.say(f"✔ {text}  ({time.monotonic() - started:.1f} s)")


def story(vm: Vm, timeline: Timeline) -> None:
    """Tell it from beginning to end; raises when something does not come true."""
    product = Product(Lab(vm, STANDBY_GATEWAY))
    lab = product.lab
    product.lab.start_modem()
    product.configure()
    timeline.listen(vm)
    product.start()
    lab.world("prefer", "pi")  # the house's router has lost its wired line and sends everything to the Pi
    timeline.say("failberryd runs, no modem yet; the house's router has lost its wired line")

    timeline.zero = time.monotonic()
    timeline.say("the stick is plugged in")
    lab.plug()
    with step(timeline, "the stick is dialled and the network has granted an address"):
        told = product.connected(deadline=STEP)
    timeline.say(f"  {told['cellular']['addresses'][0]}: {told['cellular']['reachability_text']}")

    with step(timeline, f"a client of the house reaches {SERVERS[1]}, which sees it as {MOBILE}"):
        expect(lab.asks("lan1", SERVERS[1]), MOBILE)

    with step(timeline, "a health check from the Internet is answered over the mobile line"):
        check = lab.on("internet", ["curl", "-s", "-m", "10", f"http://{MOBILE}:9000/"], timeout=20).stdout
        if "ok cellular" not in check:
            raise LabError(f"the health server said {check!r}")

    old = product.pppd()
    timeline.say(f"pppd {old} is killed (kill -9): the stick is left in data mode")
    product.kill(old)
    with step(timeline, "the line is back by itself"):
        product.await_status(
            lambda now: now["modem"]["sessions"] >= 2 and now["modem"]["state"] == "connected",
            deadline=STEP,
            what="a second session",
        )
    with step(timeline, "and carries the house again"):
        expect(lab.asks("lan1", SERVERS[2]), MOBILE)

    time.sleep(5)  # a poll of the second port, so that the screen below has signal and operator
    print("\n$ failberryctl status\n")
    print(product.vm.run(["failberryctl", "status"], check=False).stdout)


def expect(seen: dict[str, object] | None, peer: str) -> None:
    if seen is None or seen["peer"] != peer:
        raise LabError(f"the far end saw {seen}, not {peer}")


def main() -> int:
    deb = package()
    if deb is None:
        print("FAILBERRY_DEB must name the package to show; `make demo` does that.", file=sys.stderr)
        return 64
    timeline = Timeline()
    try:
        with Vm.start(ready(deb)) as vm:
            story(vm, timeline)
    except (LabError, AssertionError) as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
