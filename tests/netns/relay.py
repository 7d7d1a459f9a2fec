"""A long wire: passes packets between two TUN interfaces, each so many milliseconds late.

    relay.py DESCRIPTOR DESCRIPTOR MILLISECONDS

For kernels without netem.  One thread that sleeps until the next packet is due; ends with its parent's pipe.
"""

import os
import select
import sys
import time
from collections import deque

LARGEST = 65536
LONGEST_QUEUE = 2000


def main() -> None:
    one, other, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
    to = {one: other, other: one}
    # A wire does not wait for its turn: whatever else this machine computes shall not show as jitter.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    underway: deque[tuple[float, int, bytes]] = deque()
    while True:
        # select(2), for its timeout has microseconds; that of epoll has milliseconds.
        patience = max(0.0, underway[0][0] - time.monotonic()) if underway else None
        ready, _, _ = select.select((one, other, 0), (), (), patience)
        now = time.monotonic()
        while underway and underway[0][0] <= now:
            _, end, packet = underway.popleft()
            try:
                os.write(end, packet)
            except OSError:
                continue  # the interface is down, or its queue is full: a packet is lost
        for end in ready:
            if end == 0:
                return
            packet = os.read(end, LARGEST)
            if len(underway) < LONGEST_QUEUE:
                underway.append((time.monotonic() + delay, to[end], packet))


if __name__ == "__main__":
    main()
