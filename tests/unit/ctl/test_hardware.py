"""Commands that touch the modem or the bus: the whole program against a real socket."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import failberry
from failberry.control.answers import PowerPreview, UsbView
from failberry.control.document import encode
from failberry.ctl import ATTENTION, OK, UNREACHABLE
from failberry.ctl.__main__ import main
from failberry.ctl.hardware import plan_lines
from failberry.ctl.screen import view
from failberry.ctl.style import Style
from failberry.ctl.usb import lines
from tests.unit.control.simulated import DEADLINE, SimulatedAppliance, daemon
from tests.unit.ctl.bus import AT_ERROR, AT_SIGNAL, HARMLESS, IMPOSSIBLE, POWER, USB

ROOT = Path(failberry.__file__).parents[1]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def appliance(place: Path) -> Iterator[SimulatedAppliance]:
    simulated = SimulatedAppliance()
    with daemon(place, simulated):
        yield simulated


def run(place: Path, *words: str) -> int:
    return main(["--socket", str(place), *words])


# --- the bus ---------------------------------------------------------------------------------------


def bus(usb: UsbView, style: Style | None = None) -> str:
    """The tree, by way of JSON as in real life."""
    return "\n".join([*lines(view(encode(usb)), style or Style()), ""])


def plan(power: PowerPreview, *, force: bool = False) -> str:
    return "\n".join([*plan_lines(view(encode(power)), Style(), force=force), ""])


def test_the_bus() -> None:
    assert (
        bus(USB)
        == """\
Raspberry Pi 3 Model B Rev 1.2

usb1          1d6b:0002  Linux DWC OTG Controller
    1 port, does not tell whether it switches power
  1-1         0424:9514  SMC9514 Hub
      5 ports, switches all ports together; has a supply of its own
      off for the modem: port 2
    1-1.1     0424:ec00  SMSC9512/9514 Ethernet
        carries eth0
    1-1.2     0781:5583  SanDisk Ultra Fit
        carries /srv
    1-1.3     19d2:0117  ZTE,Incorporated MF180
        the modem
        carries /dev/ttyUSB0 /dev/ttyUSB1 /dev/ttyUSB2
    1-1.4     046d:c31c  Logitech Keyboard

To cut the power of the modem at USB 1-1.3:
  ports: 1-1:2
  why:   port 2 of hub 1-1: a Raspberry Pi 3B switches all four sockets together
  from:  the table of Raspberry Pi boards

Goes dark, too:
  1-1.2 SanDisk Ultra Fit, which carries /srv
  1-1.4 Logitech Keyboard, no harm

It would be refused: SanDisk Ultra Fit at USB 1-1.2 carries /srv.
  → Do it all the same: `failberryctl modem power-cycle --force`
"""
    )


def test_a_bus_without_a_modem_or_without_anything() -> None:
    text = bus(replace(USB, power=None, problem="1-1: no answer"))
    assert "Not asked how they switch power: 1-1: no answer." in text
    assert "It is not known where the modem is" in text
    assert "There is no USB bus." in bus(replace(USB, devices=()))


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, bus(USB, Style(width=width)).splitlines())) <= width
    assert bus(USB, Style(utf8=False)).isascii()


def test_what_a_power_cycle_would_do() -> None:
    assert (
        plan(HARMLESS)
        == """\
To cut the power of the modem at USB 1-1.3:
  ports: 1-1:2
  why:   port 2 of hub 1-1: a Raspberry Pi 3B switches all four sockets together
  from:  the table of Raspberry Pi boards

Goes dark, too:
  1-1.4 Logitech Keyboard, no harm

failberryd would hang up, switch off these ports for 10 s, see that the modem
vanishes, switch them on in the reverse order, wait for the modem, and dial.
"""
    )


def test_what_stands_against_a_power_cycle() -> None:
    assert "It would be refused: SanDisk Ultra Fit at USB 1-1.2 carries /srv.\n" in plan(POWER)
    assert "`failberryctl modem power-cycle --force`" in plan(POWER)
    forced = plan(POWER, force=True)
    assert "although it does harm, as it is forced" in forced.replace("\n", " ")
    assert "refused" not in forced
    assert forced == plan(replace(POWER, forced=True))
    impossible = plan(IMPOSSIBLE, force=True)
    assert "not possible: hub 1-1 (Terminus hub) says that it does not switch power" in impossible


def test_usb_asks_the_daemon(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "usb") == OK
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "Raspberry Pi 3 Model B Rev 1.2"
    assert printed.err == ""
    assert run(place, "usb", "--json") == OK
    assert json.loads(capsys.readouterr().out) == encode(USB)


def test_usb_without_a_daemon_looks_itself(place: Path, tmp_path: Path, capsys: Captured) -> None:
    assert run(place, "usb", "--json", "--config", str(tmp_path / "none.toml")) == OK
    printed = capsys.readouterr()
    assert "failberryd is not running" in printed.err
    assert json.loads(printed.out)["power"] is None


def test_the_plan_is_shown_and_nothing_done(
    place: Path, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    assert run(place, "modem", "power-cycle", "--dry-run") == ATTENTION
    assert "It would be refused" in capsys.readouterr().out
    assert run(place, "modem", "power-cycle", "--dry-run", "--force") == OK
    assert "although it does harm" in capsys.readouterr().out.replace("\n", " ")
    assert run(place, "modem", "power-cycle", "--json") == ATTENTION
    assert json.loads(capsys.readouterr().out) == encode(POWER)
    appliance.bus = replace(USB, power=HARMLESS)
    assert run(place, "modem", "power-cycle", "--dry-run") == OK
    appliance.bus = replace(USB, power=IMPOSSIBLE)
    assert run(place, "modem", "power-cycle", "--dry-run", "--force") == ATTENTION
    appliance.bus = replace(USB, power=None)
    assert run(place, "modem", "power-cycle", "--dry-run") == ATTENTION
    assert capsys.readouterr().err == "it is not known where the modem is\n"
    assert appliance.asked == []


# --- AT --------------------------------------------------------------------------------------------


def test_an_at_command_and_its_answer(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "modem", "at", "AT+CSQ") == OK
    assert capsys.readouterr() == ("+CSQ: 18,99\nOK\n", "")
    assert run(place, "modem", "at", "AT+CIMI") == ATTENTION
    assert capsys.readouterr() == ("+CME ERROR: 10\n", f"{AT_ERROR.meaning}\n")
    assert run(place, "modem", "at", "--json", "AT+CSQ") == OK
    assert json.loads(capsys.readouterr().out) == encode(AT_SIGNAL)
    assert appliance.asked == ["AT+CSQ", "AT+CIMI", "AT+CSQ"]


@pytest.mark.parametrize(
    "words",
    [
        ["modem", "at", "ATZ"],
        ["modem", "reset"],
        ["modem", "power-cycle", "--no-wait"],
        ["modem", "disable-cdrom", "--yes"],
    ],
)
def test_what_is_refused_says_why(
    place: Path, appliance: SimulatedAppliance, words: list[str], capsys: Captured
) -> None:
    appliance.refusal = "A session is up; use `failberryctl modem reset`."
    assert run(place, *words) == ATTENTION
    assert capsys.readouterr() == ("", f"{appliance.refusal}\n")
    assert appliance.asked == []


@pytest.mark.parametrize(
    "words", [["at", "AT+CSQ"], ["reset"], ["power-cycle"], ["redial"], ["disable-cdrom", "--yes"]]
)
def test_others_than_root_are_told(place: Path, words: list[str], capsys: Captured) -> None:
    simulated = SimulatedAppliance()
    with daemon(place, simulated, trusted=frozenset()):
        assert run(place, "modem", *words) == ATTENTION
    assert f"Only root may do that: `sudo failberryctl modem {words[0]}`" in capsys.readouterr().err
    assert simulated.asked == []


@pytest.mark.parametrize(
    "words", [["status"], ["signal"], ["reset"], ["at", "AT"], ["power-cycle", "--dry-run"]]
)
def test_without_a_daemon(place: Path, words: list[str], capsys: Captured) -> None:
    assert run(place, "modem", *words) == UNREACHABLE
    assert "failberryd is not running" in capsys.readouterr().err


# --- parts of the status ---------------------------------------------------------------------------


def test_modem_and_signal(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "modem", "status") == OK
    assert capsys.readouterr().out.startswith("Modem    connected")
    assert run(place, "modem", "status", "--json") == OK
    assert json.loads(capsys.readouterr().out)["modem"]["usb_path"] == "1-1.3"
    assert run(place, "modem", "signal") == OK
    assert capsys.readouterr().out.startswith("Signal   ")
    assert run(place, "modem", "signal", "--json") == OK
    assert json.loads(capsys.readouterr().out)["dbm"] == -71


# --- the CD-ROM ------------------------------------------------------------------------------------


def test_a_script_says_yes(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "modem", "disable-cdrom", "--yes") == OK
    told = capsys.readouterr().out.replace("\n", " ")
    assert "This sends AT+ZCDRUN=8 to the stick ZTE,Incorporated MF180." in told
    assert "useless brick" in told
    assert "AT+ZCDRUN=9 is said to bring it back, which nobody has verified" in told
    assert appliance.asked == ["cdrom confirmed=False", "cdrom confirmed=True"]


def test_without_a_terminal_nothing_is_sent(place: Path, appliance: SimulatedAppliance) -> None:
    words = [sys.executable, "-m", "failberry.ctl", "--socket", str(place), "modem", "disable-cdrom"]
    ended = subprocess.run(
        words, cwd=ROOT, input="yes\n", capture_output=True, check=False, text=True, timeout=DEADLINE
    )
    assert ended.returncode == ATTENTION
    assert "Scripts give --yes" in ended.stderr
    assert appliance.asked == ["cdrom confirmed=False"]


@pytest.mark.parametrize(
    ("typed", "code", "asked"),
    [
        (b"yes\n", OK, ["cdrom confirmed=False", "cdrom confirmed=True"]),
        (b"y\n", ATTENTION, ["cdrom confirmed=False"]),
        (b"\x04", ATTENTION, ["cdrom confirmed=False"]),
    ],
)
def test_at_a_terminal_the_word_decides(
    place: Path, appliance: SimulatedAppliance, typed: bytes, code: int, asked: list[str]
) -> None:
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "failberry.ctl", "--socket", str(place), "modem", "disable-cdrom"]
    with subprocess.Popen(words, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave) as program:
        os.close(slave)
        seen, give_up = b"", time.monotonic() + DEADLINE
        while b"Type yes" not in seen:
            assert select.select([master], [], [], give_up - time.monotonic())[0], seen
            seen += os.read(master, 1 << 16)
        os.write(master, typed)
        assert program.wait(DEADLINE) == code
    os.close(master)
    assert appliance.asked == asked
