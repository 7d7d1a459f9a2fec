"""A stick that is a router of its own, as the core handles it: no port, no SIM, one DHCP client."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_interface

import pytest

from failberry.config import Config, Lan, Mode, PortForward, Protocol, Wired
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.appliance import Appliance
from failberry.core.causes import Fault
from failberry.core.facts import Interface, ModemHardware, NetworkFacts, Session, Sighting
from failberry.core.intent import CELLULAR_TABLE
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import Notice

CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
STICK = ModemHardware(
    usb_path="1-1", vendor_id=0x12D1, product_id=0x14DB, product="HiLink", dial_tty="", status_tty=None,
    dial_interface=-1, status_interface=None, network_interface="usb0", chosen_by="network driver cdc_ether",
)  # fmt: skip
SESSION = Session(
    pid=7,
    tty="",
    interface="fbcell0",
    local=IPv4Address("192.168.8.100"),
    gateway=IPv4Address("192.168.8.1"),
    dns=(IPv4Address("192.168.8.1"),),
)


def nic(name: str, address: str) -> Interface:
    return Interface(index=1, name=name, up=True, carrier=True, addresses=(ip_interface(address),))  # type: ignore[arg-type]


class Bench:
    """The core, and a world that answers its deeds at once."""

    def __init__(
        self,
        config: Config = CONFIG,
        *,
        adopted: Session | None = None,
        lan: str = "192.168.1",
        hardware: ModemHardware | None = STICK,
        slow_bus: bool = False,
    ) -> None:
        self.now = 1000.0
        self.deeds: list[do.Deed] = []
        self.routes: do.ApplyRoutes | None = None
        self.hardware = hardware
        self.answer_probes = False
        self.slow_bus = slow_bus
        self.filter_problem: str | None = None
        self.lease_problem: str | None = None
        self.interfaces = (nic("eth0", f"{lan}.2/24"),)
        self.core = Appliance(config, seed=1)
        self.post(ev.Started(session=adopted))
        if adopted is not None:
            self.interfaces = (*self.interfaces, nic("fbcell0", "192.168.8.100/32"))
        self.observe()

    def observe(self, *more: Interface) -> None:
        self.interfaces = (*self.interfaces, *more)
        self.post(ev.NetworkObserved(facts=NetworkFacts(interfaces=self.interfaces)))

    def post(self, event: ev.Event) -> None:
        for action in self.core.handle(event, self.now):
            answer = self._answer(action)
            if answer is not None:
                self.post(answer)

    def _answer(self, action: do.Action) -> ev.Event | None:
        if not isinstance(action, do.Report | do.ApplyRoutes | do.ApplyFilter):
            self.deeds.append(action)
        match action:
            case do.ApplyRoutes():
                self.routes = action
                return ev.RoutesApplied()
            case do.ApplyFilter():
                return ev.FilterApplied(backend="nftables", changed=True, problem=self.filter_problem)
            case do.LocateModem() if not self.slow_bus:
                sighting = Sighting.ROUTER if self.hardware is not None else Sighting.NOTHING
                return ev.ModemLocated(deed=action.deed, hardware=self.hardware, sighting=sighting)
            case do.StartLease():
                return ev.SessionStarted(deed=action.deed, problem=self.lease_problem)
            case do.StopSession():
                return ev.SessionStopped(deed=action.deed)
            case do.ReadCounters():
                return ev.CountersRead(deed=action.deed, received=1, sent=1)
            case do.ProbeLine() if self.answer_probes:
                return ev.LineProbed(deed=action.deed, targets_answered=0, servers_answered=0)
            case do.StoreStep():
                return ev.StepStored(deed=action.deed)
            case _:
                return None

    def sleep(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.now + seconds
        while (due := self.core.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.post(ev.Tick())
        self.now = end

    @property
    def state(self) -> ModemState:
        return self.core.modem.state

    def notices(self) -> dict[str, Notice]:
        return {each.code: each for each in self.core.snapshot(self.now).warnings}

    def did(self, kind: type) -> int:
        return sum(isinstance(each, kind) for each in self.deeds)


def connected(**settings: object) -> Bench:
    bench = Bench(**settings)  # type: ignore[arg-type]
    bench.post(ev.SessionUp(session=SESSION))
    bench.observe(nic("fbcell0", "192.168.8.100/32"))
    assert bench.state is ModemState.CONNECTED
    return bench


def test_from_the_bus_to_an_address_without_a_port() -> None:
    bench = Bench()
    assert bench.state is ModemState.CONNECTING
    (lease,) = (each for each in bench.deeds if isinstance(each, do.StartLease))
    assert lease.hardware == STICK
    bench.post(ev.SessionUp(session=SESSION))
    bench.observe(nic("fbcell0", "192.168.8.100/32"))
    assert bench.state is ModemState.CONNECTED
    for kind in (do.OpenPorts, do.SendCommand, do.ReleaseDialPort, do.StartSession):
        assert not bench.did(kind)
    assert bench.routes is not None
    (route,) = (each for each in bench.routes.intent.routes if each.table == CELLULAR_TABLE)
    assert route.gateway == IPv4Address("192.168.8.1")


def test_no_lease_before_the_packet_filter_stands() -> None:
    class Unprotected(Bench):
        def _answer(self, action: do.Action) -> ev.Event | None:
            self.filter_problem = "no nftables"
            return super()._answer(action)

    guarded = Unprotected()
    guarded.sleep(600)
    assert guarded.state is ModemState.UNKNOWN
    assert not guarded.did(do.StartLease)
    guarded.post(ev.FilterApplied(backend="nftables", changed=True))
    assert guarded.did(do.StartLease) == 1


def test_no_address_is_a_failure_of_the_stick_and_tried_again() -> None:
    bench = Bench()
    bench.sleep(59)
    assert bench.state is ModemState.CONNECTING
    bench.sleep(2)
    assert bench.did(do.StopSession) == 1
    cause = bench.core.modem.cause
    assert cause is not None
    assert "no address by DHCP" in cause.why
    bench.sleep(60)
    assert bench.did(do.StartLease) >= 2


def test_a_client_that_does_not_start_is_told_with_its_reason() -> None:
    bench = Bench()
    bench.lease_problem = "fbcell0 is taken"
    bench.post(ev.RedialRequested())
    bench.sleep(1)
    cause = bench.core.modem.cause
    assert cause is not None
    assert "fbcell0 is taken" in cause.why


@pytest.mark.parametrize(
    ("gone", "evidence", "words"),
    [
        (True, "the stick's interface has vanished", "vanished from the USB bus"),
        (False, "the stick has taken the address back", "taken the address back"),
        (False, "", "killed or died"),
    ],
)
def test_an_end_is_told_in_words_of_its_own_and_the_lease_comes_back(
    *, gone: bool, evidence: str, words: str
) -> None:
    bench = connected()
    bench.post(ev.SessionEnded(exit_code=None, port_gone=gone, evidence=evidence))
    assert bench.state is ModemState.UNKNOWN
    cause = bench.core.modem.cause
    assert cause is not None
    assert words in cause.why
    assert "pppd" not in cause.why
    bench.sleep(30)
    assert bench.did(do.StartLease) == 2
    bench.post(ev.SessionUp(session=SESSION))
    assert bench.state is ModemState.CONNECTED


def test_a_new_address_is_taken_over_in_mid_session() -> None:
    bench = connected()
    moved = Session(
        pid=7, tty="", interface="fbcell0", local=IPv4Address("10.0.0.2"), gateway=IPv4Address("10.0.0.1")
    )
    bench.post(ev.SessionUp(session=moved))
    assert bench.state is ModemState.CONNECTED
    assert bench.routes is not None
    assert {str(each.gateway) for each in bench.routes.intent.routes} == {"10.0.0.1"}


@pytest.mark.parametrize("hardware", [STICK, None])
def test_a_lease_is_adopted_and_no_port_is_opened(hardware: ModemHardware | None) -> None:
    bench = Bench(adopted=SESSION, hardware=hardware)
    assert bench.state is ModemState.CONNECTED
    assert bench.core.modem.dials == 0
    assert not bench.did(do.OpenPorts)
    assert not bench.did(do.ReleaseDialPort)
    assert not bench.did(do.StartLease)


def find(bench: Bench) -> None:
    """Let the look at the bus come to its end."""
    bench.slow_bus = False
    (looking, *_) = (each for each in reversed(bench.deeds) if isinstance(each, do.LocateModem))
    answer = bench._answer(looking)
    assert answer is not None
    bench.post(answer)


def test_the_routes_of_an_adopted_session_stand_from_the_first() -> None:
    bench = Bench(adopted=SESSION, slow_bus=True)
    assert bench.state is ModemState.UNKNOWN
    assert bench.routes is not None
    assert {each.table for each in bench.routes.intent.routes} == {CELLULAR_TABLE}
    before = bench.routes
    find(bench)
    assert bench.state is ModemState.CONNECTED
    assert bench.routes is before


def test_a_session_that_ends_while_it_is_adopted_is_none() -> None:
    bench = Bench(adopted=SESSION, slow_bus=True)
    bench.post(ev.SessionEnded(exit_code=None, port_gone=True, evidence="the stick's interface has vanished"))
    bench.hardware = None
    find(bench)
    assert bench.state is ModemState.UNKNOWN
    assert bench.core.modem.known.session is None
    bench.hardware = STICK
    bench.post(ev.UsbChanged())
    bench.sleep(2)
    assert bench.did(do.StartLease) == 1


def test_an_address_that_is_told_anew_during_adoption_counts() -> None:
    bench = Bench(adopted=SESSION, slow_bus=True)
    bench.post(ev.SessionUp(session=replace(SESSION, local=IPv4Address("192.168.8.101"))))
    find(bench)
    assert bench.state is ModemState.CONNECTED
    assert bench.core.snapshot(bench.now).cellular.addresses[0] == "192.168.8.101"


def test_the_status_tells_a_router_not_a_modem() -> None:
    bench = connected()
    told = bench.core.snapshot(bench.now)
    assert "a router of its own at 192.168.8.1" in told.modem.reason
    assert "a router of its own at 192.168.8.1" in told.cellular.reason
    assert told.cellular.gateway == "192.168.8.1"
    assert told.cellular.addresses == ("192.168.8.100",)
    assert "unless the stick forwards" in told.cellular.reachability_text
    assert (told.modem.dial_tty, told.modem.status_tty, told.modem.sim) == (None, None, None)
    assert (told.modem.signal.age, told.modem.usb_path) == (None, "1-1")
    assert "stick-overlaps" not in bench.notices()


def test_a_stick_with_the_house_s_network_is_told_with_the_cure() -> None:
    notice = connected(lan="192.168.8").notices()["stick-overlaps"]
    assert "192.168.8.0/24" in notice.text
    assert "eth0" in notice.text
    assert "192.168.8.100" in notice.text
    assert "web page" in notice.cure


def test_the_same_where_the_pi_is_the_router_and_forwards_need_the_stick() -> None:
    config = Config(
        mode=Mode.DUAL_WAN_ROUTER,
        wired=Wired(interface="wan0"),
        lan=Lan(interface="eth0"),
        port_forward=(PortForward(proto=Protocol.TCP, ports="443", to="192.168.8.20"),),
    )
    notices = connected(config=config, lan="192.168.8").notices()
    assert "stick-overlaps" in notices
    assert "let the stick forward" in notices["forwards-unreachable"].cure


def test_the_sticks_own_name_server_proves_nothing() -> None:
    bench = connected()
    bench.sleep(10)
    (probe, *_) = (each for each in bench.deeds if isinstance(each, do.ProbeLine))
    assert probe.interface == "fbcell0"
    assert probe.targets
    bench.answer_probes = True
    bench.post(ev.LineProbed(deed=probe.deed, targets_answered=0, servers_answered=0))
    bench.sleep(60)
    probes = [each for each in bench.deeds if isinstance(each, do.ProbeLine)]
    assert len(probes) > 1
    assert all(IPv4Address("192.168.8.1") not in each.servers for each in probes)
    cause = bench.core.modem.cause
    assert cause is not None
    assert cause.fault is Fault.NO_DATA
