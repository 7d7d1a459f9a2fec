"""The real failberry-notify; only what it waits for by design is short.

notifier.py ARGUMENTS
"""

import sys

from failberry.notify import __main__, outbox, reading

reading.BLIP, reading.OFFLINE, reading.PROVEN, reading.SOON, reading.AGAIN = 3.0, 5.0, 2.0, 1.0, 2.0
outbox.GATHER, outbox.FIRST = 1.0, 3.0

if __name__ == "__main__":
    sys.exit(__main__.main())
