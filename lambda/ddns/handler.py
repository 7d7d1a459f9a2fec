"""What Lambda calls: ``ddns.handler.handle``.  The stack gives its settings as environment variables.

``FAILBERRY_KEYS``  name of the SSM parameter with the keys;
``FAILBERRY_ZONE``  id of the hosted zone;
``FAILBERRY_TABLE``  name of the DynamoDB table;
``FAILBERRY_TTL``  seconds, of new records (60);
``FAILBERRY_COOLDOWN``  seconds between two changes of one record (30);
``FAILBERRY_DYNDNS2``  ``on`` opens ``/nic/update`` (off).
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Mapping

from ddns.aws import DynamoLedger, Route53Zone, SsmParameter
from ddns.endpoint import Answer, Doors, Endpoint
from ddns.keys import KeyRing
from ddns.probe import probe
from ddns.update import Publisher, Settings


def handle(event: object, _context: object) -> Answer:
    """Answer one event."""
    return _endpoint().answer(event, now=time.time_ns() // 1_000_000)


@functools.cache
def _endpoint() -> Endpoint:
    return build(os.environ)


def build(environment: Mapping[str, str]) -> Endpoint:
    """Put it together; asks nothing of AWS yet.  Raises KeyError or ValueError for a broken stack."""
    settings = Settings(
        ttl=int(environment.get("FAILBERRY_TTL", "60")),
        cooldown=int(environment.get("FAILBERRY_COOLDOWN", "30")) * 1000,
    )
    publisher = Publisher(
        zone=Route53Zone(environment["FAILBERRY_ZONE"]),
        ledger=DynamoLedger(environment["FAILBERRY_TABLE"]),
        probe=probe,
        settings=settings,
    )
    return Endpoint(
        ring=KeyRing(SsmParameter(environment["FAILBERRY_KEYS"])),
        publisher=publisher,
        settings=settings,
        doors=Doors(dyndns2=environment.get("FAILBERRY_DYNDNS2", "off") == "on"),
        log=_log,
    )


def _log(line: str) -> None:
    # Lambda sends it to CloudWatch; a logger would add the request's id and cost 20 ms at the first request.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
