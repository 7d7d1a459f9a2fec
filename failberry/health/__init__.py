"""The health server: the only thing the Internet can talk to.

Theory of operation
===================
Health checkers on the Internet (Route 53's cannot use ICMP) ask port 9000 of each line whether the
appliance is well.  The answer is the freshness of a heartbeat that the daemon writes to tmpfs every
two seconds: fresh is 200, anything else is 503 with the reason in one word.

A second question is the main router's, of a Pi that stands beside it: ``/standby`` is 200 while the mobile
line is proven, and otherwise 503 with the reason.

::

    daemon --rename--> heartbeat (tmpfs) --stat, at most 1/s--> HeartbeatFile --+
                                                                                +-- respond() --> answer
    peer --bytes, at most 2 kB--> parse() --> Request or refusal ---------------+

* :mod:`failberry.health.heartbeat` is the file: pure, shared with the daemon, which writes it.
* :mod:`failberry.health.http` is the protocol: pure, bytes in and bytes out.
* :mod:`failberry.health.server` is one thread in one ``epoll`` loop, the only part that touches the world.

What the design defends
-----------------------
*Only the truth.*  A request proves the line it came in on: the local address of the accepted socket
names the line, and a line's secret path answers 200 on that line only.  A stranger who inherits a
former address of ours does not know the path, so a check on it cannot be fooled.

*Bounded on hostile input.*  2 kB of request, 256 connections, 4 s to ask and 1 s to be gone, one answer
per connection.  When all places are taken, those already answered go first and then whoever has kept
us waiting longest, so idle and slow peers only ever take places from each other.  A request that
arrives with its handshake is answered before it needs a place at all.

*Metered bytes.*  No Date, no Server, no Content-Type: the answer is about 70 bytes.  One segment carries
it, the FIN and the acknowledgement of the request, so a check costs seven packets instead of ten.

*Nothing to steal.*  Its own user, no capability, a network namespace without a network (the inherited
socket belongs to the one it was made in), no right to write, fork or connect.  The bytes of a request
are never reflected and never logged; counters go to the journal once an hour at most (SD card).

*Memory.*  The process lives for ever on a small machine, so these modules import little: no asyncio,
argparse, dataclasses, typing or hashlib (which alone brings in OpenSSL, 4 MB).  That is why values here
are plain classes with ``__slots__``.
"""
