"""Any event in any state, in any order, at any time: nothing raises, and the house rules hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failberry.at.codec import FinalResult, ResultKind
from failberry.config import Config, Lan, Mode
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.appliance import Appliance
from failberry.core.facts import (
    DefaultRoute,
    Interface,
    NetworkFacts,
    PortRole,
    Session,
    Sighting,
    Stray,
    Supply,
    UsageRecord,
)
from failberry.core.names import PublishedName, PublishedNames
from failberry.core.pin import PinRecord, PinState
from failberry.core.power import PowerOutcome
from failberry.core.probing import Kind
from failberry.core.snapshot import UplinkName
from failberry.core.steps import Rung
from failberry.naming import Dns
from tests.simulation.world import BASE, World

LINES = st.sampled_from(
    [
        *((), ("+CPIN: READY",), ("+CPIN: SIM PIN",), ("+CPIN: SIM PUK",), ("+CFUN: 0",), ("+CGREG: 0,1",)),
        *(("+CGREG: 0,5",), ("+CEREG: 0,2",), ("+CSQ: 99,99",), ('+CGDCONT: 1,"IP","internet"',)),
        *(("8944501712345678901",), ("\x00",)),
    ]
)
RESULTS = st.one_of(
    st.none(),
    st.builds(FinalResult, kind=st.sampled_from(ResultKind), text=st.text(max_size=5)),
    st.builds(
        FinalResult,
        kind=st.just(ResultKind.CME_ERROR),
        text=st.just(""),
        code=st.integers(min_value=0, max_value=200),
    ),
)
CONFIGS = [
    BASE,
    replace(BASE, mode=Mode.DUAL_WAN_ROUTER, lan=Lan(interface="lan0")),
    replace(BASE, cellular=replace(BASE.cellular, pin="1234")),
    replace(
        BASE,
        dns=Dns(
            zone="example.com",
            name="home.example.com",
            wired_name="wired.example.com",
            cellular_name="mobile.example.com",
        ),
    ),
]
HARDWARE = World(plugged=False).hardware()
STRAY = Stray(usb_path="1-1.3", vendor_id=0x19D2, product_id=0x2000, product="CD-ROM")
SIGHTS = [
    ev.ModemLocated(deed=0, hardware=HARDWARE, sighting=Sighting.MODEM),
    ev.ModemLocated(deed=0, hardware=replace(HARDWARE, network_interface="usb0"), sighting=Sighting.ROUTER),
    ev.ModemLocated(deed=0, hardware=None, problem="no modem"),
    ev.ModemLocated(deed=0, hardware=None, problem="two modems", sighting=Sighting.MODEM),
    ev.ModemLocated(deed=0, hardware=None, problem="a CD-ROM", sighting=Sighting.CD_ROM, stray=STRAY),
    ev.ModemLocated(deed=0, hardware=None, problem="no ports", sighting=Sighting.BARE, stray=STRAY),
]
SESSION = Session(pid=7, tty="/dev/ttyUSB2", interface="fbcell0", local=IPv4Address("100.64.7.2"))
WIRED = Interface(index=2, name="eth0", up=True, carrier=True, addresses=(IPv4Interface("192.168.1.9/24"),))
PPP = Interface(index=5, name="fbcell0", up=True, carrier=True, addresses=(IPv4Interface("100.64.7.2/32"),))
GATEWAY = DefaultRoute(interface="eth0", gateway=IPv4Address("192.168.1.1"), metric=1, family=4)
FACTS = [
    NetworkFacts(),
    NetworkFacts(interfaces=(WIRED,), defaults=(GATEWAY,)),
    NetworkFacts(interfaces=(WIRED, PPP), defaults=(GATEWAY,)),
    NetworkFacts(interfaces=(replace(WIRED, carrier=False), PPP)),
]

PEERS = [*map(ip_address, BASE.probe.targets), IPv4Address("192.0.2.53"), IPv6Address("2001:db8::1")]
INSTANTS = st.floats(min_value=0.0, max_value=1e5)

UNASKED = st.one_of(
    st.just(ev.Tick()),
    st.just(ev.UsbChanged()),
    st.builds(ev.PortLost, port=st.sampled_from(PortRole), problem=st.just("gone")),
    st.builds(ev.UrcReceived, port=st.sampled_from(PortRole), text=st.text(max_size=10)),
    st.just(ev.SessionUp(session=SESSION)),
    st.builds(
        ev.SessionEnded,
        exit_code=st.one_of(st.none(), st.integers(min_value=0, max_value=25)),
        port_gone=st.booleans(),
        evidence=st.sampled_from(["", "Modem hangup", "LCP terminated by peer"]),
    ),
    st.builds(ev.NetworkObserved, facts=st.sampled_from(FACTS)),
    st.builds(ev.RoutesApplied, problem=st.sampled_from([None, "no"])),
    st.builds(
        ev.FilterApplied,
        backend=st.just("nftables"),
        changed=st.booleans(),
        problem=st.sampled_from([None, "no"]),
    ),
    st.just(ev.RedialRequested()),
    st.just(ev.PinForgotten()),
    st.builds(ev.StepRequested, rung=st.sampled_from(Rung), force=st.booleans()),
    st.builds(
        ev.SupplyObserved,
        supply=st.builds(
            Supply,
            under_voltage=st.booleans(),
            under_voltage_before=st.booleans(),
            over_current=st.integers(min_value=0, max_value=9),
        ),
    ),
    st.builds(
        ev.NamesChanged,
        names=st.one_of(
            st.none(),
            st.builds(
                PublishedNames,
                name=st.just("home.example.com"),
                lines=st.lists(
                    st.builds(PublishedName, addresses=st.just(()), reason=st.just("why")), max_size=2
                ).map(tuple),
            ),
        ),
    ),
    st.builds(ev.ConfigChanged, config=st.sampled_from(CONFIGS)),
    st.builds(
        ev.ProbeAnswered,
        line=st.sampled_from(UplinkName),
        kind=st.sampled_from(Kind),
        peer=st.sampled_from(PEERS),
        sent=INSTANTS,
        rtt=st.floats(min_value=0.0, max_value=12.0),
        canary=st.booleans(),
    ),
    st.builds(
        ev.ProbeMissed,
        line=st.sampled_from(UplinkName),
        kind=st.sampled_from(Kind),
        peer=st.one_of(st.none(), st.sampled_from(PEERS)),
        sent=INSTANTS,
        problem=st.sampled_from(["", "302 to http://portal.example/"]),
        portal=st.booleans(),
    ),
    st.builds(ev.ResolversObserved, servers=st.lists(st.sampled_from(PEERS), max_size=3).map(tuple)),
    st.builds(
        ev.DayObserved,
        day=st.dates(min_value=date(1970, 1, 1), max_value=date(2100, 1, 1)),
        trusted=st.booleans(),
    ),
    st.builds(
        ev.UsageRemembered,
        record=st.one_of(st.none(), st.builds(UsageRecord, used=st.integers(min_value=0, max_value=1 << 50))),
    ),
    st.builds(ev.UsageCorrected, used=st.integers(min_value=0, max_value=1 << 50)),
    st.builds(
        ev.LineForced,
        line=st.one_of(st.none(), st.sampled_from(UplinkName)),
        seconds=st.one_of(st.none(), st.floats(min_value=0.0, max_value=1e6)),
    ),
)


def answers_of_lines(
    deed: do.DropFlows | do.WeighFlows | do.TracePath | do.ProvePinning | do.StoreUsage,
    problem: st.SearchStrategy[str | None],
) -> st.SearchStrategy[ev.Answer]:
    """Any legal answer to a deed that has to do with lines."""
    number = deed.deed
    match deed:
        case do.DropFlows():
            count = st.integers(min_value=0, max_value=9)
            return st.builds(ev.FlowsDropped, deed=st.just(number), count=count, problem=problem)
        case do.WeighFlows():
            count = st.one_of(st.none(), st.integers(min_value=0, max_value=9))
            return st.builds(ev.FlowsWeighed, deed=st.just(number), packets_in=count)
        case do.TracePath():
            hops = st.lists(st.one_of(st.none(), st.sampled_from(PEERS)), max_size=6).map(tuple)
            return st.builds(
                ev.PathTraced, deed=st.just(number), hops=hops, reached=st.booleans(), problem=problem
            )
        case do.ProvePinning():
            return st.builds(
                ev.PinningProved, deed=st.just(number), problem=st.sampled_from(["", "rp_filter"])
            )
        case do.StoreUsage():
            return st.builds(ev.UsageStored, deed=st.just(number), problem=problem)


def answers(  # noqa: C901  one case for each deed
    deed: do.Deed, draw: Callable[[st.SearchStrategy[object]], object]
) -> ev.Event:
    """Any legal answer to this deed."""
    number = deed.deed
    problem = st.sampled_from([None, None, "no"])
    match deed:
        case do.LocateModem():
            strategy = st.sampled_from([replace(each, deed=number) for each in SIGHTS])
        case do.OpenPorts() | do.ReleaseDialPort() | do.ClosePorts():
            strategy = st.builds(ev.PortsOpened, deed=st.just(number), problem=problem)
        case do.StorePinRecord():
            strategy = st.builds(ev.PinRecordStored, deed=st.just(number), problem=problem)
        case do.StoreStep():
            strategy = st.builds(ev.StepStored, deed=st.just(number), problem=problem)
        case do.ResetUsb() | do.SwitchMode() | do.RebindController():
            strategy = st.builds(ev.UsbReset, deed=st.just(number), problem=problem)
        case do.CyclePower():
            outcomes = st.sampled_from(PowerOutcome)
            strategy = st.builds(
                ev.PowerCycled, deed=st.just(number), outcome=outcomes, words=st.just("words")
            )
        case do.Reboot():
            strategy = st.builds(ev.RebootAnswered, deed=st.just(number), problem=problem)
        case do.ReadCounters():
            count = st.one_of(st.none(), st.integers(min_value=0, max_value=1 << 64))
            strategy = st.builds(ev.CountersRead, deed=st.just(number), received=count, sent=count)
        case do.ProbeLine():
            few = st.integers(min_value=0, max_value=3)
            strategy = st.builds(
                ev.LineProbed,
                deed=st.just(number),
                targets_answered=few,
                servers_answered=few,
                problem=problem,
            )
        case do.StartSession() | do.StartLease():
            strategy = st.builds(ev.SessionStarted, deed=st.just(number), problem=problem)
        case do.StopSession():
            strategy = st.just(ev.SessionStopped(deed=number))
        case do.DropFlows() | do.WeighFlows() | do.TracePath() | do.ProvePinning() | do.StoreUsage():
            strategy = answers_of_lines(deed, problem)
        case _:
            strategy = st.builds(ev.CommandAnswered, deed=st.just(number), lines=LINES, result=RESULTS)
    answer = draw(strategy)
    assert isinstance(answer, ev.Answer)
    return answer


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), config=st.sampled_from(CONFIGS), adopted=st.booleans())
def test_any_event_in_any_state(*, data: st.DataObject, config: Config, adopted: bool) -> None:
    appliance = Appliance(config, seed=1)
    now = 100.0
    open_deeds: list[do.Deed] = []
    seen: set[int] = set()
    pins = forgotten = 0

    def feed(event: ev.Event) -> None:
        nonlocal pins, forgotten
        forgotten += isinstance(event, ev.PinForgotten)
        for action in appliance.handle(event, now):
            if isinstance(action, do.Report):
                assert action.why
            elif not isinstance(
                action,
                do.ApplyRoutes | do.ApplyFilter | do.Standing,
            ):
                assert action.deed not in seen
                seen.add(action.deed)
                open_deeds.append(action)
                if isinstance(action, do.SendCommand) and action.command.secret:
                    pins += 1
        deadline = appliance.next_deadline()
        assert deadline is None or deadline > now - 1e6
        active = appliance.snapshot(now).active
        assert active is not UplinkName.CELLULAR or appliance.mobile.link.usable

    refused = PinRecord.of(iccid=None, pin="1234", state=PinState.REFUSED)
    feed(ev.Started(session=SESSION if adopted else None, pin_records=(refused,) if adopted else ()))
    for _ in range(data.draw(st.integers(min_value=5, max_value=60))):
        now += data.draw(st.sampled_from([0.0, 0.1, 3.0, 70.0, 4000.0]))
        if open_deeds and data.draw(st.integers(min_value=0, max_value=3)):
            feed(answers(open_deeds.pop(0), data.draw))
        else:
            feed(data.draw(UNASKED))
        # Time alone must always come to rest: a deadline that is due and stays due would spin the loop.
        for _ in range(20):
            deadline = appliance.next_deadline()
            if deadline is None or deadline > now:
                break
            feed(ev.Tick())
        else:
            raise AssertionError(f"a deadline stays due in state {appliance.modem.state}")
    # A PIN that was refused is sent again only after the owner's word.
    assert pins == 0 or forgotten or not adopted
