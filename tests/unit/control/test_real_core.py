"""What the real core says, from its first moment on, keeps to the contract with its readers."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import jsonschema

from failberry.config import Config, Mode, Wired
from failberry.control.document import decode, encode, schema
from failberry.core.actions import LocateModem
from failberry.core.appliance import Appliance
from failberry.core.events import (
    Event,
    FilterApplied,
    ModemLocated,
    NetworkObserved,
    RoutesApplied,
    Started,
    Tick,
)
from failberry.core.facts import DefaultRoute, Interface, NetworkFacts
from failberry.core.snapshot import Snapshot
from failberry.ctl import ATTENTION, NO_LINE
from tests.unit.ctl.painting import painted

CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
ETH0 = Interface(index=2, name="eth0", up=True, carrier=True, addresses=(IPv4Interface("192.168.1.5/24"),))
WIRED = NetworkFacts(
    interfaces=(ETH0,),
    defaults=(DefaultRoute(interface="eth0", gateway=IPv4Address("192.168.1.1"), metric=100, family=4),),
)
VALIDATOR = jsonschema.Draft202012Validator(schema())
CUT = replace(WIRED, interfaces=(replace(ETH0, carrier=False),), defaults=())


def told(appliance: Appliance, *events: Event, at: float) -> Snapshot:
    """The document after these events, as its readers get it."""
    for event in events:
        for action in appliance.handle(event, at):
            if isinstance(action, LocateModem):
                appliance.handle(ModemLocated(deed=action.deed, hardware=None, problem="none there"), at)
    document = encode(appliance.snapshot(at + 0.25))
    VALIDATOR.validate(document)
    return decode(Snapshot, document)


def test_from_the_first_moment_to_a_cut_cable() -> None:
    appliance = Appliance(CONFIG, seed=1)
    code, text = painted(told(appliance, Started(), at=0.0))
    assert code == NO_LINE
    code, text = painted(told(appliance, NetworkObserved(facts=WIRED), at=1.0))
    assert code == ATTENTION
    assert text.startswith(
        "Traffic goes over the wired line. 1 problem:\n\n1. The mobile line is down: none there"
    )
    refused = RoutesApplied(problem="EPERM: Operation not permitted")
    code, text = painted(told(appliance, FilterApplied(backend="nftables", changed=True), refused, at=2.0))
    assert "routes not as wanted, firewall in place (nftables)" in text
    assert "did not take our routes: EPERM: Operation not permitted" in text.replace("\n   ", " ")
    code, text = painted(told(appliance, NetworkObserved(facts=CUT), at=60.0))
    assert code == ATTENTION
    code, text = painted(told(appliance, Tick(), at=66.0))
    assert code == NO_LINE
    assert text.startswith("No line works. 3 problems:")
