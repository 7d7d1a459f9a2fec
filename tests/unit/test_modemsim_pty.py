"""The simulator as a process: pseudo terminals, a real serial library, the control socket."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from tests.modemsim.ctl import request

ROOT = Path(__file__).parents[2]
DEADLINE = 10.0


class Simulator:
    def __init__(self, folder, *options):
        self.folder = folder
        self.control = str(folder / "control")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.modemsim", "--pty", "--link-dir", str(folder), "--ppp", "none",
             "--control", self.control, "--state", str(folder / "state.json"), *options],
            cwd=ROOT, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert json.loads(self.process.stdout.readline())["control"] == self.control

    def open(self, number):
        return serial.Serial(str(self.folder / f"ttyUSB{number}"), timeout=DEADLINE)

    def do(self, op, **fields):
        return request(self.control, op, **fields)

    def wait_for(self, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition(answer := self.do("get")):
            assert time.monotonic() < deadline, answer
            time.sleep(0.01)

    def mode(self, number):
        return self.do("get")["state"]["ports"][number]["mode"]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0
        self.process.stdout.close()


@pytest.fixture
def simulator(tmp_path):
    running = Simulator(tmp_path, "--config", json.dumps({"pin_enabled": True, "apns": ["direct"]}))
    yield running
    if running.process.poll() is None:
        running.end()


def ask(port, line, until=b"OK\r\n"):
    port.write(line.encode() + b"\r")
    return port.read_until(until)


def test_a_session_over_pseudo_terminals_and_all_that_can_be_told_meanwhile(simulator):
    with simulator.open(2) as port:
        ask(port, "ATE0")
        assert ask(port, "AT+CPIN=9999", b"ERROR\r\n") == b"\r\nERROR\r\n"
        ask(port, "AT+CPIN=1234")
        ask(port, 'AT+CPMS?;+CGDCONT=1,"IP","direct"')
        port.reset_input_buffer()
        assert ask(port, "ATD*99#", b"7200000\r\n") == b"\r\nCONNECT 7200000\r\n"
        port.write(b"~ppp~")
        simulator.wait_for(lambda answer: answer["state"]["ports"][2]["ppp"] == b"~ppp~".hex())
        simulator.do("hang_up")
        assert port.read_until(b"CARRIER\r\n") == b"\r\nNO CARRIER\r\n"
        simulator.do("set", silent="true")
        port.write(b"AT\r")
        simulator.do("set", silent="false", registration="roaming")
        assert b"ROAM_ON" in port.read_until(b"ROAM_ON")
        simulator.do("urc", text="+CMTI: 1")
        assert port.read_until(b"+CMTI: 1\r\n").endswith(b"\r\n+CMTI: 1\r\n")
        ask(port, "ATD*99#", b"7200000\r\n")
        assert simulator.mode(2) == "data"
    # Closing the port drops DTR, which ends the call.
    simulator.wait_for(lambda answer: answer["state"]["ports"][2]["mode"] == "command")
    answer = simulator.do("get")
    assert answer["counters"]["pin_attempts"] == 2
    assert [entry["line"] for entry in answer["log"] if "CPIN" in entry["line"]] == [
        "AT+CPIN=9999",
        "AT+CPIN=1234",
    ]
    with pytest.raises(ValueError, match="no such field: colour"):
        simulator.do("set", colour="red")
    with pytest.raises(ValueError, match="an object with an op"):
        simulator.do("explode")


def test_a_power_cycle_takes_the_ports_away_and_a_restart_keeps_the_tries(simulator, tmp_path):
    with simulator.open(1) as port:
        ask(port, "AT+CPIN=9999", b"ERROR\r\n")
        before = (tmp_path / "ttyUSB1").readlink()
        simulator.do("power_cycle", off_for=0.1)
        assert not (tmp_path / "ttyUSB1").is_symlink()
        with pytest.raises(serial.SerialException):
            port.read_until(b"never")
    simulator.wait_for(lambda _: (tmp_path / "ttyUSB1").is_symlink())
    assert before.parent == Path("/dev/pts")
    simulator.do("power_off")
    assert not (tmp_path / "ttyUSB1").is_symlink()
    simulator.end()
    again = Simulator(tmp_path, "--config", json.dumps({"pin_enabled": True}))
    with again.open(1) as port:
        assert b"+ZPINPUK: 2,10" in ask(port, "AT+ZPINPUK=?")
    again.end()


def test_power_dtr_and_carrier_detect_over_the_bus_of_another_program(tmp_path):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "bus"))
        door.listen()
        door.settimeout(DEADLINE)
        simulator = Simulator(tmp_path, "--bus", str(tmp_path / "bus"))
        bus, _ = door.accept()
    with bus, bus.makefile("r") as lines, simulator.open(2) as port:
        bus.settimeout(DEADLINE)

        def powered(*, on):
            simulator.wait_for(lambda answer: answer["state"]["powered"] is on)

        powered(on=False)
        bus.sendall(b"usb off\npower on\n")
        powered(on=True)
        assert [lines.readline(), lines.readline()] == ["firmware\n", "show modem\n"]
        ask(port, "AT+CPMS?;E0")
        ask(port, "ATD*99#", b"7200000\r\n")
        assert lines.readline() == "dcd 2 1\n"
        bus.sendall(b"dtr 2 0\n")
        assert port.read_until(b"CARRIER\r\n") == b"\r\nNO CARRIER\r\n"
        assert lines.readline() == "dcd 2 0\n"
        # The host has reset the device, and it is back already.
        ask(port, "ATD*99#", b"7200000\r\n")
        assert lines.readline() == "dcd 2 1\n"
        bus.sendall(b"reset\n")
        assert lines.readline() == "dcd 2 0\n"
        simulator.do("power_cycle", off_for=0.01)
        assert [lines.readline(), lines.readline()] == ["show nothing\n", "show modem\n"]
        simulator.do("set", cd_rom=True)
        bus.sendall(b"power off\npower on\n")
        assert [lines.readline(), lines.readline()] == ["show nothing\n", "show cd_rom\n"]
        bus.sendall(b"switch\n")
        assert [lines.readline(), lines.readline()] == ["show nothing\n", "show modem\n"]
        bus.sendall(b"power off\n")
        powered(on=False)
        simulator.end()


def test_the_command_line_client(simulator, capfd):
    command = [sys.executable, "-m", "tests.modemsim.ctl", "--control", simulator.control]
    assert subprocess.run([*command, "set", "pin=4321", "apns=a,b"], cwd=ROOT, check=False).returncode == 0
    assert subprocess.run([*command, "get", "state"], cwd=ROOT, check=False).returncode == 0
    state = json.loads(capfd.readouterr().out)
    assert state["sim"]["pin"] == "4321"
    assert state["network"]["apns"] == ["a", "b"]
    assert subprocess.run([*command, "set", "signal=strong"], cwd=ROOT, check=False).returncode == 1
    assert "signal: 'strong' is not a int" in capfd.readouterr().err
