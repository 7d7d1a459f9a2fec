"""The rule for ModemManager keeps in step with the table of makers."""

from __future__ import annotations

import re

from failberry.at import quirks
from failberry.core import ports
from tests.linters.tree import ROOT

RULES = (ROOT / "etc/udev/60-failberry-modems.rules").read_text()
LINE = (
    r'ATTR\{idVendor\}=="([0-9a-f]{4})"(?:, ATTR\{idProduct\}=="([0-9a-f|]+)")?, '
    r'ENV\{ID_MM_DEVICE_IGNORE\}="1"'
)


def test_every_modem_in_the_table_is_ours_and_no_other() -> None:
    ruled: set[tuple[int, int | None]] = set()
    for line in RULES.splitlines():
        if found := re.fullmatch(LINE, line):
            products = [int(each, 16) for each in found[2].split("|")] if found[2] else [None]
            ruled |= {(int(found[1], 16), product) for product in products}
    known = {
        (vendor, product)
        for quirk in quirks._QUIRKS
        for vendor in quirk.vendor_ids
        for product in (quirk.products or [None])
    }
    assert ruled == known, "cure: one line in etc/udev/60-failberry-modems.rules for each row of at/quirks.py"


def test_the_rule_is_for_the_whole_device_and_comes_before_modemmanagers_own() -> None:
    assert re.search(r'^ENV\{DEVTYPE\}!="usb_device", GOTO=', RULES, re.MULTILINE)
    assert RULES.rstrip().endswith('LABEL="failberry_modems_end"')


def test_the_sticks_are_those_of_our_drivers_and_of_all_makers_in_the_table() -> None:
    drivers = re.search(r'^DRIVERS=="([a-z_|]+)"', RULES, re.MULTILINE)
    assert drivers is not None
    assert set(drivers[1].split("|")) == ports.STICK_DRIVERS | {ports.DIALLED_DRIVER}
    makers = re.search(r'ATTRS\{idVendor\}=="([0-9a-f|]+)"', RULES)
    assert makers is not None
    told = {int(each, 16) for each in makers[1].split("|")}
    assert {vendor for quirk in quirks._QUIRKS for vendor in quirk.vendor_ids} <= told
    assert not told & ports.ETHERNET_CHIPS
