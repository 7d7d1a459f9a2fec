"""Text messages through the stick: the real port, codec and store, the modem simulator at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from failberry.adapters import portlock
from failberry.adapters.serialport import ModemPorts
from failberry.adapters.steplog import Instant
from failberry.adapters.store import Store
from failberry.config import Config, Mode, Wired
from failberry.control.answers import RefusedError
from failberry.core.actions import Report
from failberry.core.appliance import Appliance
from failberry.core.causes import Fault
from failberry.core.facts import PortRole
from failberry.core.modem import Modem
from failberry.core.modem_state import ModemState
from failberry.core.permission import Denied
from failberry.core.texting import texting_port
from failberry.notifying import Notify, Receiver, Via
from failberry.texting import Texting
from tests.modemsim.model import Network, Sim
from tests.modemsim.modem import SimModem
from tests.unit.adapters.test_serialport import Stick, hardware
from tests.unit.at.test_sms import read

CONFIG = Config(
    mode=Mode.STANDBY_GATEWAY,
    wired=Wired(interface="eth0"),
    notify=Notify(sms_per_day=4),
    receiver=(
        Receiver(name="text", via=Via.SMS, to="+491701234567"),
        Receiver(name="phone", via=Via.NTFY, to="https://ntfy.example/x"),
    ),
)
Scene = Callable[[Texting, Modem, SimModem], Awaitable[None]]


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (portlock.holder, portlock.acquire, portlock.release):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))


def at_the_modem(
    store: Store, scene: Scene, simulated: SimModem | None = None, *, reports: list[Report] | None = None
) -> None:
    async def stage() -> None:
        stick = Stick(simulated or SimModem(), 2)
        ports = ModemPorts(lambda _: None)
        modem = Appliance(CONFIG, seed=1).modem
        modem.known.hardware = hardware(stick.path)
        assert (await ports.open(1, modem.known.hardware, dial=True)).problem is None
        stick.start()
        told = [] if reports is None else reports
        async with asyncio.timeout(10):
            await scene(Texting(store, ports, told.append), modem, stick.modem)
        await ports.close()

    asyncio.run(stage())


def unlocked(**network: object) -> SimModem:
    return SimModem(sim=Sim(pin_enabled=False), network=Network(**network))  # type: ignore[arg-type]


async def refused(texting: Texting, modem: Modem, receiver: str = "text", text: str = "x") -> str:
    with pytest.raises(RefusedError) as told:
        await texting.send(modem, CONFIG, receiver, text)
    return str(told.value)


def test_a_text_reaches_the_network_as_it_was_and_the_journal_does_not_tell_it(tmp_path: Path) -> None:
    reports: list[Report] = []

    async def scene(texting: Texting, modem: Modem, simulated: SimModem) -> None:
        assert await texting.send(modem, CONFIG, "text", "pi: The house is offline") == 1
        assert await texting.send(modem, CONFIG, "text", "long " * 50) == 2

    simulated = unlocked()
    at_the_modem(Store(tmp_path / "state"), scene, simulated, reports=reports)
    sent = [read(str(each["pdu"])) for each in simulated.texts]
    assert sent[0] == ("491701234567", "pi: The house is offline", b"")
    assert "".join(each[1] for each in sent[1:]) == "long " * 50
    assert [each.what for each in reports] == [
        "text message to text: sent, 1 part(s)", "text message to text: sent, 2 part(s)",
    ]  # fmt: skip
    assert not any("offline" in str(each) or "1701234567" in str(each) for each in reports)


def test_the_limit_of_a_day_survives_restarts_and_jumps_of_the_clock(tmp_path: Path) -> None:
    now = Instant(boot="a", uptime=1000.0, wall=1_800_000_000.0)
    store = Store(tmp_path / "state", clock=lambda: now)

    async def use_up(texting: Texting, modem: Modem, _: SimModem) -> None:
        for _ in range(4):
            await texting.send(modem, CONFIG, "text", "x")
        assert "limit of 4 text messages in 24 hours" in await refused(texting, modem)

    async def still(texting: Texting, modem: Modem, simulated: SimModem) -> None:
        assert "limit of 4" in await refused(texting, modem)
        assert not simulated.texts

    async def again(texting: Texting, modem: Modem, _: SimModem) -> None:
        assert await texting.send(modem, CONFIG, "text", "x") == 1

    at_the_modem(store, use_up, unlocked())
    now = Instant(boot="a", uptime=2000.0, wall=1_900_000_000.0)  # the clock was set: years ahead
    at_the_modem(store, still, unlocked())
    now = Instant(boot="b", uptime=60.0, wall=1_700_000_000.0)  # power was cut, and it stands back
    at_the_modem(store, still, unlocked())
    now = Instant(boot="b", uptime=86_500.0, wall=1_700_000_000.0)
    at_the_modem(store, again, unlocked())


def test_a_refusal_of_the_network_is_told_in_words(tmp_path: Path) -> None:
    async def scene(texting: Texting, modem: Modem, simulated: SimModem) -> None:
        told = await refused(texting, modem)
        assert told == "The modem did not send it: no network service (+CMS ERROR: 331)."

    at_the_modem(Store(tmp_path / "state"), scene, unlocked(registration="searching"))


def test_a_modem_that_never_asks_for_the_text_is_not_left_waiting_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from failberry import texting as module

    monkeypatch.setitem(module._PATIENCE, PortRole.DIAL, 0.2)
    simulated = unlocked()

    async def scene(texting: Texting, modem: Modem, _: SimModem) -> None:
        simulated.change({"refuse": {"+CMGS": ""}}, asyncio.get_running_loop().time())
        assert "did not answer in time" in await refused(texting, modem)
        simulated.change({"refuse": {}}, asyncio.get_running_loop().time())
        assert await texting.send(modem, CONFIG, "text", "y") == 1

    at_the_modem(Store(tmp_path / "state"), scene, simulated)
    assert [read(str(each["pdu"]))[1] for each in simulated.texts] == ["y"]


def test_only_receivers_of_text_messages_get_one(tmp_path: Path) -> None:
    async def scene(texting: Texting, modem: Modem, simulated: SimModem) -> None:
        for name in ("phone", "nobody", "+4900900123"):
            assert "No [[receiver]]" in await refused(texting, modem, name)
        assert not simulated.texts

    at_the_modem(Store(tmp_path / "state"), scene, unlocked())


def test_a_disk_that_cannot_count_lets_none_go(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()

    async def scene(texting: Texting, modem: Modem, simulated: SimModem) -> None:
        with pytest.raises(OSError, match="state"):
            await texting.send(modem, CONFIG, "text", "x")
        assert not simulated.texts

    at_the_modem(Store(tmp_path / "state"), scene, unlocked())


BOTH = frozenset(PortRole)
DIAL, STATUS = frozenset({PortRole.DIAL}), frozenset({PortRole.STATUS})


@pytest.mark.parametrize(
    ("state", "ports", "port"),
    [
        (ModemState.REGISTERED, DIAL, PortRole.DIAL),
        (ModemState.UNKNOWN, DIAL, PortRole.DIAL),
        (ModemState.SEARCHING, BOTH, PortRole.STATUS),
        (ModemState.SEARCHING, DIAL, None),
        (ModemState.CONNECTING, DIAL, None),
        (ModemState.CONNECTING, BOTH, PortRole.STATUS),
        (ModemState.CONNECTED, STATUS, PortRole.STATUS),
        (ModemState.CONNECTED, frozenset(), None),
        (ModemState.LOCKED, BOTH, None),
        (ModemState.INITIALIZING, BOTH, None),
        (ModemState.DISABLED, BOTH, None),
    ],
)
def test_never_in_the_way_of_a_dial_nor_of_a_pin(
    state: ModemState, ports: frozenset[PortRole], port: PortRole | None
) -> None:
    told = texting_port(state, None, stepping=False, open_ports=ports)
    assert (isinstance(told, Denied) and port is None) or told is port
    assert isinstance(texting_port(state, None, stepping=True, open_ports=ports), Denied)
    assert isinstance(texting_port(state, Fault.SIM, stepping=False, open_ports=ports), Denied)
