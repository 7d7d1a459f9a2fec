"""Time until a new TCP connection from a LAN client comes about, by fault and by product.

    python -m bench.failover [--runs 30] [--faults black-hole,lossy] [--at-once 3] [--json FILE]

All in network namespaces of this machine (``tests/netns/city.py``): the wired line has 20 ms RTT, Failberry
is the real daemon with its default configuration, the peers are described in ``peers.py`` and beside it.
Each of them only decides and moves the default route for its own LAN client: so this compares detection.

*The figure.* A client begins a new connection every 50 ms, each with a second of patience. The fault is put
in force at a random phase. The figure is the time from the last instant at which the wired line is known to
have worked until the first handshake is done of a connection that was begun after the fault was in force.
(That instant is when the last connection was begun that came about over it, but not before the command that
makes the fault.) With the lossy line, which lets some through, it is the first connection by the mobile
line; with the one without names, each attempt resolves a name first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = "failberry"
PRODUCTS = (OURS, "dpinger", "keepalived", "mwan3track")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the table."""

    method: str
    words: str
    runs: tuple[int, int, int, int]
    """Of 30 runs, those in which each product takes part: the slow ones in few."""
    patience: tuple[float, float, float, float]
    """Seconds after which it has not noticed."""
    goal: float
    by_mobile: bool = False
    names: bool = False


FAULTS = {
    "black-hole": Fault(
        method="black_hole", words="silent black hole at the provider's core",
        runs=(30, 6, 30, 2), patience=(30, 40, 20, 150), goal=1.5,
    ),
    "no-transit": Fault(
        method="no_transit", words="the provider's gateway answers, nothing beyond it",
        runs=(30, 6, 30, 2), patience=(30, 40, 20, 150), goal=1.5,
    ),
    "carrier": Fault(
        method="carrier_loss", words="carrier loss",
        runs=(30, 4, 30, 30), patience=(20, 40, 20, 150), goal=0.3,
    ),
    "gateway": Fault(
        method="gateway_dead", words="the provider's gateway is dead, its link up",
        runs=(30, 4, 30, 1), patience=(30, 40, 20, 150), goal=1.5,
    ),
    "names": Fault(
        method="nameless", words="DNS alone is dead",
        runs=(30, 1, 1, 1), patience=(40, 60, 60, 60), goal=10.0, names=True,
    ),
    "lossy": Fault(
        method="lossy", words="40 % loss",
        runs=(30, 4, 30, 1), patience=(90, 90, 20, 150), goal=30.0, by_mobile=True,
    ),
}  # fmt: skip
NOTES = """
Failberry: the real daemon, default configuration. Each peer watches one thing and moves one default route:
dpinger with OPNsense's defaults and mwan3track with the stock configuration are written anew from their
description; keepalived is the real one, with a ping as track script (interval, fall and rise 1)."""
WARM = (5.0, 7.0)
"""Seconds between a steady state and the fault: any phase of any probe clock."""
LIFT = 1.0
"""Seconds with the fault healed before the next run."""


def measure(name: str, runs: int) -> None:
    """Run one fault so often, one line of JSON for each figure on standard output."""
    from calls import Call, Calls, by, established
    from city import CLIENT, DNS, MOBILE, SERVER, city

    from bench.failover.peers import CLIENTS, Box

    fault = FAULTS[name]
    wanted: Callable[[Call], bool] = by(MOBILE) if fault.by_mobile else established
    options = ["--resolver", DNS[0]] if fault.names else []

    def say(**told: object) -> None:
        print(json.dumps({"fault": name, **told}), flush=True)

    with contextlib.ExitStack() as stack:
        here = stack.enter_context(city())
        box = Box(here, stack)
        here.configure()
        ours = stack.enter_context(Calls(here.client, SERVER, 7, *options, "--source", CLIENT))
        sources = [word for own in CLIENTS.values() for word in ("--source", own)]
        # Three clients in one program, each as often as ours.
        theirs = stack.enter_context(Calls(box.client, SERVER, 7, *options, *sources))
        for run in range(runs):
            part = [n * (run + 1) // 30 > n * run // 30 for n in fault.runs]
            peers = [
                product for product, taken in zip(PRODUCTS, part, strict=True) if taken and product != OURS
            ]
            here.switch_on()
            box.start(*peers)
            here.steady()
            time.sleep(random.uniform(*WARM))  # noqa: S311
            before = time.monotonic()
            getattr(here, fault.method)()
            since = time.monotonic()
            for product, patience in sorted(
                zip(PRODUCTS, fault.patience, strict=True), key=lambda each: each[1]
            ):
                if product != OURS and product not in peers:
                    continue
                calls, own = (ours, CLIENT) if product == OURS else (theirs, CLIENTS[product])

                def mine(call: Call, own: str = own) -> bool:
                    return call.source == own

                found = calls.first(since, lambda call: mine(call) and wanted(call), seconds=patience)
                took = (
                    None if found is None else found.established - calls.struck(before, since, mine, MOBILE)
                )
                say(product=product, run=run, took=took, patience=patience)
            here.heal()
            here.switch_off()
            box.stop()
            time.sleep(LIFT)


def table(figures: dict[str, dict[str, list[float | None]]]) -> str:
    """p50 and p95 by fault and product."""
    lines = [f"{'seconds, p50 / p95 (runs)':52}" + "".join(f"{product:<26}" for product in PRODUCTS) + "goal"]
    for name, found in figures.items():
        fault = FAULTS[name]
        line = f"{fault.words:52}"
        for product, patience in zip(PRODUCTS, fault.patience, strict=True):
            line += f"{cell(found.get(product, []), patience):<26}"
        lines.append(f"{line}{fault.goal:g}")
    return "\n".join(lines)


def percentile(figures: list[float], part: float) -> float:
    """By the nearest rank."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, round(part * len(ordered) + 0.4999) - 1)]


def cell(found: list[float | None], patience: float) -> str:
    if not found:
        return "-"
    noticed = [took for took in found if took is not None]
    if not noticed:
        return f"not in {patience:g} ({len(found)})"
    # What was not noticed in time is as late as it can be.
    figures = noticed + [patience] * (len(found) - len(noticed))
    late = f", {len(found) - len(noticed)} never" if len(noticed) < len(found) else ""
    return f"{percentile(figures, 0.5):.2f} / {percentile(figures, 0.95):.2f} ({len(found)}{late})"


def run_all(
    names: list[str], *, runs: int, at_once: int
) -> tuple[dict[str, dict[str, list[float | None]]], list[str]]:
    """Several cities at a time, each in a process of its own; the figures, and what failed."""
    figures: dict[str, dict[str, list[float | None]]] = {name: {} for name in names}
    failed = []
    started = time.monotonic()

    def work(name: str) -> None:
        words = [sys.executable, "-m", "bench.failover", "--measure", name, "--runs", str(runs)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as working:
            assert working.stdout is not None
            for line in working.stdout:
                told = json.loads(line)
                figures[name].setdefault(told["product"], []).append(told["took"])
                took = "not noticed" if told["took"] is None else f"{told['took']:.2f} s"
                print(
                    f"{time.monotonic() - started:6.0f} s  {name:12}run {told['run'] + 1:3}  "
                    f"{told['product']:12}{took}",
                    flush=True,
                )
        if working.returncode:
            failed.append(name)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(work, names))
    return figures, failed


def main() -> int:
    parser = argparse.ArgumentParser(description="time until new connections work again, against peers")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument("--at-once", type=int, default=3, help="cities at one time")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.runs)
        return 0
    if os.geteuid() != 0:
        print("bench.failover: network namespaces need root", file=sys.stderr)
        return 1
    figures, failed = run_all(options.faults.split(","), runs=options.runs, at_once=options.at_once)
    print(f"\nnew TCP connections of a LAN client after a fault; wired RTT 20 ms; {options.runs} runs\n")
    print(table(figures))
    print(NOTES)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
