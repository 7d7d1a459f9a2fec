"""How often the house leaves a line that is only bad, or only gone for a moment.

    python -m bench.failover.calm [--seconds 300]

The same city and the same peers as in the table of times (``python -m bench.failover``), all on the same
line. Counted is how often each moves what is new to the mobile line, and of Failberry also how often it
cuts connections.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from city import ROOT, City, city

from bench.failover.peers import PEERS, Box

OURS = "failberry"
OUTAGE, EVERY = 3.0, 30.0


def outages(home: City, seconds: float) -> float:
    """Gone for three seconds, twice a minute; how long the longest really was."""
    end = time.monotonic() + seconds
    longest = 0.0
    while time.monotonic() < end:
        began = time.monotonic()
        home.black_hole()
        time.sleep(OUTAGE)
        home.heal()
        longest = max(longest, time.monotonic() - began)
        time.sleep(EVERY - OUTAGE)
    return longest


def loss(percent: int) -> Callable[[City, float], float]:
    """So many packets lost, at random."""

    def happen(home: City, seconds: float) -> float:
        home.lossy(percent)
        time.sleep(seconds)
        home.heal()
        return 0.0

    return happen


HARDSHIPS = {
    "1": ("1 % loss", loss(1)),
    "5": ("5 % loss", loss(5)),
    "outages": ("gone for 3 s, every 30 s", outages),
}


def work(name: str, seconds: float) -> dict[str, float]:
    """One hardship; how often each left, and how often Failberry cut."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(city())
        box = Box(home, stack)
        home.configure()
        home.switch_on()
        box.start(*PEERS)
        home.steady()
        time.sleep(5)
        before = {peer: box.moves(peer) for peer in PEERS}
        longest = HARDSHIPS[name][1](home, seconds)
        left = {peer: box.moves(peer) - before[peer] for peer in PEERS}
        said = home.log(10**6)
        ours = said.count("failover: wired -> cellular")
        return {OURS: ours, "cut": said.count("-> down:"), "longest": longest, **left}


def main() -> int:
    parser = argparse.ArgumentParser(description="how often a bad line is left in vain, against peers")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work, options.seconds)))
        return 0
    if os.geteuid() != 0:
        print("bench.failover.calm: network namespaces need root", file=sys.stderr)
        return 1

    def one(name: str) -> dict[str, float]:
        words = ["-m", "bench.failover.calm", "--work", name, "--seconds", str(options.seconds)]
        done = subprocess.run(
            [sys.executable, *words], stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT
        )
        told: dict[str, float] = json.loads(done.stdout)
        return told

    with ThreadPoolExecutor(len(HARDSHIPS)) as pool:
        found = dict(zip(HARDSHIPS, pool.map(one, HARDSHIPS), strict=True))
    print(f"times a line was left within {options.seconds:g} s (Failberry: connections cut)\n")
    print(f"{'':30}" + "".join(f"{product:<14}" for product in (OURS, *PEERS)))
    for name, (words, _) in HARDSHIPS.items():
        told = found[name]
        ours = f"{told[OURS]} ({told['cut']})"
        print(f"{words:30}{ours:<14}" + "".join(f"{told[peer]:<14}" for peer in PEERS))
    print(f"\nthe longest of the outages was {found['outages']['longest']:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
