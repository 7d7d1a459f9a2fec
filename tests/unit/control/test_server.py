"""The real socket: permissions, order, and callers that misbehave."""

import asyncio
import json
import logging
import os
import select
import socket
import stat
from pathlib import Path

import pytest

from failberry.control import server as server_module
from failberry.control.framing import MAXIMUM_MESSAGE
from failberry.control.server import Peer, listen
from tests.unit.control.simulated import Client, SimulatedAppliance, run, serving

OURS = "io.failberry.Appliance"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


def test_calls_in_one_packet_are_answered_in_order(place: Path) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            client = await Client.connect(place)
            for method in ("GetVersion", "Nonsense", "GetStatus"):
                client.send(f"{OURS}.{method}")
            assert "failberry" in (await client.receive())["parameters"]
            assert (await client.receive())["error"] == "org.varlink.service.MethodNotFound"
            assert "status" in (await client.receive())["parameters"]
            client.close()

    run(scenario)


def test_oneway_calls_are_done_and_never_answered(place: Path) -> None:
    appliance = SimulatedAppliance()

    async def scenario() -> None:
        async with serving(place, appliance):
            client = await Client.connect(place)
            client.send(f"{OURS}.Redial", oneway=True)
            client.send(f"{OURS}.Nonsense", oneway=True)
            client.send(f"{OURS}.Watch", oneway=True, more=True)
            assert "failberry" in (await client.call(f"{OURS}.GetVersion"))["parameters"]
            assert appliance.asked == ["redial"]
            client.close()

    run(scenario)


def test_a_watcher_hears_of_changes_and_others_are_answered_meanwhile(place: Path) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            watcher = await Client.connect(place)
            watcher.send(f"{OURS}.Watch", more=True)
            assert (await watcher.receive())["continues"] is True
            other = await Client.connect(place)
            assert "status" in (await other.call(f"{OURS}.GetStatus"))["parameters"]
            other.close()
            watcher.close()

    run(scenario)


def test_only_the_trusted_may_change_things(place: Path) -> None:
    appliance = SimulatedAppliance()

    async def scenario() -> None:
        async with serving(place, appliance, trusted=frozenset()):
            client = await Client.connect(place)
            assert (await client.call(f"{OURS}.Redial"))["error"] == "org.varlink.service.PermissionDenied"
            assert "status" in (await client.call(f"{OURS}.GetStatus"))["parameters"]
            client.close()
        assert appliance.asked == []

    run(scenario)


def test_changes_are_logged_with_who_asked(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            client = await Client.connect(place)
            await client.call(f"{OURS}.Redial")
            client.close()

    with caplog.at_level(logging.INFO):
        run(scenario)
    assert f"{OURS}.Redial asked by uid {os.geteuid()}, pid {os.getpid()}" in caplog.text


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n\0",
        b"[]\0",
        b'{"method": null}\0',
        b"\xff\xfe\0",
        b"[" * 200_000 + b"\0",
        b" " * (MAXIMUM_MESSAGE + 1),
    ],
    ids=["http", "list", "no method", "not UTF-8", "deep", "too long"],
)
def test_a_peer_that_speaks_something_else_is_dropped_alone(place: Path, garbage: bytes) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            good, bad = await Client.connect(place), await Client.connect(place)
            bad.writer.write(garbage)
            assert await bad.closed()
            assert "status" in (await good.call(f"{OURS}.GetStatus"))["parameters"]
            good.close()

    run(scenario)


def test_a_client_that_does_not_read_is_dropped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SLOW", 0.05)

    async def scenario() -> None:
        async with serving(place, SimulatedAppliance(toml="#" * 4_000_000)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
                deaf.connect(str(place))
                deaf.sendall(json.dumps({"method": f"{OURS}.ShowConfig"}).encode() + b"\0")
                hung_up = select.poll()
                hung_up.register(deaf, 0)
                assert await asyncio.to_thread(hung_up.poll, 5_000)
                received = 0
                while chunk := deaf.recv(1 << 20):
                    received += len(chunk)
                assert received < 4_000_000
            client = await Client.connect(place)
            assert "status" in (await client.call(f"{OURS}.GetStatus"))["parameters"]
            client.close()

    run(scenario)


def test_a_client_that_says_nothing_is_dropped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE", 0.05)

    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            client = await Client.connect(place)
            client.writer.write(b'{"meth')
            assert await client.closed()

    run(scenario)


def test_too_many_clients_are_refused_and_leave_room_when_they_go(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAXIMUM_CLIENTS", 3)

    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            crowd = [await Client.connect(place) for _ in range(3)]
            for each in crowd:
                await each.call(f"{OURS}.GetVersion")
            assert await (await Client.connect(place)).closed()
            crowd[0].close()
            while True:  # until the server has seen the end of the first; `run` has the deadline
                late = await Client.connect(place)
                try:
                    await late.call(f"{OURS}.GetVersion")
                    break
                except (ConnectionError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0)

    run(scenario)


def test_a_flood_of_calls_does_not_starve_the_loop(place: Path) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            client = await Client.connect(place)
            calls = 2_000
            for _ in range(calls):
                client.send(f"{OURS}.Nonsense", oneway=True)
            turns = 0
            last = asyncio.create_task(client.call(f"{OURS}.GetVersion"))
            while not last.done():
                turns += 1
                await asyncio.sleep(0)
            assert turns > calls
            client.close()

    run(scenario)


def test_the_socket_is_private_without_a_group(place: Path) -> None:
    with listen(str(place), group="no-such-group-here"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_the_socket_is_for_the_group_where_there_is_one(place: Path) -> None:
    with listen(str(place), group="root") if os.geteuid() == 0 else listen(str(place), group="nogroup"):
        expected = 0o660 if os.geteuid() == 0 else 0o600
        assert stat.S_IMODE(place.stat().st_mode) == expected


def test_what_a_dead_daemon_left_is_replaced_and_a_living_one_is_not(place: Path) -> None:
    listen(str(place)).close()  # closed, not unlinked: as after a kill -9
    assert place.is_socket()
    with listen(str(place)), pytest.raises(OSError, match="in use"):
        listen(str(place))


def test_a_file_in_the_place_of_the_socket_is_not_touched(place: Path) -> None:
    place.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        listen(str(place))
    assert place.read_text() == "precious"


def test_the_socket_goes_with_the_server(place: Path) -> None:
    async def scenario() -> None:
        async with serving(place, SimulatedAppliance()):
            (await Client.connect(place)).close()

    run(scenario)
    assert not place.exists()


def test_the_kernel_tells_who_connected() -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert Peer.of(left) == Peer(pid=os.getpid(), uid=os.geteuid())
