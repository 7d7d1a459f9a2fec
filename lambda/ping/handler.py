"""What Lambda calls: ``ping.handler.handle``, with the event of :mod:`ping.endpoints`.

``FAILBERRY_NAMESPACE``  where the figures go (``Failberry/Ping``);
``FAILBERRY_COMPAT``  ``on`` writes those of ``Lambda-Ping/HTTP``, too (off).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from ping import aws, endpoints, fetch, metrics
from ping.metrics import Datum

Put = Callable[[str, Sequence[Datum]], None]


def handle(event: object, _context: object) -> Mapping[str, object]:
    """Ask, write, answer.  Raises EventError for an event that says nothing to ask."""
    compat = os.environ.get("FAILBERRY_COMPAT") == "on"
    namespace = os.environ.get("FAILBERRY_NAMESPACE", metrics.NAMESPACE)
    return run(event, put=aws.put, namespace=namespace, compat=compat)


def run(
    event: object,
    *,
    put: Put,
    namespace: str = metrics.NAMESPACE,
    compat: bool = False,
    seconds: float = fetch.SECONDS,
    pause: float = fetch.PAUSE,
) -> Mapping[str, object]:
    """Do what :func:`handle` does, with the ways out as arguments."""
    wanted = endpoints.read(event)
    results = fetch.ask_all(wanted.endpoints, seconds=seconds, pause=pause)
    if figures := metrics.collect(results):
        put(namespace, figures)
    if (compat or wanted.compat) and (figures := metrics.collect_compat(results)):
        put(metrics.COMPAT_NAMESPACE, figures)
    for result in results:
        if not result.up or result.tries > 1:
            # By its name, not by its label: the URL of the original's event may hold what is secret.
            state = {True: "up", False: "down", None: "unsupported"}[result.up]
            why = f", {result.error}" if result.error else ""
            sys.stdout.write(f"{result.endpoint.name}: {state} after {result.tries} tries{why}\n")
    sys.stdout.flush()
    return metrics.report(results)
