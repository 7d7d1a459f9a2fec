"""The redactor by itself: what goes, what stays, and that nothing is lost of the rest."""

from __future__ import annotations

import pytest

from failberry.report.redact import Redacted, Secret, redact


def one(text: str, *secrets: Secret) -> str:
    return redact({"a": text}, secrets).texts["a"]


HARMLESS = """\
2026-11-22 10:44:32 the wired line is down: no answer for 5.0 s; 3 of 5 targets
default via 192.168.1.1 dev eth0 proto dhcp src 192.168.1.50 metric 100
inet 100.64.7.2/10 scope global fbcell0
inet6 fe80::1/64 scope link
nameserver 9.9.9.9
RX: bytes 1234567890 packets 9876543 errors 0 dropped 0
usb 1-1.3: New USB device found, idVendor=19d2, idProduct=0117, bcdDevice= 0.00
pci 0000:01:00.0: [1106:3483] type 00 class 0x0c0330
Linux 6.12.47+rpt-rpi-v8 #1 SMP PREEMPT Debian 1:6.12.47-1+rpt1 (2025-09-16) aarch64
pin = "********"
"pin_tries": 3, "state_for": 12345.678
/usr/lib/python3/dist-packages/failberry/adapters/inspection/network.py
"""


def test_what_tells_nothing_of_anybody_stays() -> None:
    assert one(HARMLESS) == HARMLESS


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("IMEI 352099001761481.", "IMEI [id-1]."),
        ("IMEI 35-209900-176148-1", "IMEI [id-1]"),
        ("ICCID 8949 0200 0012 3456 7892", "ICCID [id-1]"),
        ("call +49 (171) 234-5678 now", "call [number-1] now"),
        ("ether dc:a6:32:5e:7f:91 x", "ether dc:a6:32:[mac-1] x"),
        ("wlxdca6325e7f91: up", "wlxdca632[mac-1]: up"),
        ("inet 203.0.113.9/26", "inet [address-1]/26"),
        ("inet6 2001:db8::5/64", "inet6 [address-1]/64"),
        ("machine 0123456789abcdef0123456789abcdef", "machine [hex-1]"),
        ('password = "geheim"', 'password = "[secret-1]"'),
        ("AT+CPIN=\"4711\"", "AT+CPIN=\"[pin-1]\""),
        ("Authorization: Bearer abcdef123456", "Authorization: [secret-1] [token-1]"),
        ("see https://u:hunter22@x.example/", "see https://u:[password-1]@x.example/"),
    ],
)  # fmt: skip
def test_what_betrays_itself_goes_and_nothing_else(text: str, left: str) -> None:
    assert one(text) == left


def test_one_value_has_one_placeholder_in_every_text() -> None:
    done = redact({"a": "from 203.0.113.9 to 203.0.113.99", "b": "203-0-113-9.isp and 203.0.113.99"})
    assert done.texts == {"a": "from [address-1] to [address-2]", "b": "[address-1].isp and [address-2]"}
    assert done.counts == {"address": 2}


def test_what_one_text_gives_away_is_hunted_in_the_others() -> None:
    done = redact(
        {"a": "imei: 352099001761481", "b": "x 3520990\n01761481 y", "c": "333532303939303031373631343831"}
    )
    assert done.texts["b"] == "x [id-1]\n y"
    assert "3335" not in done.texts["c"]


def test_a_short_secret_is_not_sought_within_numbers() -> None:
    assert one("4711, 14711, 47110 x4711y", Secret("pin", "4711")) == "[pin-1], 14711, 47110 x[pin-1]y"


def test_lines_stay_where_they_were() -> None:
    done = one("a\nsec\nretword\nb\n", Secret("password", "secretword"))
    assert done == "a\n[password-1]\n\nb\n"


def test_blobs_that_hold_a_secret_go_as_a_whole() -> None:
    done = one("data: aW1laSAzNTIwOTkwMDE3NjE0ODEgaXMgbWluZQ== end")
    assert done == "data: [encoded-1] end"


def test_an_empty_bundle_and_odd_letters() -> None:
    assert redact({}) == Redacted(texts={}, counts={})
    assert one("İstanbul ẞ ß ﬁ \x00 \ud800", Secret("password", "İstanbulß")).count("password") == 1
