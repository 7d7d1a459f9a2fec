"""Release: for root, and not under a daemon that would put everything back."""

from pathlib import Path

import pytest

from failberry.ctl import commands
from failberry.ctl.__main__ import main
from tests.unit.control.simulated import SimulatedAppliance, daemon

Captured = pytest.CaptureFixture[str]


class Kernel:
    """What there is to remove, and what cannot be."""

    def __init__(self, *problems: str) -> None:
        self.full = True
        self._problems = problems

    def remove_all(self) -> tuple[str, ...]:
        self.full = bool(self._problems)
        return self._problems


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def release(kernel: Kernel, place: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(commands, "remove_all", kernel.remove_all)
    return main(["release", "--socket", str(place)])


@pytest.mark.usefixtures("as_root")
def test_not_while_a_daemon_runs(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    kernel = Kernel()
    with daemon(place, SimulatedAppliance()):
        assert release(kernel, place, monkeypatch) == 1
    assert kernel.full
    assert "sudo systemctl stop failberry" in capsys.readouterr().err


def test_not_for_others_than_root(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    kernel = Kernel()
    assert release(kernel, place, monkeypatch) == 1
    assert kernel.full
    assert "sudo failberryctl release" in capsys.readouterr().err


@pytest.mark.usefixtures("as_root")
def test_all_is_removed(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    kernel = Kernel()
    assert release(kernel, place, monkeypatch) == 0
    assert not kernel.full
    assert "nothing of Failberry is left" in capsys.readouterr().out


@pytest.mark.usefixtures("as_root")
def test_what_stays_is_told(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    kernel = Kernel("denied: nft: Operation not permitted")
    assert release(kernel, place, monkeypatch) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "denied: nft: Operation not permitted" in printed.err
