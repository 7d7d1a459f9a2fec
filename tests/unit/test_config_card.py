"""[system] and [lan] of the SD-card image: which values are possible, and what is said of the others."""

import base64
import struct
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from failberry import cardchecks, configfile
from failberry.card import System
from failberry.cardrules import card_faults
from failberry.configfile import config_from_text, warnings
from failberry.errors import ConfigError
from failberry.loginkeys import NoKeyError, holds_private_key, login_key

Check = Callable[[Any], str | None]

MINIMAL = 'mode = "standby-gateway"\nwired.interface = "eth0"\n'
ROUTER = 'mode = "dual-wan-router"\nwired.interface = "eth0"\n[lan]\ninterface = "eth1"\n'


def blob(*fields: bytes) -> str:
    return base64.b64encode(b"".join(struct.pack("!I", len(each)) + each for each in fields)).decode()


ED25519 = "ssh-ed25519 " + blob(b"ssh-ed25519", bytes(range(32)))
RSA = "ssh-rsa " + blob(b"ssh-rsa", b"\1\0\1", b"\0\xff" + bytes(255))


def cases(table: dict[Check, list[Any]]) -> list[tuple[Check, Any]]:
    return [(check, value) for check, values in table.items() for value in values]


@pytest.mark.parametrize(
    ("check", "value"),
    cases(
        {
            cardchecks.host_label: ["failberry", "Pi-4", "4pi", "a", "x" * 63],
            cardchecks.zone_name: ["UTC", "Etc/UTC", "Etc/GMT+12", "America/Argentina/Buenos_Aires"],
            cardchecks.wired_address: ["", "192.168.1.2/24", "10.1.2.3/8", "172.16.0.1/30"],
            cardchecks.lan_address: ["192.168.7.1/24", "203.0.113.9/28"],
            cardchecks.gateway: ["", "192.168.1.1"],
            cardchecks.address_range: ["", "10.0.0.5-10.0.0.9", "10.0.0.5 - 10.0.0.5"],
            cardchecks.hosts: [(), ("02:00:00:AA:bb:cc 10.0.0.7 nas", "02:00:00:aa:bb:cd  10.0.0.8")],
            cardchecks.window: ["03:00-05:00", "23:30-00:30", "00:00-23:59"],
            cardchecks.few_keys: [(), ("x",) * 16],
        }
    ),
)
def test_possible(check: Check, value: Any) -> None:
    assert check(value) is None


@pytest.mark.parametrize(
    ("check", "value"),
    cases(
        {
            cardchecks.host_label: [
                "",
                "-a",
                "a-",
                "a_b",
                "a b",
                "pi.lan",
                "x" * 64,
                "192",
                "localhost",
                "ä",
                "a\n",
            ],
            cardchecks.zone_name: [
                "",
                "MEZ+1/..",
                "../etc/passwd",
                "/Europe/Berlin",
                "Europe/Berlin\n",
                "a b",
            ],
            cardchecks.wired_address: [
                "192.168.1.2",
                "192.168.1/24",
                "192.168.1.0/24",
                "192.168.1.255/24",
                "192.168.1.2/255.255.255.0",
                "192.168.1.2/31",
                "10.0.0.1/7",
                "127.0.0.1/8",
                "169.254.0.2/16",
                "fd00::1/64",
                "dhcp",
            ],
            cardchecks.lan_address: ["", "0.0.0.1/24", "224.0.0.1/24"],
            cardchecks.gateway: ["router", "192.168.1.1/24", "127.0.0.1", "0.0.0.0"],
            cardchecks.address_range: ["10.0.0.5", "10.0.0.9-10.0.0.5", "10.0.0.5-9", "a-b", "1-2-3"],
            cardchecks.hosts: [
                ("nas",),
                ("10.0.0.7 02:00:00:aa:bb:cc",),
                ("01:00:5e:00:00:01 10.0.0.7",),
                ("02:00:00:aa:bb:cc nas",),
                ("02:00:00:aa:bb:cc 10.0.0.7 a_b",),
                ("02:00:00:aa:bb:cc 10.0.0.7 a b",),
                ("02:00:00:aa:bb:cc 10.0.0.7",) * 65,
            ],
            cardchecks.window: [
                "",
                "3-5",
                "03:00",
                "24:00-25:00",
                "03:00-03:00",
                "03:00-03:29",
                "03:00–05:00",
            ],
            cardchecks.few_keys: [("x",) * 17],
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


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_from_text(dedent(text), path="f")
    return "".join(line.removeprefix("f: ") + "\n" for line in str(caught.value).split("\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[system]\ntimezone = "Europe/Berln"\n',
            'line 4: system.timezone: there is no time zone "Europe/Berln" (write continent and city; did '
            'you mean "Europe/Berlin"?)\n',
        ),
        (
            '[system]\ntimezone = "berlin"\n',
            'line 4: system.timezone: there is no time zone "berlin" (write continent and city; did you mean '
            '"Europe/Berlin"?)\n',
        ),
        (
            '[system]\ngateway = "192.168.1.1"\n',
            "line 4: system.gateway: has no address beside it, and DHCP tells the gateway (add address = "
            '"…" under [system], or remove the gateway)\n',
        ),
        (
            '[system]\naddress = "192.168.1.2/24"\n',
            "line 4: system.address: has no gateway beside it, so the wired line would lead nowhere (add "
            "gateway under [system], the router's address in 192.168.1.0/24)\n"
            "line 4: system.address: has no name servers beside it, and without DHCP nobody tells them (add "
            'name_servers = ["…"] under [system]; in a house the router is one)\n',
        ),
        (
            '[system]\naddress = "192.168.1.2/24"\ngateway = "192.168.2.1"\nname_servers = ["192.168.2.1"]\n',
            'line 5: system.gateway: "192.168.2.1" is not in 192.168.1.0/24, the network of system.address '
            "(correct one of the two; the router must be in the Pi's own network)\n",
        ),
        (
            '[system]\naddress = "192.168.1.2/24"\ngateway = "192.168.1.2"\nname_servers = ["1.1.1.1"]\n',
            "line 5: system.gateway: \"192.168.1.2\" is the Pi's own address (write the router's)\n",
        ),
        (
            'standby.health_address = "192.168.1.2"\n[system]\naddress = "192.168.1.2/24"\n'
            'gateway = "192.168.1.1"\nname_servers = ["1.1.1.1"]\n',
            'line 3: standby.health_address: "192.168.1.2" is system.address, too (give it an address of its '
            "own, that nobody uses)\n",
        ),
    ],
)
def test_the_pi_itself(text: str, expected: str) -> None:
    assert refused(MINIMAL + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'address = "10.0.0.1/24"\n',
            "line 5: lan.address: lan.dhcp "
            '"192.168.7.100-192.168.7.249" is not in 10.0.0.0/24, lan.address\' '
            'network (write dhcp = "first-last" with addresses in 10.0.0.0/24, or dhcp = "" for none)\n',
        ),
        (
            'dhcp = "192.168.7.1-192.168.7.9"\n',
            'line 5: lan.dhcp: lan.dhcp "192.168.7.1-192.168.7.9" would give away 192.168.7.1, which is the '
            "Pi's own (begin the range behind it)\n",
        ),
        (
            'dhcp = "192.168.7.9-192.168.7.255"\n',
            'line 5: lan.dhcp: lan.dhcp "192.168.7.9-192.168.7.255" holds the first or last address of '
            "192.168.7.0/24, which no host can have (leave it out)\n",
        ),
        (
            'hosts = ["02:00:00:aa:bb:cc 192.168.7.1", "02:00:00:aa:bb:cc 192.168.8.1"]\n',
            "line 5: lan.hosts[1]: 192.168.7.1 belongs to the Pi itself already (give each host an address "
            "and a name of its own)\n"
            "line 5: lan.hosts[2]: 192.168.8.1 is not a host's address in 192.168.7.0/24, the network of "
            "lan.address (choose one in 192.168.7.0/24)\n"
            "line 5: lan.hosts[2]: 02:00:00:aa:bb:cc belongs to lan.hosts[1] already (give each host an "
            "address and a name of its own)\n",
        ),
        (
            '[system]\naddress = "192.168.7.2/24"\ngateway = "192.168.7.3"\nname_servers = ["1.1.1.1"]\n',
            "line 6: system.address: the house (192.168.7.0/24) and the wired line (192.168.7.2/24) are in "
            "one network (choose another network for the house: lan.address and lan.dhcp)\n",
        ),
    ],
)
def test_the_house(text: str, expected: str) -> None:
    assert refused(ROUTER + text) == expected


def test_name_servers_of_the_wired_line_are_enough() -> None:
    text = '[system]\naddress = "192.168.1.2/24"\ngateway = "192.168.1.1"\n'
    assert config_from_text(f'{MINIMAL}wired.dns = ["192.168.1.1"]\n{text}', path="f").system.gateway


def test_what_there_is_no_time_zone_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Debian's tzdata nobody can tell."""
    monkeypatch.setattr("failberry.cardrules.ZONES", str(tmp_path))
    assert list(card_faults({("system", "timezone"): "Europe/Berln"}, set())) == []


@pytest.mark.parametrize(("window", "expected"), [("03:00-05:00", (180, 300)), ("23:30-00:30", (1410, 30))])
def test_the_window_in_minutes(window: str, expected: tuple[int, int]) -> None:
    assert System(update_window=window).window() == expected


def test_on_a_debian_of_ones_own_it_is_said_that_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_from_text(f'{ROUTER}dhcp = ""\n[system]\nhostname = "pi"\n', path="f")
    monkeypatch.setattr(configfile, "OF_THE_IMAGE", str(tmp_path / "unit"))
    assert warnings(config, "f") == (
        "system.hostname, lan.dhcp: has an effect on Failberry's SD-card image only, and this is a Debian of "
        "your own (set it by Debian's means: docs/howto/)",
    )
    (tmp_path / "unit").touch()
    assert warnings(config, "f") == ()


def test_what_waits_for_the_next_start_of_the_pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configfile, "OF_THE_IMAGE", str(tmp_path / "unit"))
    started = config_from_text(ROUTER, path="f")
    changed = 'dhcp = ""\n[system]\nhostname = "pi"\nupdates = false\n[modem]\nusb_path = "1-1.3"\n'
    now = config_from_text(ROUTER + changed, path="f")
    assert configfile.pending(started, now) == ()
    (tmp_path / "unit").touch()
    assert configfile.pending(started, now) == ("system.hostname", "lan.dhcp")
    assert configfile.pending(started, started) == ()
    beside = config_from_text(MINIMAL, path="f")
    lan = ("lan.interface", "lan.address", "lan.dhcp", "lan.hosts")
    assert configfile.pending(started, beside) == configfile.pending(beside, started) == lan


# --- keys ---


def test_a_key() -> None:
    key = login_key(f"  {ED25519} me@home \r\n")
    assert (key.line, key.kind, key.comment) == (f"{ED25519} me@home", "ssh-ed25519", "me@home")
    # The same that `ssh-keygen -lf` prints of it.
    assert key.fingerprint == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


@pytest.mark.parametrize(
    "line",
    [
        RSA,
        f'from="10.0.0.0/8",command="echo \\"ssh-rsa x\\"" {ED25519} me',
        "ecdsa-sha2-nistp256 " + blob(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" * 65),
        "sk-ssh-ed25519@openssh.com " + blob(b"sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
    ],
)
def test_keys_of_other_kinds(line: str) -> None:
    assert login_key(line).line == line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "does not begin like a public key"),
        ("AAAAC3Nz", "does not begin like a public key"),
        (ED25519[:40], "is not whole"),
        (ED25519[:-8], "is not whole"),
        (ED25519.replace("AAAA", "AA*A", 1), "is damaged: its long part is not base64"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa", 1), "is damaged: it calls itself ssh-rsa"),
        ("ssh-dss " + blob(b"ssh-dss", b"1", b"2"), "is of the kind ssh-dss"),
        ("ssh-rsa " + blob(b"ssh-rsa", b"\3", b"\xff" * 128), "has less than 2048 bits"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n", "is a PRIVATE key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "is a PRIVATE key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "is in another program's format"),
        ("~/.ssh/id_ed25519.pub", "is the name of a file"),
        ("C:\\Users\\me\\id_ed25519.pub", "is the name of a file"),
        (f"{ED25519}\n{ED25519}", "is not one line"),
    ],
)
def test_what_is_no_key(line: str, words: str) -> None:
    with pytest.raises(NoKeyError) as caught:
        login_key(line)
    problem, _, cure = str(caught.value).rpartition("; ")
    assert problem.startswith(words)
    assert cure
    assert "c2VjcmV0" not in problem + cure
    assert holds_private_key(line) == ("PRIVATE" in words)


def test_a_private_key_in_the_file_is_never_echoed() -> None:
    pasted = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"
    message = refused(f'{MINIMAL}[system]\nauthorized_keys = [\n  "{ED25519}",\n  """{pasted}""",\n]\n')
    assert message.startswith("line 6: system.authorized_keys[2]: is a PRIVATE key, which must never leave")
    assert "c2VjcmV0" not in message
