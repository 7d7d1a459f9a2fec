"""Names in the configuration against ports that are there."""

from __future__ import annotations

import pytest

from failberry.card import Lan
from failberry.config import Config, Mode, Wired
from failberry.system.ports import Port, assign, complete

HILINK = Port(name="usb0", driver="cdc_ether", vendor=0x12D1)
WIFI = Port(name="wlan0", wireless=True)
OLD_ADAPTER = Port(name="enx02", driver="cdc_ncm", vendor=0x0BDA)


def config(wired: str, lan: str = "") -> Config:
    if not lan:
        return Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface=wired))
    return Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface=wired), lan=Lan(interface=lan))


def ports(*names: str) -> list[Port]:
    return [Port(name=each) for each in names]


@pytest.mark.parametrize(
    ("wanted", "there", "renames"),
    [
        (config("onboard0"), ports("onboard0", "enx02"), ()),
        (config("eth0"), ports("onboard0", "enx02"), (("onboard0", "eth0"),)),
        (config("onboard0"), [*ports("ens3"), HILINK, WIFI], (("ens3", "onboard0"),)),
        (config("onboard0"), [OLD_ADAPTER, WIFI], (("enx02", "onboard0"),)),
        (config("eth1", "eth0"), ports("onboard0", "enx02"), (("onboard0", "eth0"), ("enx02", "eth1"))),
        (config("onboard0", "lan0"), ports("onboard0", "enx02"), (("enx02", "lan0"),)),
        (config("eth0", "enx02"), ports("ens3", "enx02"), (("ens3", "eth0"),)),
    ],
)
def test_where_there_is_no_doubt(
    wanted: Config, there: list[Port], renames: tuple[tuple[str, str], ...]
) -> None:
    found = assign(wanted, there, default=False)
    assert set(found.renames) == set(renames)
    assert found.problems == ()
    assert complete(wanted, there) == (not renames)


@pytest.mark.parametrize(
    ("wanted", "there", "problems"),
    [
        (
            config("onboard0"),
            ports("ens3", "ens4"),
            (
                'wired.interface is "onboard0", and there is no such port. '
                "Ethernet ports of this Pi: ens3, ens4.",
            ),
        ),
        # A name that says which piece of hardware it is belongs to that one, which may come later.
        (
            config("enx02"),
            ports("onboard0"),
            ('wired.interface is "enx02", and there is no such port. Ethernet ports of this Pi: onboard0.',),
        ),
        (
            config("wan0", "lan0"),
            [*ports("ens3"), HILINK],
            (
                'wired.interface is "wan0", and there is no such port. Ethernet ports of this Pi: ens3.',
                'lan.interface is "lan0", and there is no such port. Ethernet ports of this Pi: ens3.',
            ),
        ),
        (
            config("onboard0"),
            [HILINK, WIFI],
            ('wired.interface is "onboard0", and there is no such port. Ethernet ports of this Pi: none.',),
        ),
    ],
)
def test_where_there_is(wanted: Config, there: list[Port], problems: tuple[str, ...]) -> None:
    found = assign(wanted, there, default=False)
    assert found.renames == ()
    assert found.problems == problems


def test_by_default_the_first_of_several_is_taken() -> None:
    found = assign(config("onboard0"), ports("ens10", "ens3"), default=True)
    assert found.renames == (("ens3", "onboard0"),)
