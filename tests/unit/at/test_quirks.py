"""Makers' deviations as rows; the recordings show that they fit."""

import pytest

from failberry.at import commands
from failberry.at.codec import Codec, Urc
from failberry.at.quirks import _QUIRKS, GENERIC, Quirk, quirk_for


@pytest.mark.parametrize(
    ("vendor_id", "product_id", "name", "ports"),
    [
        (0x19D2, 0x0031, "ZTE", (3, 1)),
        (0x19D2, 0x0117, "ZTE", (2, 1)),
        (0x19D2, 0x2003, "ZTE", (3, 1)),
        (0x19D2, 0xFFFF, "ZTE", (None, 1)),
        (0x12D1, 0x1001, "Huawei", (0, 2)),
        (0x12D1, 0x1506, "Huawei", (0, 1)),
        (0x12D1, 0xFFFF, "Huawei", (None, None)),
        (0x1199, 0x9071, "Sierra", (3, None)),
        (0x2C7C, 0x0125, "Quectel", (3, 2)),
        (0x05C6, 0x9215, "Quectel", (3, 2)),
        (0x1BC7, 0x1040, "Telit", (4, 5)),
        (0x1546, 0x1102, "u-blox", (0, 2)),
        (0x05C6, 0x908B, "u-blox", (1, 2)),
        (0x1E2D, 0x0061, "Cinterion", (0, 2)),
        (0x0E8D, 0x0001, "MediaTek", (None, None)),
        (0x05C6, 0x9000, "generic", (None, None)),
        (0, 0, "generic", (None, None)),
    ],
)
def test_rows_and_interfaces(
    vendor_id: int, product_id: int, name: str, ports: tuple[int | None, int | None]
) -> None:
    quirk = quirk_for(vendor_id, product_id)
    assert quirk.name == name
    assert quirk.ports_of(product_id) == ports


def test_the_manufacturer_decides_where_the_vendor_id_does_not() -> None:
    assert quirk_for(0x05C6, 0x0001, "QUALCOMM INCORPORATED") is GENERIC
    zte = quirk_for(0x05C6, 0x0031, "ZTE CORPORATION")
    assert zte.name == "ZTE"
    assert zte.pin_tries is commands.QUERY_ZTE_PIN_TRIES
    # ZTE's interface numbers belong to ZTE's product numbers.
    assert zte.ports_of(0x0031) == (None, None)
    assert quirk_for(0x12D1, 0x1506, "ZTE CORPORATION").name == "Huawei"


@pytest.mark.parametrize("quirk", [GENERIC, *_QUIRKS], ids=lambda quirk: quirk.name)
def test_each_row_can_be_used(quirk: Quirk) -> None:
    for text in quirk.init:
        commands.raw(text)
    assert quirk.iccid
    for product_id, ports in quirk.product_ports.items():
        assert ports.dial != ports.status
        assert quirk.products is None or product_id in quirk.products
    assert quirk.pin_tries is not None


def test_noise_never_is_an_answer_to_a_command_without_prefixes() -> None:
    for quirk in _QUIRKS:
        for start in quirk.noise:
            codec = Codec()
            codec.send("AT+CGMI")
            line = f"{start} 1" if start.endswith(":") else start
            assert codec.receive(f"\r\n{line}\r\n".encode()) == [Urc(line)]
