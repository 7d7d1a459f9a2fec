"""What a simulated house has lived through, as readers of the history get it."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import Any

from failberry.adapters.history import Page
from failberry.control.document import encode
from failberry.control.pastview import events_view
from failberry.core import events as ev
from failberry.core.history import Dated
from failberry.core.kinds import RecordKind
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import UplinkName
from failberry.ctl.screen import view
from tests.simulation.chronicled import Chronicled
from tests.simulation.condition import WELL
from tests.simulation.test_lines import DUAL
from tests.unit.ctl.painting import CLOCK


@cache
def document() -> str:
    """A start, a failover, a modem that is pulled out, a request; as JSON."""
    world = Chronicled(config=DUAL)
    world.until(ModemState.CONNECTED)
    world.run(3600)
    world.street.change(broken=1)
    world.run(200)
    world.street.change(broken=WELL.broken)
    world.run(1800)
    world.unplug()
    world.run(300)
    world.plug()
    world.run(900)
    world.post(ev.LineForced(line=UplinkName.CELLULAR, seconds=60.0))
    world.run(120)
    zero = CLOCK - world.now
    dated = (Dated(record=each, wall=zero + each.at, synced=True, boot="b") for each in world.history)
    page = Page(history="a", events=tuple(dated), last=world.history[-1].id)
    return json.dumps(encode(events_view(page)))


def events(*, without_deeds: bool = True) -> tuple[Any, ...]:
    """As ``failberryctl`` reads them."""
    told: SimpleNamespace = view(json.loads(document()))
    return tuple(each for each in told.events if not without_deeds or each.kind != RecordKind.DEED)
