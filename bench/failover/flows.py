"""What becomes of connections that are open when a line dies, and when it comes back; and when both are dead.

    python -m bench.failover.flows [--runs 10] [--at-once 3]

One TCP client that calls again when it is reset, one UDP ping-pong with fixed ports: ten words a second each.
The configuration is the default one, but for the waits of coming back: failback_after 2 s, linger 5 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from calls import Calls, Conversation, by
from city import CLIENT, MOBILE, ROOT, SERVER, WIRED, City, city

LINGER, QUIET = 5.0, 10.0
HASTE = f"[failover]\nfailback_after = 2\nlinger = {LINGER:.0f}\n"
BOUNDS = {
    "tcp, after the death was confirmed": 10.0,
    "udp, after the death was confirmed": 10.0,
    "tcp, off the mobile line after the return": LINGER + 5,
    "udp, off the mobile line after the return": LINGER + 5,
    "bytes on the mobile line in the 10 s after that": 2000.0,
    "both dead, the wired line back first": 2.0,
    "both dead, the mobile line back first": 2.0,
}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def tell(name: str, figure: float | None) -> None:
    print(json.dumps([name, figure]), flush=True)


def there_and_back(home: City) -> None:
    """A black hole, until all is as before."""
    with contextlib.ExitStack() as stack:
        ends = {
            name: stack.enter_context(Conversation(home.client, SERVER, kind, CLIENT, 5000 * (name == "udp")))
            for name, kind in KINDS.items()
        }
        time.sleep(random.uniform(0, 1))  # noqa: S311
        home.black_hole()
        told = home.await_status(lambda told: told["wired"]["state"] == "down", seconds=20)
        confirmed = time.monotonic() - told["wired"]["state_for"]
        for name, end in ends.items():
            word = end.heard(confirmed, seconds=30, peer=MOBILE)
            tell(f"{name}, after the death was confirmed", word and word.at - confirmed)
        home.heal()
        told = home.await_status(lambda told: told["active"] == "wired")
        back = time.monotonic() - told["active_for"]
        for name, end in ends.items():
            word = end.heard(back, seconds=40, peer=WIRED)
            tell(f"{name}, off the mobile line after the return", word and word.at - back)
        time.sleep(1)
        before = home.mobile_bytes()
        time.sleep(QUIET)
        tell("bytes on the mobile line in the 10 s after that", home.mobile_bytes() - before)


def nothing_works(home: City, first: str) -> None:
    """Both lines dead, and then the ``first`` of them is back."""
    with Calls(home.client, SERVER) as calls:
        home.mobile_dead()
        home.black_hole()
        home.await_status(lambda told: told["wired"]["state"] == "down", seconds=20)
        time.sleep(random.uniform(0, 10))  # noqa: S311
        fault, peer = ("black_hole", WIRED) if first == "wired" else ("mobile_dead", MOBILE)
        healed = time.monotonic()
        home.heal(fault)
        call = calls.first(healed, by(peer), seconds=60)
        took = None if call is None or call.established is None else call.established - healed
        tell(f"both dead, the {first} line back first", took)


def work(runs: int) -> None:
    with city() as home:
        home.configure(HASTE)
        for _ in range(runs):
            for happen in (
                there_and_back,
                lambda home: nothing_works(home, "wired"),
                lambda home: nothing_works(home, "mobile"),
            ):
                home.switch_on()
                home.steady()
                happen(home)
                home.heal()
                home.switch_off()


def main() -> int:
    parser = argparse.ArgumentParser(description="open connections across a failover")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=3, help="cities at one time")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.runs)
        return 0
    if os.geteuid() != 0:
        print("bench.failover.flows: network namespaces need root", file=sys.stderr)
        return 1
    figures: dict[str, list[float | None]] = defaultdict(list)
    share = -(-options.runs // options.at_once)

    def one(_: int) -> int:
        words = [sys.executable, "-m", "bench.failover.flows", "--work", "--runs", str(share)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as working:
            assert working.stdout is not None
            for line in working.stdout:
                name, figure = json.loads(line)
                figures[name].append(figure)
        return working.returncode

    with ThreadPoolExecutor(options.at_once) as pool:
        failed = any(list(pool.map(one, range(options.at_once))))
    print(f"{'':52}{'runs':>5}{'median':>10}{'worst':>10}{'goal':>10}")
    for name, bound in BOUNDS.items():
        found = sorted(each for each in figures[name] if each is not None)
        never = len(figures[name]) - len(found)
        worst = "never" if never else f"{found[-1]:.2f}" if found else "-"
        median = f"{found[len(found) // 2]:.2f}" if found else "-"
        print(f"{name:52}{len(figures[name]):>5}{median:>10}{worst:>10}{bound:>10g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
