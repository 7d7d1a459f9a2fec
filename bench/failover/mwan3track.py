"""The published algorithm of mwan3track with mwan3's stock configuration; written anew from its description.

    python -m bench.failover.mwan3track INTERFACE SWITCH

A round pings the targets one after the other, each with its own timeout, until as many have answered as
must. A round that fails takes one from the score, which begins at down + up; at "up" the line is offline,
and the score 0. Any good round while it is online restores the score; while it is offline each good round
adds one and a bad one begins anew, and at "up" it is online again. That the interface goes down is told by
the system, and acted on at once.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

TARGETS = ("1.0.0.1", "1.1.1.1", "208.67.222.222", "208.67.220.220")
RELIABILITY, INTERVAL, TIMEOUT = 2, 10.0, 4
DOWN = UP = 5


def good(interface: str) -> bool:
    """One round."""
    answered = 0
    for target in TARGETS:
        words = ["ping", "-n", "-q", "-c", "1", "-W", str(TIMEOUT), "-I", interface, target]
        answered += subprocess.run(words, capture_output=True, check=False).returncode == 0
        if answered >= RELIABILITY:
            return True
    return False


def main() -> None:
    interface, switch = sys.argv[1:]
    score, online = DOWN + UP, True
    turn = threading.Lock()

    def change(*, to: bool) -> None:
        nonlocal score, online
        with turn:
            if to == online:
                return
            online, score = to, DOWN + UP if to else 0
            subprocess.run([switch, "wired" if online else "mobile"], check=True)
            print("up" if online else "down", flush=True)

    def listen() -> None:
        carrier = Path("/sys/class/net", interface, "carrier")
        with subprocess.Popen(["ip", "monitor", "link"], stdout=subprocess.PIPE) as monitor:
            assert monitor.stdout is not None
            for _ in monitor.stdout:
                if carrier.read_text() == "0\n":
                    change(to=False)

    threading.Thread(target=listen, daemon=True).start()
    print("ready", flush=True)
    while True:
        passed = good(interface)
        if online:
            score = DOWN + UP if passed else score - 1
            if score <= UP:
                change(to=False)
        else:
            score = score + 1 if passed else 0
            if score >= UP:
                change(to=True)
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
