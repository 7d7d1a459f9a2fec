import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.adapters import systemd


@pytest.fixture
def service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield receiver


def test_a_state_reaches_the_service_manager(service_manager: socket.socket) -> None:
    systemd.notify("READY=1\nSTATUS=well")
    assert service_manager.recv(999) == b"READY=1\nSTATUS=well"


def test_reloading_says_when(service_manager: socket.socket) -> None:
    systemd.notify("RELOADING=1")
    state, _, stamp = service_manager.recv(999).decode().partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert int(stamp) > 0


def test_a_deaf_service_manager_is_reported_and_survived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    systemd.notify("READY=1")
    assert capsys.readouterr().err.startswith("<4>systemd was not told READY")


def test_outside_of_a_service_nothing_is_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"):
        monkeypatch.delenv(name, raising=False)
    systemd.notify("READY=1")
    assert systemd.watchdog_interval() is None
    assert systemd.listen_sockets() == []
    assert capsys.readouterr().err == ""


OURSELVES = "ourselves"


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("30000000", None, 30.0),
        ("30000000", OURSELVES, 30.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, interval: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == OURSELVES else pid)
    assert systemd.watchdog_interval() == interval


def test_the_watchdog_is_fed_while_the_loop_turns(
    service_manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)

    async def feed() -> list[bytes]:
        feeding = asyncio.ensure_future(systemd.feed_watchdog())
        meals = [await asyncio.to_thread(service_manager.recv, 999) for _ in range(3)]
        feeding.cancel()
        return meals

    assert asyncio.run(feed()) == [b"WATCHDOG=1"] * 3
    monkeypatch.delenv("WATCHDOG_USEC")
    asyncio.run(asyncio.wait_for(systemd.feed_watchdog(), 1.0))


def test_without_the_journal_each_line_goes_to_standard_error_with_its_priority(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    systemd.journal(5, "cellular is up\nand carries new flows", uplink="cellular")
    assert capsys.readouterr().err == "<5>cellular is up\n<5>and carries new flows\n"
