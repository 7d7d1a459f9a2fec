"""Which values are possible; the wording of refusals is in test_config.py."""

from collections.abc import Callable
from typing import Any

import pytest

from failberry import checks

Check = Callable[[Any], str | None]


def cases(table: dict[Check, list[Any]]) -> list[tuple[Check, Any]]:
    return [(check, value) for check, values in table.items() for value in values]


@pytest.mark.parametrize(
    ("check", "value"),
    cases(
        {
            checks.interface_name: ["eth0", "end0", "enx001122334455", "eth0.10", "br-lan", "a_b", "x" * 15],
            checks.apn: ["", "internet", "internet.t-d1.de", "m2m_fixed", "apn@carrier", "x" * 100],
            checks.credential: ["", "web", 'o\'brien "x" \\', "pässword", "x" * 255],
            checks.pin: ["", "0000", "12345678"],
            checks.dial_string: ["*99#", "*99***1#", "T*99#", "*98*2#", "#777", "*9"],
            checks.Between(5, 10): [5, 10, 5.5],
            checks.Between(0, 600, whole=True): [0, 15, 15.0],
            checks.usb_path: ["", "1-1", "1-1.3", "2-1.4.4.4.4.4", "10-12"],
            checks.at_commands: [
                (),
                (
                    "AT+ZOPRT=5",
                    "at&f",
                    "ATE0 V1 &C1 &D2",
                    "AT^U2DIAG=0",
                    'AT+CGDCONT=1,"IP","d"',
                    "ATX4;+CMEE=1",
                ),
                ("AT+CFUN=1", "AT+COPS=0", "AT\\Q3", "AT%IPDPACT=1", "ATS0=0", "AT+QPING=1", "AT+WIND=0"),
                ("AT",) * 20,
            ],
            checks.baud: [9600, 115200, 460800, 4000000],
            checks.clients: [
                (),
                (
                    "02:00:00:AA:bb:cc",
                    "192.168.1.20",
                    "192.168.1.0/24",
                    "2001:db8::1",
                    "fd00::/8",
                    "0.0.0.0/0",
                ),
            ],
            checks.port_range: ["1", "443", "65535", "8000-8010", "443-443", "1-65535"],
            checks.forward_target: ["192.168.1.20", "10.0.0.1:1", "203.0.113.7:65535", "100.64.0.1"],
            checks.http_path: ["", "/w-5f0c7e", "/a/b", "/A._~9", "/" + "x" * 63],
        }
    ),
)
def test_possible(check: Check, value: Any) -> None:
    assert check(value) is None


@pytest.mark.parametrize(
    ("check", "value"),
    cases(
        {
            checks.interface_name: [
                "",
                ".",
                "..",
                "lo",
                "eth/0",
                "eth 0",
                "eth0\n",
                "eth:0",
                "x" * 16,
                "*",
                "eth+",
                'e"',
            ],
            checks.apn: ["a b", 'a"b', "a\rb", "a;b", "a,b", "a\\b", "a'b", "ä", "x" * 101, " "],
            checks.credential: ["a\nb", "\0", "\x7f", "x" * 256, "ä" * 128, "a\u2028b"],
            checks.pin: ["1", "123", "123456789", "12a4", " 1234", "1234\n", "١٢٣٤"],
            checks.dial_string: [
                "",
                "99",
                "0123456",
                "*99#;",
                "ATD*99#",
                "atdt*99#",
                "*",
                "*99#\r",
                "*" * 50,
                "W*99#",
                "**04*1234*4321*4321#",
                "*#06#",
                "##002#",
            ],
            checks.Between(5, 10): [4, 11, -5, 4.999, float("nan"), float("inf"), float("-inf"), 10**400],
            checks.Between(0, 600, whole=True): [0.5, 601, float("nan")],
            checks.usb_path: [
                "usb1",
                "1",
                "1-",
                "1-1.",
                "/dev/ttyUSB2",
                "ttyUSB0",
                "1-1:1.0",
                "1-1.1.1.1.1.1.1",
                " ",
            ],
            checks.at_commands: [
                ("",),
                ("A/",),
                ("Z",),
                ("AT+CPIN=1234",),
                ("at+c p i n = 1234",),
                ("AT+CMEE=1;+CPIN=1234",),
                ('AT+CLCK="SC",0,"1234"',),
                ('AT+CPWD="SC","1234","4321"',),
                ("AT+CPIN?",),
                ("AT+EPIN=1,1234",),
                ("AT^CARDUNLOCK=1",),
                ('AT+ZNCK="12345678"',),
                ('AT+CSIM=26,"0020000108"',),
                ("ATD*99#",),
                ("atdt 123;",),
                ("ATE0D*99#",),
                ("AT&C1 D123",),
                ("ATS0=0D123",),
                ('AT+CGDCONT=1,"IP","d";D*99#',),
                ("AT&W",),
                ("ATE0 & w 1",),
                ("+++",),
                ("AT+++",),
                ("AT\rATD*99#",),
                ("AT\x1a",),
                ("ATä",),
                ("AT+" + "X" * 200,),
                ("AT",) * 21,
            ],
            checks.baud: [0, -1, 1, 56000, 10**400],
            checks.clients: [
                ("",),
                ("nas",),
                ("192.168.1",),
                ("192.168.1.7/24",),
                ("02-00-00-aa-bb-cc",),
                ("02:00:00:aa:bb",),
                ("01:00:5e:00:00:01",),
                ("ff:ff:ff:ff:ff:ff",),
                ("fe80::1%eth0",),
                ("192.168.1.20", "x"),
            ],
            checks.port_range: [
                "",
                "0",
                "65536",
                "-1",
                "1-",
                "2-1",
                "1-65536",
                "80,443",
                "http",
                "1 - 2",
                "٤٤٣",
                "80\n",
            ],
            checks.forward_target: [
                "",
                "nas",
                "0.0.0.0",
                "0.1.2.3",
                "127.0.0.1",
                "224.0.0.1",
                "255.255.255.255",
                "192.168.1.20:",
                "192.168.1.20:0",
                "192.168.1.20:65536",
                "192.168.1.20:http",
                "192.168.1.20:80:80",
                "192.168.1.20:80-90",
                "fd00::1",
                "[fd00::1]:80",
                "192.168.1.020",
            ],
            checks.http_path: [
                "/",
                "x",
                "/a b",
                "/ä",
                "/a?b",
                "/a#b",
                "/a\r\n",
                "/%41",
                "/" + "x" * 64,
                "//\0",
            ],
        }
    ),
)
def test_impossible(check: Check, value: Any) -> None:
    answer = check(value)
    assert answer is not None
    problem, semicolon, cure = answer.rpartition("; ")
    assert problem
    assert semicolon
    assert cure
    assert answer.isprintable()
    assert len(answer) < 200


@pytest.mark.parametrize(
    ("check", "value", "secret"),
    [
        (checks.pin, "4711-", "4711"),
        (checks.credential, "geheim\n", "geheim"),
        (checks.credential, "geheim" * 50, "geheim"),
        (checks.http_path, "/geheim?", "geheim"),
        (checks.at_commands, ("AT+CPIN=4711",), "4711"),
        (checks.at_commands, ("+CPIN=4711",), "4711"),
        (checks.at_commands, ("AT+CPIN=4711\r",), "4711"),
        (checks.at_commands, ("AT+CPIN=4711" * 20,), "4711"),
    ],
)
def test_secrets_are_not_quoted(check: Check, value: Any, secret: str) -> None:
    answer = check(value)
    assert answer is not None
    assert secret not in answer


@pytest.mark.parametrize("check", [checks.Between(1, 2), checks.baud])
def test_a_number_too_large_to_be_printed(check: Check) -> None:
    """TOML's hexadecimal numbers have no limit in tomllib, str() has one of 4,300 digits."""
    answer = check(1 << 100_000)
    assert answer is not None
    assert answer.startswith("that number is ")


def test_limits_in_words() -> None:
    assert str(checks.Between(-1, 31)) == "-1 to 31"


@pytest.mark.parametrize("good", [(), ("1-1:2",), ("usb1:1", "2-1.4:12")])
def test_hub_ports(good: tuple[str, ...]) -> None:
    assert checks.usb_ports(good) is None


@pytest.mark.parametrize("bad", ["1-1", "1-1:", "1-1:0", "1-1:a", ":2", "usb:1", "/dev/usb:1", "1-1:2:3"])
def test_what_is_no_hub_port(bad: str) -> None:
    assert "write it as hub:port" in (checks.usb_ports(("1-1:2", bad)) or "")


@pytest.mark.parametrize("good", [("1.1.1.1",), ("2001:db8::1", "192.0.2.1")])
def test_probe_targets(good: tuple[str, ...]) -> None:
    assert checks.probe_targets(good) is None


@pytest.mark.parametrize(
    "bad", [(), ("1.1.1.1",) * 9, ("one.one",), ("127.0.0.1",), ("224.0.0.1",), ("fe80::1",)]
)
def test_what_is_no_probe_target(bad: tuple[str, ...]) -> None:
    assert checks.probe_targets(bad)
