"""The wizard at a real terminal: asked, answered, written, tried."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import failberry
from failberry import configfile
from failberry.config import Mode
from failberry.control.answers import AtAnswer
from failberry.core.causes import Fault
from failberry.core.facts import PortRole
from failberry.core.snapshot import LineState
from failberry.ctl import ATTENTION, OK, WAITING
from tests.terminal.terminal import Terminal
from tests.unit.adapters.test_inspection import PROVIDERS, usb, write
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL, mobile_down

ROOT = Path(failberry.__file__).parents[1]
REFUSED = mobile_down(
    "missing or unknown APN",
    "wait",
    down_for=3.0,
    modem=replace(ALL_WELL.modem, fault=Fault.REFUSED, reason="missing or unknown APN", advice=""),
)


class House(SimulatedAppliance):
    """A daemon whose line comes up with the right APN, and not before."""

    def __init__(self, config: Path, wanted: str) -> None:
        super().__init__(snapshot=REFUSED)
        self._config, self._wanted = config, wanted

    async def reload(self) -> tuple[str, ...]:
        pending = await super().reload()
        right = configfile.load(self._config).cellular.apn == self._wanted
        self.snapshot = ALL_WELL if right else REFUSED
        return pending

    async def send_command(self, text: str) -> AtAnswer:
        lines = ("262011234567890",) if text == "AT+CIMI" else ()
        return AtAnswer(port=PortRole.STATUS, lines=lines, result="OK", ok=True, meaning="")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    device = usb(tmp_path, "1-1.3", vendor="19d2", product="0117", classes=("ff",), tty="ttyUSB0")
    write(device / "product", "MF180")
    write(device / "manufacturer", "ZTE")
    write(tmp_path / "usr/share/mobile-broadband-provider-info/serviceproviders.xml", PROVIDERS)
    return tmp_path


def wizard(machine: Path, *more: str) -> Terminal:
    words = [sys.executable, str(Path(__file__).with_name("wizarding.py")), str(machine)]
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return Terminal([*words, str(machine / "control"), str(machine / "failberry.toml"), *more], environment)


def begin(terminal: Terminal, *, pin: str = "", apn: str = "") -> None:
    """Beside the router, on the first interface."""
    terminal.hear("Where does this machine stand")
    terminal.hear(r"Number \[1\]: ")
    terminal.type("\n")
    terminal.hear("Which interface is the wired line")
    if "Number" in terminal.hear(r"Number \[\d\]: |its name: "):
        terminal.type("\n")
    else:
        terminal.type("eth0\n")
    terminal.hear("PIN of the SIM")
    terminal.hear("empty: none\\): ")
    terminal.type(f"{pin}\n")
    assert pin not in terminal.hear(r"and suggest\): ") or not pin
    terminal.type(f"{apn}\n")


def test_from_nothing_to_a_line_that_works(machine: Path) -> None:
    config = machine / "failberry.toml"
    house = House(config, "internet.t-d1.de")
    with daemon(machine / "control", house), wizard(machine) as terminal:
        terminal.hear(r"Found ZTE MF180 at USB 1-1\.3: a modem\.")
        begin(terminal, pin="4711")
        terminal.hear(r"Written:\s")
        terminal.hear("is not up: missing or unknown APN")
        terminal.hear("The SIM is of network 262-01. Its carriers use these APNs:")
        terminal.hear(r"1  internet\.t-d1\.de  Telekom")
        terminal.hear(r"Number \[1\]: ")
        terminal.type("7\n")
        terminal.hear("A number from 1 to 2, please")
        terminal.type("1\n")
        terminal.hear("The mobile line is up")
        assert terminal.ended() == OK
    made = configfile.load(config)
    assert (made.mode, made.cellular.apn, made.cellular.pin) == (
        Mode.STANDBY_GATEWAY, "internet.t-d1.de", "4711",
    )  # fmt: skip
    assert config.stat().st_mode & 0o777 == 0o600
    assert house.asked == ["reload", "redial"]
    assert not list(machine.glob("failberry.toml.*")), "what the wizard itself wrote needs no copy"


def test_a_configuration_that_is_there_is_copied_or_left(machine: Path) -> None:
    config = machine / "failberry.toml"
    config.write_text("# by hand\n")
    with wizard(machine) as terminal:
        terminal.hear("There is a configuration already")
        terminal.hear(r"yes or no \[no\]: ")
        terminal.type("\n")
        assert terminal.ended() == ATTENTION
    assert config.read_text() == "# by hand\n"
    with wizard(machine, "--no-start") as terminal:
        terminal.hear(r"yes or no \[no\]: ")
        terminal.type("yes\n")
        begin(terminal, apn="internet")
        terminal.hear("the one before is")
        assert terminal.ended() == OK
    (copy,) = machine.glob("failberry.toml.*")
    assert copy.read_text() == "# by hand\n"
    assert configfile.load(config).cellular.apn == "internet"


def test_an_answer_that_cannot_be_writes_nothing(machine: Path) -> None:
    with wizard(machine) as terminal:
        begin(terminal, pin="12", apn="internet")
        terminal.hear("cellular.pin")
        terminal.hear("Nothing was written")
        assert terminal.ended() == ATTENTION
    assert not (machine / "failberry.toml").exists()


def test_a_line_that_does_not_come_up_is_told_and_the_file_kept(machine: Path) -> None:
    silent = replace(REFUSED, cellular=replace(REFUSED.cellular, state=LineState.DOWN))
    with daemon(machine / "control", SimulatedAppliance(snapshot=silent)), wizard(machine) as terminal:
        begin(terminal, apn="internet")
        terminal.hear("is not up")
        terminal.hear("Another APN|use these APNs")
        terminal.hear(r"leave it so\): |Number \[1\]: ")
        terminal.type("\n")
        terminal.hear("failberryctl doctor", seconds=20)
        assert terminal.ended() == WAITING
    assert configfile.load(machine / "failberry.toml").cellular.apn == "internet"


def test_ctrl_c_ends_it(machine: Path) -> None:
    with wizard(machine) as terminal:
        terminal.hear(r"Number \[1\]: ")
        terminal.press_ctrl_c("Ended")
        assert terminal.ended() == ATTENTION
    assert not (machine / "failberry.toml").exists()
