"""What the doctor's adapter reads: made-up machines in folders, answers of other programs as they come."""

from __future__ import annotations

import sqlite3
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from failberry.adapters.inspection import dhcpservers, machine, network, sim
from failberry.adapters.inspection.daemon import Unasked, listen_to
from failberry.adapters.inspection.programs import output
from failberry.config import Cellular, Config, Mode, Wired
from failberry.control.document import encode
from failberry.doctor.evidence import Provider, Unit
from failberry.doctor.ruleset import ForeignRule, saved
from tests.unit.ctl.scenarios import ALL_WELL, mobile_down
from tests.unit.doctor.houses import LEGACY

PROVIDERS = """\
<?xml version="1.0"?>
<serviceproviders format="2.0"><country code="de">
<provider><name>Telekom</name><gsm><network-id mcc="262" mnc="01"/>
  <apn value="internet.t-d1.de"><usage type="internet"/><username>tm</username></apn>
  <apn value="mms.t-d1.de"><usage type="mms"/></apn></gsm></provider>
<provider><name>Other</name><gsm><network-id mcc="262" mnc="02"/>
  <apn value="web.vodafone.de"/></gsm></provider>
<provider><name>Three digits</name><gsm><network-id mcc="310" mnc="410"/>
  <apn value="broadband"/></gsm></provider>
</country></serviceproviders>
"""
SHOWN = """\
Id=failberry.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=enabled
Result=watchdog
NRestarts=4

Id=failberry-dns.socket
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
Result=success
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def usb(root: Path, path: str, *, vendor: str, product: str, classes: tuple[str, ...], tty: str = "") -> Path:
    device = root / "sys/bus/usb/devices" / path
    for name, text in (
        ("idVendor", vendor),
        ("idProduct", product),
        ("bDeviceClass", "00"),
        ("dev", "189:3"),
    ):
        write(device / name, text)
    for number, kind in enumerate(classes):
        interface = root / "sys/bus/usb/devices" / f"{path}:1.{number}"
        write(interface / "bInterfaceNumber", f"{number:02x}")
        write(interface / "bInterfaceClass", kind)
        if tty and not number:
            (interface / tty).mkdir()
    return device


def test_sticks_of_every_kind(tmp_path: Path) -> None:
    assert machine.sticks(tmp_path, None) is None
    usb(tmp_path, "1-1", vendor="19d2", product="0117", classes=("ff",), tty="ttyUSB0")
    usb(tmp_path, "1-2", vendor="12d1", product="1f01", classes=("08",))
    usb(tmp_path, "1-3", vendor="2c7c", product="0125", classes=("ff",))
    usb(tmp_path, "1-4", vendor="046d", product="c31c", classes=("03",))
    write(tmp_path / "run/udev/data/c189:3", "E:ID_VENDOR=ZTE\nE:ID_MM_DEVICE_IGNORE=1\n")
    found = {each.path: each for each in machine.sticks(tmp_path, None) or ()}
    assert found.keys() == {"1-1", "1-2", "1-3"}, "a keyboard is none"
    assert found["1-1"].ttys == ("/dev/ttyUSB0",)
    assert found["1-1"].kept_from_modemmanager is True
    assert found["1-2"].storage_only
    assert found["1-3"].driverless
    write(tmp_path / "run/udev/data/c189:3", "E:ID_VENDOR=ZTE\n")
    assert {each.kept_from_modemmanager for each in machine.sticks(tmp_path, None) or ()} == {False}


def test_programs_that_hold_a_port_or_dial(tmp_path: Path) -> None:
    for pid, name, command, held in (
        (10, "minicom", b"minicom\0-D\0/dev/ttyUSB1\0", "/dev/ttyUSB1"),
        (11, "ModemManager", b"/usr/sbin/ModemManager\0", ""),
        (12, "bash", b"bash\0/usr/bin/sakis3g\0connect\0", ""),
        (13, "vi", b"vi\0wvdial.conf\0", "/dev/pts/0"),
    ):
        write(tmp_path / f"proc/{pid}/comm", name)
        (tmp_path / f"proc/{pid}/cmdline").write_bytes(command)
        (tmp_path / f"proc/{pid}/fd").mkdir()
        if held:
            (tmp_path / f"proc/{pid}/fd/3").symlink_to(held)
    found = {each.pid: each for each in machine.programs(tmp_path)}
    assert found.keys() == {10, 11, 12}
    assert found[10].ttys == ("/dev/ttyUSB1",)


def test_connections_that_networkmanager_would_dial(tmp_path: Path) -> None:
    folder = tmp_path / "etc/NetworkManager/system-connections"
    write(folder / "o2.nmconnection", "[connection]\ntype=gsm\n[gsm]\napn=internet\n")
    write(folder / "wifi.nmconnection", "[connection]\ntype=wifi\n")
    write(folder / "by-hand.nmconnection", "[connection]\ntype=gsm\nautoconnect=false\n")
    assert machine.profiles(tmp_path) == ("/etc/NetworkManager/system-connections/o2.nmconnection",)


def test_sensors_of_a_raspberry_pi(tmp_path: Path) -> None:
    write(tmp_path / "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    write(tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    write(tmp_path / "proc/device-tree/model", "Raspberry Pi 3 Model B Rev 1.2\0")
    write(tmp_path / "sys/bus/usb/devices/1-1:1.0/1-1-port2/over_current_count", "3\n")
    told = machine.sensors(tmp_path)
    assert (told.model, told.under_voltage) == ("Raspberry Pi 3 Model B Rev 1.2", True)
    assert [(place.rpartition("/")[2], count) for place, count in told.over_current] == [("1-1-port2", 3)]


def test_units_as_systemctl_shows_them() -> None:
    assert machine.parse_units(SHOWN) == (
        Unit(name="failberry.service", active="failed", sub="failed", result="watchdog", restarts=4),
        Unit(name="failberry-dns.socket", load="not-found", active="inactive", sub="dead", enabled=""),
    )
    assert machine.parse_units("") == ()


def test_the_disk_of_a_folder(tmp_path: Path) -> None:
    (disk,) = machine.disks(tmp_path, tmp_path / "nowhere")
    assert 0 <= disk.free <= disk.size
    assert not disk.read_only


def test_programs_that_are_not_there_or_fail_say_nothing() -> None:
    assert output("/nonexistent") is None
    assert output("false") is None
    assert output("echo", "so") == "so\n"
    assert output("sleep", "30", seconds=0.05) is None


def test_name_servers_of_this_machine(tmp_path: Path) -> None:
    write(
        tmp_path / "resolv.conf", "# ours\nsearch lan\nnameserver 192.0.2.1\nnameserver 192.0.2.2 # second\n"
    )
    assert network.resolvers(tmp_path / "resolv.conf") == ("192.0.2.1", "192.0.2.2")
    assert network.resolvers(tmp_path / "none") == ()


def test_a_name_server_that_is_none_is_told() -> None:
    told = network.ask_names(None, "", ("not an address",), "example.com")
    assert not told.answered
    assert "not an address" in told.problems[0]


# --- SIM and APN -----------------------------------------------------------------------------------


def test_providers_by_the_beginning_of_an_imsi(tmp_path: Path) -> None:
    write(tmp_path / "list.xml", PROVIDERS)
    telekom = Provider(name="Telekom", apn="internet.t-d1.de", user="tm")
    assert sim.find("262011", tmp_path / "list.xml") == ("26201", (telekom,))
    assert sim.find("310410", tmp_path / "list.xml") == (
        "310410",
        (Provider(name="Three digits", apn="broadband"),),
    )
    assert sim.find("999999", tmp_path / "list.xml") == ("99999", ())
    assert sim.find("262011", tmp_path / "none.xml") == ("26201", None)
    write(tmp_path / "broken.xml", "<serviceproviders>")
    assert sim.find("262011", tmp_path / "broken.xml") == ("26201", None)


class Modem:
    """A daemon whose modem answers."""

    def __init__(self, answers: dict[str, tuple[str, ...]]) -> None:
        self._answers = answers

    def __call__(self, method: str, patience: float = 10.0, **parameters: Any) -> dict[str, Any] | Unasked:
        lines = self._answers.get(str(parameters.get("command")))
        if lines is None:
            return Unasked(why="not now")
        return {"answer": {"ok": True, "lines": list(lines), "result": "OK"}}


def test_what_modem_and_sim_say() -> None:
    modem = Modem(
        {"AT+CGDCONT?": ('+CGDCONT: 1,"IP","web.vodafone.de","",0,0',), "AT+CIMI": ("262021234567890",)}
    )
    assert sim.stored_apn(modem) == "web.vodafone.de"
    assert sim.issuer(modem) == "262021"
    assert sim.stored_apn(Modem({"AT+CGDCONT?": ('+CGDCONT: 1,"IP",""',)})) == ""
    assert sim.stored_apn(Modem({"AT+CGDCONT?": ()})) == ""
    assert sim.stored_apn(Modem({})) is None
    assert sim.issuer(Modem({})) == ""


def test_a_line_that_works_is_left_in_peace(tmp_path: Path) -> None:
    from failberry.adapters.inspection import Places

    places = Places(state=tmp_path, root=tmp_path)
    config = Config(
        mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), cellular=Cellular(apn="internet")
    )
    modem = Modem({"AT+CIMI": ("262021234567890",)})
    assert sim.facts(modem, config, ALL_WELL, places).home == ""
    down = mobile_down("refused", "wait", down_for=3.0, modem=ALL_WELL.modem)
    asked = sim.facts(modem, Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0")), down, places)
    assert asked.home == "26202"


def test_refused_pins_are_counted_without_making_a_file(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    assert sim.refused_pins(file) == 0
    assert not file.exists()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE pin_record (sim TEXT, pin TEXT, state TEXT)")
        database.executemany(
            "INSERT INTO pin_record VALUES (?, ?, ?)", [("a", "x", "good"), ("a", "y", "refused")]
        )
    database.close()
    assert sim.refused_pins(file) == 1
    file.write_text("no database")
    assert sim.refused_pins(file) == 0


# --- the daemon ------------------------------------------------------------------------------------


def test_what_the_daemon_says() -> None:
    def well(method: str, patience: float = 10.0, **_: Any) -> dict[str, Any] | Unasked:
        if method == "GetUsb":
            return {
                "usb": {
                    "power": {"plan": {"impossible": ""}, "refusal": "a disk hangs there", "forced": False}
                }
            }
        return {"status": encode(ALL_WELL)}

    told = listen_to(well, power=True)
    assert told.status == ALL_WELL
    assert told.no_power_switch == "a disk hangs there"
    assert listen_to(well, power=False).no_power_switch == ""
    stopped = listen_to(lambda method, patience=10.0, **_: Unasked(why="no socket", stopped=True), power=True)
    assert (stopped.status, stopped.stopped, stopped.problem) == (None, True, "no socket")
    odd = listen_to(lambda method, patience=10.0, **_: {"status": {"version": 9}}, power=True)
    assert "does not read" in odd.problem


# --- DHCP and old rules ----------------------------------------------------------------------------


def offer(number: bytes, server: str, gateway: str) -> bytes:
    options = bytes((53, 1, 2, 54, 4)) + IPv4Address(server).packed
    options += bytes((0, 3, 4)) + IPv4Address(gateway).packed + b"\xff"
    message = b"\x02\x01\x06\x00" + number + bytes(228) + bytes((99, 130, 83, 99)) + options
    datagram = b"\x00\x43\x00\x44" + bytes(4) + message
    return b"\x45" + bytes(8) + b"\x11" + bytes(2) + IPv4Address("192.0.2.9").packed + b"\xff" * 4 + datagram


def test_offers_are_read_and_nothing_else_is() -> None:
    good = offer(b"abcd", "192.0.2.1", "192.0.2.254")
    assert dhcpservers.read(good, b"abcd") == (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.254"))
    assert dhcpservers.read(good, b"none") is None, "to somebody else"
    for end in range(len(good) - 1):
        dhcpservers.read(good[:end], b"abcd")  # never raises
    assert dhcpservers.read(good[:260], b"abcd") is None
    question = dhcpservers.discovery(b"\x02abcde", b"abcd")
    assert dhcpservers.read(question, b"abcd") is None, "our own"
    assert len(question) == 20 + 8 + 240 + 7
    assert dhcpservers._sum(question[:20]) == 0


def test_a_server_of_our_own_is_known_by_its_port(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address\n"
    write(tmp_path / "udp", head + " 1: 00000000:0044 00000000:0000\n")
    assert not dhcpservers.serves(tmp_path / "udp")
    write(tmp_path / "udp", head + " 1: 0107A8C0:0043 00000000:0000\n")
    assert dhcpservers.serves(tmp_path / "udp")


def test_rules_as_old_iptables_saves_them() -> None:
    chains = {each.name: each for each in saved(LEGACY)}
    assert chains["FORWARD"].policy == "drop"
    assert chains["FORWARD"].rules == (
        ForeignRule(verdict="accept", chain="FORWARD", inputs=("wg0",), conditions=1),
        ForeignRule(verdict="reject", chain="FORWARD", ports=((25, 25),), conditions=1),
    )
