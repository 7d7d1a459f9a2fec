"""What is written from the declarations: sample, reference, and the configuration in force."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.config import (
    Cellular,
    Config,
    Firewall,
    Health,
    Lan,
    Mode,
    Modem,
    PortForward,
    Protocol,
    Wired,
)
from failberry.configfile import config_from_text, main, reference, sample, show
from failberry.dashboard import Web
from failberry.declarations import Declaration, Shape, declarations
from failberry.naming import Dns
from failberry.notifying import Receiver, Via
from failberry.policy import Vrrp

ROOT = Path(__file__).parents[2]


def settings(table: type = Config) -> Iterator[Declaration]:
    for each in declarations(table):
        if each.shape is Shape.VALUE:
            yield each
        else:
            yield from settings(each.kind)


# --- the declarations themselves ---


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.name)
def test_declaration(setting: Declaration) -> None:
    assert setting.doc.endswith(".")
    assert setting.example is not None or not setting.required
    # An unlimited number would be a timeout of a week, or infinity.
    assert setting.check is not None or setting.kind not in {int, float}
    if setting.check is not None and not setting.required:
        assert setting.check(setting.default) is None
    if setting.check is not None and setting.example is not None:
        (value,) = tomllib.loads(f"x = {setting.example}").values()
        assert setting.check(tuple(value) if isinstance(value, list) else value) is None


# --- the sample ---


def test_the_sample_in_the_tree_is_fresh() -> None:
    path = ROOT / "etc/failberry/failberry.toml"
    assert path.read_text() == sample(), (
        f"run: python -m failberry.configfile sample > {path.relative_to(ROOT)}"
    )


def test_the_sample_loads_as_it_stands() -> None:
    assert config_from_text(sample(), path="sample") == Config(
        mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0")
    )


def test_the_sample_loads_with_every_comment_sign_taken_away() -> None:
    """Prose is behind "# ", settings are behind "#": no setting is only prose, no prose is a setting."""
    everything = re.sub(r"(?m)^#(?=\S)", "", sample()).replace('"standby-gateway"', '"dual-wan-router"')
    url = "https://abc.lambda-url.eu-central-1.on.aws/"
    everything = everything.replace('url = ""', f'url = "{url}"')
    assert config_from_text(everything, path="sample") == Config(
        mode=Mode.DUAL_WAN_ROUTER,
        wired=Wired(interface="eth0"),
        lan=Lan(interface="lan0"),
        vrrp=Vrrp(address="192.168.1.254/24"),
        dns=Dns(
            zone="example.com",
            name="home.example.com",
            wired_name="wired.example.com",
            cellular_name="mobile.example.com",
            url=url,
        ),
        port_forward=(PortForward(proto=Protocol.TCP, ports="443", to="192.168.1.20"),),
        web=Web(),
        receiver=(Receiver(name="phone", via=Via.NTFY, to="https://ntfy.sh/a-name-that-nobody-guesses"),),
    )
    for setting in settings():
        assert re.search(rf"(?m)^{setting.name} = ", everything)


def test_the_sample_fits_a_screen() -> None:
    assert max(map(len, sample().splitlines())) <= 100


# --- the reference ---


def test_the_reference_in_the_tree_is_fresh() -> None:
    path = ROOT / "docs/configuration.md"
    command = f"run: python -m failberry.configfile reference > {path.relative_to(ROOT)}"
    assert path.read_text() == reference(), command


def test_the_reference_has_everything() -> None:
    text = reference()
    for section in declarations(Config):
        if section.shape is not Shape.VALUE:
            for setting in declarations(section.kind):
                assert f"### `{section.name}.{setting.name}`\n\n{setting.doc}\n" in text


def test_the_smallest_file_of_the_reference_loads() -> None:
    found = re.search(r"```toml\n(.*?)```", reference(), re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) == 5
    assert config_from_text(found[1], path="reference").cellular.apn == "internet"


# --- the configuration in force ---

EVERYTHING = Config(
    mode=Mode.DUAL_WAN_ROUTER,
    wired=Wired(interface="eth0"),
    lan=Lan(interface="lan0"),
    cellular=Cellular(
        apn="internet",
        user='o"brien',
        password="geheim",  # noqa: S106 - a test's
        pin="4711",
        registration_timeout=62.5,
    ),
    modem=Modem(init=("AT+ZOPRT=5", "AT^CURC=0")),
    firewall=Firewall(mobile_clients=("192.168.1.20",)),
    port_forward=(
        PortForward(proto=Protocol.TCP, ports="443", to="192.168.1.20:8443"),
        PortForward(proto=Protocol.UDP, ports="5000-5010", to="192.168.1.21"),
    ),
    health=Health(wired_path="/w-5f0c7e"),
)


def test_show() -> None:
    assert (
        show(EVERYTHING)
        == """\
mode = "dual-wan-router"

[wired]
interface = "eth0"
dns = []  # default

[lan]
interface = "lan0"
address = "192.168.7.1/24"  # default
dhcp = "192.168.7.100-192.168.7.249"  # default
hosts = []  # default

[cellular]
type = "auto"  # default
apn = "internet"
pdp_type = "IP"  # default
user = "o\\"brien"
password = "********"
pin = "********"
roaming = "forbid"  # default
standby = "warm"  # default
dial = "*99#"  # default
registration_timeout = 62.5

[modem]
usb_path = ""  # default
dial_interface = -1  # default
status_interface = -1  # default
init = ["AT+ZOPRT=5", "AT^CURC=0"]
poll_interval = 30  # default

[power]
ports = []  # default
off_time = 10  # default
force = false  # default

[recovery]
usb_power = true  # default
reboot = true  # default

[probe]
targets = ["1.1.1.1", "8.8.8.8", "9.9.9.9", "2606:4700:4700::1111", "2620:fe::fe"]  # default
wired_interval = 0.5  # default
name = "example.com"  # default
pages = ["http://cp.cloudflare.com/generate_204", "http://www.gstatic.com/generate_204"]  # default
page_interval = 120  # default
cellular_budget = 5  # default

[failover]
confirm = 5  # default
failback = "after"  # default
failback_after = 60  # default
linger = 60  # default
loss_limit = 25  # default
latency_limit = 0  # default
partial = "stay"  # default

[usage]
cap = 0  # default
cycle_day = 1  # default
warn_at = ["50", "80", "95"]  # default
action = "warn"  # default
last_resort = true  # default

[standby]
health_address = ""  # default
canary = "198.18.0.251"  # default
reply_via_router = false  # default

[ppp]
baud = 460800  # default
carrier_detect = true  # default
flow_control = true  # default
echo_interval = 15  # default
echo_failures = 4  # default

[firewall]
backend = "auto"  # default
mobile_clients = ["192.168.1.20"]

[[port_forward]]
proto = "tcp"
ports = "443"
to = "192.168.1.20:8443"

[[port_forward]]
proto = "udp"
ports = "5000-5010"
to = "192.168.1.21"

[health]
wired_path = "********"
cellular_path = ""  # default

[notify]
topics = []  # default
quiet_hours = ""  # default
quiet_through = "error"  # default
keep = 259200  # default
sms_after = 120  # default
sms_per_day = 6  # default

[system]
hostname = "failberry"  # default
timezone = "Etc/UTC"  # default
authorized_keys = []  # default
address = ""  # default
gateway = ""  # default
name_servers = []  # default
updates = true  # default
update_window = "03:00-05:00"  # default
"""
    )


def test_what_is_shown_loads_again() -> None:
    config = config_from_text(sample(), path="sample")
    assert config_from_text(show(config), path="show") == config


# --- the command ---


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample"]) == 0
    assert capsys.readouterr().out == sample()
    assert main(["reference"]) == 0
    assert capsys.readouterr().out == reference()
    assert main([]) == 2
    assert capsys.readouterr() == ("", "usage: python3 -m failberry.configfile sample|reference\n")


def test_a_good_start_is_cheap() -> None:
    """The daemon loads none of what only messages and samples need."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from failberry.configfile import load; load(sys.argv[2])\n"
        "print(*sorted({'difflib', 'textwrap', 'pathlib', 'json', 'failberry.tomlscan'} & {*sys.modules}))"
    )
    sample_path = ROOT / "etc/failberry/failberry.toml"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, ROOT, sample_path], check=True, capture_output=True, timeout=30
    )
    assert done.stdout == b"\n"
