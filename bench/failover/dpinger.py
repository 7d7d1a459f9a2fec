"""The published algorithm of dpinger with OPNsense's defaults; written anew from its description.

    python -m bench.failover.dpinger TARGET SOURCE SWITCH

One echo a second to one target; the results of a minute are kept. An echo is lost when it is older than
four seconds; its answer still counts when it comes later. A watcher looks once a second: more than 20
percent lost, or an average round trip of more than 500 ms, is down; after each change it rests for ten
seconds. It begins with a minute of good results, so that what is measured does not depend on when it was
started.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass

from bench.failover.echo import Pinger

SEND, LOSS, PERIOD = 1.0, 4.0, 60.0
POLL, REST = 1.0, 10.0
LOSS_LIMIT, LATENCY_LIMIT = 20, 0.5


@dataclass(slots=True)
class Echo:
    sent: float
    took: float | None = None


class Window:
    """The last minute."""

    def __init__(self, now: float) -> None:
        slots = int(PERIOD / SEND)
        self._echoes = deque((Echo(now - PERIOD + SEND * n, 0.02) for n in range(slots)), maxlen=slots)
        self._numbered: dict[int, Echo] = {}

    def sent(self, number: int, now: float) -> None:
        echo = Echo(now)
        self._echoes.append(echo)
        self._numbered[number & 0xFFFF] = echo
        self._numbered.pop(number - 120 & 0xFFFF, None)

    def answered(self, number: int, now: float) -> None:
        echo = self._numbered.get(number)
        if echo is not None and echo.took is None:
            echo.took = now - echo.sent

    def bad(self, now: float) -> bool:
        took = [echo.took for echo in self._echoes if echo.took is not None]
        lost = sum(echo.took is None and now - echo.sent > LOSS for echo in self._echoes)
        if not took:
            return lost > 0
        return lost * 100 // (lost + len(took)) > LOSS_LIMIT or sum(took) / len(took) > LATENCY_LIMIT


def main() -> None:
    target, source, switch = sys.argv[1:]
    pinger, window = Pinger(target, source), Window(time.monotonic())

    def send() -> None:
        number, following = 0, time.monotonic()
        while True:
            window.sent(number, time.monotonic())
            pinger.send(number)
            number, following = number + 1, following + SEND
            time.sleep(max(0.0, following - time.monotonic()))

    def receive() -> None:
        while True:
            number = pinger.receive()
            if number is not None:
                window.answered(number, time.monotonic())

    for job in (send, receive):
        threading.Thread(target=job, daemon=True).start()
    print("ready", flush=True)
    time.sleep(random.random() * POLL)  # noqa: S311
    down = False
    while True:
        bad = window.bad(time.monotonic())
        if bad != down:
            down = bad
            subprocess.run([switch, "mobile" if down else "wired"], check=True)
            print("down" if down else "up", flush=True)
            time.sleep(REST)
        time.sleep(POLL)


if __name__ == "__main__":
    main()
