"""A stick that is a router, in cold standby: no lease, no address, no route until it is wanted."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from failberry.config import Keep
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.facts import DefaultRoute, Interface, NetworkFacts
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import UplinkName
from failberry.core.standby import COLD
from tests.unit.test_lease import CONFIG, SESSION, STICK, Bench, nic

CELLULAR = replace(CONFIG.cellular, standby=Keep.COLD)
BLIND = replace(CONFIG, cellular=CELLULAR, probe=replace(CONFIG.probe, cellular_budget=0.0))


GATEWAY = DefaultRoute(interface="eth0", gateway=IPv4Address("192.168.1.1"), metric=100, family=4)


class House(Bench):
    """With a wired line, of which nothing bad is heard."""

    def observe(self, *more: Interface) -> None:
        self.interfaces = (*self.interfaces, *more)
        facts = NetworkFacts(interfaces=self.interfaces, defaults=(GATEWAY,))
        self.post(ev.NetworkObserved(facts=facts))


def test_it_rests_until_it_is_wanted() -> None:
    bench = House(BLIND)
    bench.sleep(3600)
    assert bench.state is ModemState.REGISTERED
    assert bench.core.modem.standing_by
    assert bench.core.modem.known.blocked == COLD
    assert bench.did(do.StartLease) == 0
    bench.post(ev.LineForced(line=UplinkName.CELLULAR))
    assert bench.did(do.StartLease) == 1
    bench.post(ev.SessionUp(session=SESSION))
    bench.observe(nic("fbcell0", "192.168.8.100/32"))
    assert bench.state is ModemState.CONNECTED
    assert bench.core.modem.known.blocked == ""
    bench.sleep(300)
    assert bench.did(do.StopSession) == 0
    bench.post(ev.LineForced(line=UplinkName.WIRED))
    bench.sleep(300)
    assert bench.did(do.StopSession) == 1
    assert bench.state is ModemState.REGISTERED
    bench.sleep(3600)
    assert bench.did(do.StartLease) == 1


def test_it_notices_that_the_stick_is_gone_and_that_it_is_back() -> None:
    bench = House(BLIND)
    bench.sleep(60)
    bench.hardware = None
    bench.post(ev.UsbChanged())
    assert bench.state is ModemState.UNKNOWN
    bench.hardware = STICK
    bench.post(ev.UsbChanged())
    bench.sleep(30)
    assert bench.state is ModemState.REGISTERED
    assert bench.core.modem.standing_by
