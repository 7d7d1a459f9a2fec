"""What an owner reads when the configuration is wrong: whole messages, so that the wording can be judged."""

import itertools
from textwrap import dedent

import pytest

from failberry.config import (
    Cellular,
    Config,
    Firewall,
    FirewallBackend,
    Health,
    Lan,
    Mode,
    Modem,
    PdpType,
    PortForward,
    Ppp,
    Protocol,
    Roaming,
    Wired,
)
from failberry.configfile import config_from_mapping, config_from_text
from failberry.errors import ConfigError, Problem

MINIMAL = """\
mode = "standby-gateway"
[wired]
interface = "eth0"
[cellular]
apn = "internet"
"""


def loaded(text: str) -> Config:
    return config_from_text(dedent(text), path="failberry.toml")


def refused(text: str) -> str:
    """The message, a line for each problem, without the path that each begins with."""
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    return "".join(line.removeprefix("failberry.toml: ") + "\n" for line in str(caught.value).split("\n"))


def test_five_lines_are_enough() -> None:
    assert loaded(MINIMAL) == Config(
        mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), cellular=Cellular(apn="internet")
    )


def test_everything_said() -> None:
    config = loaded("""\
        mode = "dual-wan-router"
        [wired]
        interface = "eth0"
        [lan]
        interface = "lan0"
        [cellular]
        apn = "internet"
        pdp_type = "IPV4V6"
        user = "web"
        password = "web"
        pin = "0123"
        roaming = "allow"
        dial = "*99***1#"
        registration_timeout = 60
        [modem]
        usb_path = "1-1.3"
        dial_interface = 2
        status_interface = 1
        init = ["AT+ZOPRT=5"]
        poll_interval = 12.5
        [ppp]
        baud = 115200
        carrier_detect = false
        flow_control = false
        echo_interval = 0
        echo_failures = 1
        [firewall]
        backend = "iptables"
        mobile_clients = ["02:00:00:aa:bb:cc", "192.168.1.0/24"]
        [[port_forward]]
        proto = "tcp"
        ports = "443"
        to = "192.168.1.20:8443"
        [[port_forward]]
        proto = "udp"
        ports = "5000-5010"
        to = "192.168.1.21"
        [health]
        wired_path = "/w-5f0c7e"
        cellular_path = "/c-91ab42"
        """)
    assert config == Config(
        mode=Mode.DUAL_WAN_ROUTER,
        wired=Wired(interface="eth0"),
        lan=Lan(interface="lan0"),
        cellular=Cellular(
            apn="internet",
            pdp_type=PdpType.IPV4V6,
            user="web",
            password="web",  # noqa: S106 - a test's
            pin="0123",
            roaming=Roaming.ALLOW,
            dial="*99***1#",
            registration_timeout=60.0,
        ),
        modem=Modem(
            usb_path="1-1.3", dial_interface=2, status_interface=1, init=("AT+ZOPRT=5",), poll_interval=12.5
        ),
        ppp=Ppp(baud=115200, carrier_detect=False, flow_control=False, echo_interval=0.0, echo_failures=1),
        firewall=Firewall(
            backend=FirewallBackend.IPTABLES, mobile_clients=("02:00:00:aa:bb:cc", "192.168.1.0/24")
        ),
        port_forward=(
            PortForward(proto=Protocol.TCP, ports="443", to="192.168.1.20:8443"),
            PortForward(proto=Protocol.UDP, ports="5000-5010", to="192.168.1.21"),
        ),
        health=Health(wired_path="/w-5f0c7e", cellular_path="/c-91ab42"),
    )
    assert isinstance(config.cellular.registration_timeout, float)
    assert isinstance(config.ppp.echo_interval, float)


def test_other_spellings_of_the_same() -> None:
    """TOML has several ways to say one thing, and Windows' editors begin a file with a mark."""
    assert loaded('mode="standby-gateway"\nwired.interface="eth0"\ncellular={apn="internet"}') == loaded(
        MINIMAL
    )
    assert loaded(MINIMAL.replace("\n", "\r\n")) == loaded(MINIMAL)


def test_empty_lists_are_lists() -> None:
    config = loaded("port_forward = []\n" + MINIMAL + "[modem]\ninit = []\n[firewall]\nmobile_clients = []\n")
    assert config == loaded(MINIMAL)


# --- syntax ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "apn = internet",
            'line 1: column 7: this is no value (put text in quotes: apn = "internet")',
        ),
        ("apn =", 'line 1: column 6: this is no value (put text in quotes: apn = "internet")'),
        (
            "[cellular]\npin = 0123",
            "line 2: column 8: something follows the value "
            '(write one setting on a line, and put text in quotes, a PIN too: pin = "0123")',
        ),
        ('apn = "internet', "line 1: column 16: a quote is not closed (close it on the same line)"),
        ("\n\na = 'b\nc = 'd'", "line 3: column 7: a quote is not closed (close it on the same line)"),
        (
            "apn internet",
            "line 1: column 5: a name without a value (write name = value, or # in front of a comment)",
        ),
        (
            "[wired]\n[wired]",
            "line 2: column 7: a section is opened twice (put all its settings under one heading)",
        ),
        ("pin = '1'\npin = '1'", "line 2: column 10: something is said twice (keep one of the two)"),
        (
            r'user = "a\d c"',
            r"line 1: column 12: this backslash means nothing (write \\, or single quotes around the text)",
        ),
        ("init = {a = 1", "line 1: column 14: a brace is not closed (write } on the same line)"),
        ("init = ['AT'\n", "end of the file: a bracket is not closed (write ] where the list ends)"),
        ('apn = """internet\n', "end of the file: a quote is not closed (close it where the text ends)"),
        (
            "= 3",  # tomllib's own words: not worth ours
            "line 1: column 1: Invalid statement (see https://toml.io/en/v1.0.0 or compare with the sample)",
        ),
        (
            "a = " + "9" * 5000,
            "holds a number or a nesting that is absurdly large (start again from the sample)",
        ),
        (
            "a = " + "[" * 30_000,
            "holds a number or a nesting that is absurdly large (start again from the sample)",
        ),
    ],
    ids=itertools.count(),
)
def test_syntax(text: str, message: str) -> None:
    assert refused(text) == f"{message}\n"


# --- unknown keys ---


def test_unknown_keys() -> None:
    assert refused("""\
        mode = "standby-gateway"
        apn = "internet"
        wait = 3
        [wired]
        interface = "eth0"
        usb_pth = "1-1.3"
        [cellular]
        pasword = "x"
        pdp-type = "IP"
        wired_path = "/x"
        interface = "eth0"
        colour = "red"
        [modem]
        mode = "standby-gateway"
        "odd key" = 1
        [celular]
        apn = "internet"
        [nonsense]
        """) == dedent("""\
        line 2: apn: is no setting here (it belongs under [cellular])
        line 3: wait: is no setting (remove it; known here: mode, wired, lan, cellular, modem, power, recovery, probe, failover, usage, standby, vrrp, dns, ppp, firewall, port_forward, health, web, notify, receiver, system)
        line 6: wired.usb_pth: is no setting (did you mean usb_path, under [modem]?)
        line 8: cellular.pasword: is no setting (did you mean password?)
        line 9: cellular.pdp-type: is no setting (did you mean pdp_type?)
        line 10: cellular.wired_path: is no setting here (it belongs under [health])
        line 11: cellular.interface: is no setting here (it belongs under [wired] or under [lan])
        line 12: cellular.colour: is no setting (remove it; known here: type, apn, pdp_type, user, password, pin, roaming, standby, dial, registration_timeout)
        line 14: modem.mode: is no setting here (it belongs at the top of the file, before the first [section])
        line 15: modem."odd key": is no setting (remove it; known here: usb_path, dial_interface, status_interface, init, poll_interval)
        line 16: celular: is no section (did you mean [cellular]?)
        line 18: nonsense: is no section (remove it; known here: mode, wired, lan, cellular, modem, power, recovery, probe, failover, usage, standby, vrrp, dns, ppp, firewall, port_forward, health, web, notify, receiver, system)
        """)  # noqa: E501 - messages are one line each


# --- wrong types ---


def test_wrong_types() -> None:
    assert refused("""\
        mode = true
        wired = "eth0"
        [lan]
        interface = 1979-05-27
        [cellular]
        apn = ["internet"]
        pin = 1234
        password = 12.5
        roaming = false
        registration_timeout = "60"
        [modem]
        dial_interface = 2.0
        status_interface = true
        init = "AT"
        poll_interval = {}
        [ppp]
        baud = "fast"
        carrier_detect = "True"
        flow_control = 0
        [firewall]
        mobile_clients = ["192.168.1.20", 7]
        [port_forward]
        ports = "443"
        [[health]]
        """) == dedent("""\
        line 1: mode: wants text, not true (write mode = "standby-gateway")
        line 2: wired: is a section, not text (write [wired] on a line of its own and its settings below)
        line 4: lan.interface: wants text, not a date or time (write interface = "lan0")
        line 6: cellular.apn: wants text, not a list (write apn = "internet")
        line 7: cellular.pin: wants text, not a whole number (write pin = "…", in quotes)
        line 8: cellular.password: wants text, not a number with a fraction (write password = "…", in quotes)
        line 9: cellular.roaming: wants text, not false (write roaming = "forbid")
        line 10: cellular.registration_timeout: wants a number, not text (write registration_timeout = 60, without quotes)
        line 12: modem.dial_interface: wants a whole number, not a number with a fraction (write dial_interface = -1)
        line 13: modem.status_interface: wants a whole number, not true (write status_interface = -1)
        line 14: modem.init: wants a list of texts, not text (write init = ["AT+ZOPRT=5"])
        line 15: modem.poll_interval: wants a number, not a table (write poll_interval = 30)
        line 17: ppp.baud: wants a whole number, not text (write baud = 460800)
        line 18: ppp.carrier_detect: wants true or false, not text (write carrier_detect = true, without quotes)
        line 19: ppp.flow_control: wants true or false, not a whole number (write flow_control = true)
        line 21: firewall.mobile_clients[2]: wants text, not a whole number (write mobile_clients = ["02:00:00:aa:bb:cc", "192.168.1.20"])
        line 22: port_forward: is a section, not a table (write [[port_forward]] on a line of its own and its settings below)
        line 24: health: is a section, not a list (write [health] on a line of its own and its settings below)
        """)  # noqa: E501


# --- impossible values ---


def test_impossible_values() -> None:
    assert refused("""\
        mode = "standby"
        [wired]
        interface = "enx001122334455aa"
        [lan]
        interface = "eth 0"
        [cellular]
        apn = "my; carrier"
        pdp_type = "IPV4"
        user = "web\\nnoauth"
        password = "geheim\\u0007"
        pin = "12"
        roaming = "forbiden"
        dial = "ATD*99#"
        registration_timeout = 5
        [modem]
        usb_path = "/dev/ttyUSB2"
        dial_interface = 32
        init = ["AT+ZOPRT=5", "at+cpin=4711"]
        poll_interval = inf
        [ppp]
        baud = 56000
        echo_interval = 2.5
        echo_failures = 0
        [firewall]
        backend = "nftable"
        mobile_clients = ["192.168.1.20", "192.168.1.7/24"]
        [[port_forward]]
        proto = "icmp"
        ports = "443:445"
        to = "nas.local"
        [[port_forward]]
        proto = "tcp"
        ports = "0"
        to = "192.168.1.20:99999"
        [health]
        wired_path = "secret"
        """) == dedent("""\
        line 1: mode: "standby" is not one of its choices (did you mean "standby-gateway"? The choices are "standby-gateway" or "dual-wan-router")
        line 3: wired.interface: "enx001122334455aa" is longer than an interface's 15 characters (`ip -br link` lists the names)
        line 5: lan.interface: "eth 0" is not an interface name (`ip -br link` lists them, for example eth0)
        line 7: cellular.apn: "my; carrier" holds a character that no APN has (use letters, digits, dots and dashes as the carrier writes it)
        line 8: cellular.pdp_type: "IPV4" is not one of its choices (choose "IP" or "IPV6" or "IPV4V6")
        line 9: cellular.user: holds a line break or another control character (remove it)
        line 10: cellular.password: holds a line break or another control character (remove it)
        line 11: cellular.pin: is not a PIN, which is 4 to 8 digits (copy it from the carrier's letter, or write "" for none)
        line 12: cellular.roaming: "forbiden" is not one of its choices (did you mean "forbid"? The choices are "forbid" or "allow")
        line 13: cellular.dial: "ATD*99#" begins with ATD, which is sent anyway (write only what follows it)
        line 14: cellular.registration_timeout: 5 is out of its limits (choose 20 to 1800)
        line 16: modem.usb_path: "/dev/ttyUSB2" moves at every reset (give the USB path that `failberryctl status` shows)
        line 17: modem.dial_interface: 32 is out of its limits (choose -1 to 31)
        line 18: modem.init: command 2 speaks of a PIN, PUK or lock, and three wrong tries block a SIM (remove it and give the PIN as `pin` in [cellular], where it is tried once)
        line 19: modem.poll_interval: inf is out of its limits (choose 5 to 3600)
        line 21: ppp.baud: 56000 is not a serial speed (take 460800 or 115200)
        line 22: ppp.echo_interval: 2.5 has a fraction (choose a whole number from 0 to 600)
        line 23: ppp.echo_failures: 0 is out of its limits (choose 1 to 100)
        line 25: firewall.backend: "nftable" is not one of its choices (did you mean "nftables"? The choices are "auto" or "nftables" or "iptables")
        line 26: firewall.mobile_clients: "192.168.1.7/24" is a host in a network (write "192.168.1.0/24", or the address without the slash)
        line 28: port_forward[1].proto: "icmp" is not one of its choices (choose "tcp" or "udp")
        line 29: port_forward[1].ports: "443:445" is neither a port nor a range (write "443" or "8000-8010")
        line 30: port_forward[1].to: "nas.local" is not an IPv4 address (write "192.168.1.20" or "192.168.1.20:8443")
        line 33: port_forward[2].ports: "0" holds a port that does not exist (ports go from 1 to 65535)
        line 34: port_forward[2].to: "192.168.1.20:99999" holds a port that does not exist (ports go from 1 to 65535)
        line 36: health.wired_path: is not a path of 1 to 63 letters, digits and ._~-/ after a slash (make one up, for example "/" and the output of `openssl rand -hex 8`)
        """)  # noqa: E501


def test_what_is_missing() -> None:
    assert refused('[cellular]\napn = "internet"\n[[port_forward]]\nproto = "tcp"\n') == dedent("""\
        line 3: port_forward[1].ports: is missing (add ports = "443" under [[port_forward]])
        line 3: port_forward[1].to: is missing (add to = "192.168.1.20" under [[port_forward]])
        mode: is missing (add mode = "standby-gateway" at the top of the file, before the first [section])
        wired.interface: is missing (add interface = "eth0" under [wired])
        """)


# --- the structure that programs read ---


def test_problems_are_values() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_mapping(
            {"mode": "standby-gateway", "wired": {"interface": "eth0", "x": 1}}, path="<test>"
        )
    assert caught.value.problems == (
        Problem(
            key="wired.x", line=None, problem="is no setting", hint="remove it; known here: interface, dns"
        ),
    )


def test_no_secret_in_repr() -> None:
    config = loaded(
        MINIMAL + 'pin = "4711"\nuser = "u"\npassword = "geheim"\n[health]\nwired_path = "/w-5f0c7e"\n'
    )
    for secret in ("4711", "geheim", "5f0c7e"):
        assert secret not in repr(config)


def test_a_file_of_rubbish_is_refused_in_no_time() -> None:
    """Of each name to find what was meant would take minutes."""
    lines = refused("\n".join(f"apm{number} = 1" for number in range(3000))).splitlines()
    assert len(lines) > 3000
    assert "known here" in lines[0]
    assert "known here" not in "".join(lines[100:])
    assert lines[200] == "line 201: apm200: is no setting (mend what is told before this one)"
