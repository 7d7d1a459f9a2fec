"""Cycles in which the main router fails over to the Pi, so that the Pi's own questions come back to it.

    python -m bench.failover.hairpin [--cycles 100] [--at-once 4] [--stay 6]

The Pi stands beside a router that translates whatever it passes on. In each cycle the wired line dies, the
router moves to the Pi, the house works over the mobile line, and then all is healed. A false recovery is
any word of the daemon that the wired line is up, or in use again, between death and healing; none is
allowed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from calls import Calls, by
from city import MOBILE, ROOT, SERVER, City, city

from failberry.config import Mode

# The way back is waited for by design; how a line is judged is left as it is.
HASTE = "[failover]\nfailback_after = 1\n"
FAULTS = ("black_hole", "no_transit", "gateway_dead", "carrier_loss")


def cycle(home: City, fault: str, stay: float) -> tuple[bool, bool, float]:
    """Whether it recovered falsely, whether the house was served, and the seconds until death was told."""
    began = time.monotonic()
    getattr(home, fault)()
    home.await_status(lambda told: told["wired"]["state"] == "down", seconds=20)
    dead = time.monotonic()
    heard = len(home.log(10**6))
    home.prefer("pi")
    with Calls(home.client, SERVER) as calls:
        served = calls.first(time.monotonic(), by(MOBILE), seconds=5) is not None
        time.sleep(max(0.0, dead + stay - time.monotonic()))
    said = home.log(10**6)[heard:]
    false = "wired: down -> " in said or "cellular -> wired" in said or home.status()["active"] != "cellular"
    if false:
        print(said, file=sys.stderr)
    home.heal()
    home.prefer("wired")
    home.steady(seconds=60)
    return false, served, dead - began


def work(cycles: int, stay: float) -> None:
    with city(Mode.STANDBY_GATEWAY) as home:
        home.configure(HASTE)
        for number in range(cycles):
            # A fresh daemon now and then: the hold-off of a flapping line grows, and has its own tests.
            if number % 2 == 0:
                home.switch_off()
                home.switch_on()
                home.steady()
            time.sleep(random.uniform(0, 2))  # noqa: S311
            fault = FAULTS[number % len(FAULTS)]
            false, served, took = cycle(home, fault, stay)
            print(fault, int(false), int(served), f"{took:.2f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="false recoveries while the router uses the Pi")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=4, help="cities at one time")
    parser.add_argument("--stay", type=float, default=6.0, help="seconds for which the router uses the Pi")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.cycles, options.stay)
        return 0
    if os.geteuid() != 0:
        print("bench.failover.hairpin: network namespaces need root", file=sys.stderr)
        return 1
    share = -(-options.cycles // options.at_once)
    told: list[list[str]] = []

    def one(_: int) -> int:
        words = [
            "-m",
            "bench.failover.hairpin",
            "--work",
            "--cycles",
            str(share),
            "--stay",
            str(options.stay),
        ]
        with subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as working:
            assert working.stdout is not None
            for line in working.stdout:
                told.append(line.split())
                if len(told) % 10 == 0:
                    print(f"{len(told)} cycles", flush=True)
        return working.returncode

    with ThreadPoolExecutor(options.at_once) as pool:
        failed = any(list(pool.map(one, range(options.at_once))))
    false = sum(int(each[1]) for each in told)
    served = sum(int(each[2]) for each in told)
    print(
        f"{len(told)} cycles: {false} false recoveries; in {served} the house was served over the mobile line"
    )
    return 1 if failed or false or served < len(told) else 0


if __name__ == "__main__":
    sys.exit(main())
