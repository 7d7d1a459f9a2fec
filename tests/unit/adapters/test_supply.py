"""The power supply, from sysfs as the kernel lays it out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from failberry.adapters.supply import SupplyWatch
from failberry.core.events import SupplyObserved
from failberry.core.facts import Supply


class Pi:
    """A machine's sysfs, and what is told of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[SupplyObserved] = []
        self._watch = SupplyWatch(self.told.append, root)

    def put(self, path: str, words: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(f"{words}\n")

    def sensor(self, alarm: str, number: int = 1) -> None:
        self.put(f"class/hwmon/hwmon{number}/name", "rpi_volt")
        self.put(f"class/hwmon/hwmon{number}/in0_lcrit_alarm", alarm)

    def firmware(self, flags: str) -> None:
        self.put("devices/platform/soc/soc:firmware/get_throttled", flags)

    def port(self, hub: str, name: str, count: int) -> None:
        self.put(f"bus/usb/devices/{hub}/{name}/over_current_count", str(count))

    def look(self) -> list[Supply]:
        """What is told by one more look."""
        del self.told[:]
        self._watch.told(self._watch.look())
        return [each.supply for each in self.told]


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def test_other_machines_have_nothing_to_tell(pi: Pi) -> None:
    pi.put("class/hwmon/hwmon0/name", "coretemp")
    pi.put("class/hwmon/hwmon0/in0_lcrit_alarm", "1")
    assert pi.look() == []


def test_a_good_supply_is_no_news(pi: Pi) -> None:
    pi.sensor("0")
    pi.port("1-0:1.0", "usb1-port1", 0)
    assert pi.look() == []


def test_the_sensor_tells_of_now_and_is_remembered(pi: Pi) -> None:
    pi.sensor("1")
    assert pi.look() == [Supply(under_voltage=True, under_voltage_before=True)]
    assert pi.look() == []
    pi.sensor("0")
    assert pi.look() == [Supply(under_voltage=False, under_voltage_before=True)]
    assert pi.look() == []


def test_the_sensor_is_asked_rather_than_the_firmware(pi: Pi) -> None:
    pi.sensor("0", number=3)
    pi.firmware("50005")
    assert pi.look() == []


@pytest.mark.parametrize(
    ("flags", "supply"),
    [
        ("50005", Supply(under_voltage=True, under_voltage_before=True)),
        ("50000", Supply(under_voltage=False, under_voltage_before=True)),
        ("1", Supply(under_voltage=True, under_voltage_before=True)),
    ],
)
def test_the_firmware_tells_of_now_and_of_earlier(pi: Pi, flags: str, supply: Supply) -> None:
    pi.firmware(flags)
    assert pi.look() == [supply]
    pi.firmware("0")
    pi.look()
    assert pi.look() == []
    pi.firmware("1")
    assert pi.look() == [Supply(under_voltage=True, under_voltage_before=True)]


@pytest.mark.parametrize("flags", ["0", "e0008", "", "no number"])
def test_heat_and_nonsense_are_no_under_voltage(pi: Pi, flags: str) -> None:
    pi.firmware(flags)
    assert pi.look() == []


def test_over_current_is_the_sum_of_all_ports_and_only_grows(pi: Pi) -> None:
    pi.port("1-0:1.0", "usb1-port1", 0)
    pi.port("1-1:1.0", "1-1-port2", 2)
    pi.port("1-1:1.0", "1-1-port3", 1)
    assert pi.look() == [Supply(over_current=3)]
    pi.port("1-0:1.0", "usb1-port1", 1)
    assert pi.look() == [Supply(over_current=4)]
    shutil.rmtree(pi.root / "bus/usb/devices/1-1:1.0")  # the hub is reset, and counts anew
    assert pi.look() == []
    pi.port("1-1:1.0", "1-1-port2", 1)
    assert pi.look() == [Supply(over_current=5)]
    pi.port("1-1:1.0", "1-1-port2", 0)  # reset between two looks
    assert pi.look() == []
    pi.port("1-1:1.0", "1-1-port2", 1)
    assert pi.look() == [Supply(over_current=6)]
