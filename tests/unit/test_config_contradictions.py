"""What an owner reads when two settings do not go together: whole messages, as in test_config.py."""

from pathlib import Path
from textwrap import dedent

import pytest

from failberry.config import Config
from failberry.configfile import config_from_text, warnings
from failberry.errors import ConfigError

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


def test_a_router_needs_a_lan() -> None:
    assert refused('mode = "dual-wan-router"\n[wired]\ninterface = "eth0"\n') == dedent("""\
        lan.interface: is missing, and a dual-wan-router needs it (add interface = "lan0" under [lan], with the name of the interface towards the house)
        """)  # noqa: E501


def test_a_router_with_one_interface() -> None:
    assert refused("""\
        mode = "dual-wan-router"
        wired.interface = "eth0"
        lan.interface = "eth0"
        """) == dedent("""\
        line 3: lan.interface: "eth0" is the wired line already (a dual-wan-router has two Ethernet interfaces; name the one towards the house)
        """)  # noqa: E501


def test_a_standby_gateway_with_a_lan() -> None:
    assert refused(MINIMAL + '[lan]\ninterface = "lan0"\n') == dedent("""\
        line 6: lan: has no place in standby-gateway mode, where the house is behind wired.interface (remove [lan], or write mode = "dual-wan-router" if the Pi is the router)
        """)  # noqa: E501


def test_a_lan_that_says_the_obvious_is_only_a_warning(tmp_path: Path) -> None:
    config = loaded(MINIMAL + '[lan]\ninterface = "eth0"\n')
    assert config.lan_interface == "eth0"
    assert warnings(config, tmp_path / "absent") == (
        "lan: is not needed in standby-gateway mode, where it is the wired interface (remove [lan])",
    )


def test_a_mac_address_behind_the_router_admits_nobody(tmp_path: Path) -> None:
    clients = '[firewall]\nmobile_clients = ["02:00:00:aa:bb:cc", "192.168.1.20", "2001:db8:1:2:3::/80"]\n'
    assert warnings(loaded(MINIMAL + clients), tmp_path / "absent") == (
        "firewall.mobile_clients: behind the main router every client has the router's MAC address, so "
        "02:00:00:aa:bb:cc admits nobody that the router sends (name the client by its IP address)",
    )
    router = 'mode = "dual-wan-router"\nwired.interface = "wan0"\nlan.interface = "lan0"\n'
    assert warnings(loaded(router + clients), tmp_path / "absent") == ()


def test_the_mobile_line_is_neither_of_the_others() -> None:
    assert refused("""\
        mode = "dual-wan-router"
        wired.interface = "fbcell0"
        lan.interface = "lan0"
        """) == dedent("""\
        line 2: wired.interface: "fbcell0" is the mobile line itself (name the Ethernet interface; `ip -br link` lists them)
        """)  # noqa: E501


def test_half_of_the_credentials() -> None:
    assert refused(MINIMAL + 'user = "web"\n') == dedent("""\
        line 6: cellular.user: has no password beside it (add password under [cellular]; if the carrier wants an empty one, say so: password = "")
        """)  # noqa: E501
    assert refused(MINIMAL + 'password = "web"\n') == dedent("""\
        line 6: cellular.password: has no user beside it (add user under [cellular], or remove the password)
        """)
    assert loaded(MINIMAL + 'user = "web"\npassword = ""\n').cellular.user == "web"


def test_two_ports_that_are_one() -> None:
    assert refused(MINIMAL + "[modem]\ndial_interface = 2\nstatus_interface = 2\n") == dedent("""\
        line 8: modem.status_interface: 2 is the port that dials already (give the number of another port, or -1 to have it found)
        """)  # noqa: E501
    assert loaded(MINIMAL + "[modem]\ndial_interface = -1\nstatus_interface = -1\n") == loaded(MINIMAL)


def test_two_health_paths_that_are_one() -> None:
    assert refused(MINIMAL + '[health]\nwired_path = "/x1"\ncellular_path = "/x1"\n') == dedent("""\
        line 8: health.cellular_path: is the same as wired_path, so an answer would not tell the lines apart (make up another one)
        """)  # noqa: E501


def test_the_page_on_the_port_of_the_health_server() -> None:
    assert refused(MINIMAL + "[web]\nport = 9000\n") == dedent("""\
        line 7: web.port: 9000 is the health server's port (give the page another one, such as 8080)
        """)


def test_port_forwards_that_collide() -> None:
    assert refused(
        MINIMAL
        + """\
[[port_forward]]
proto = "tcp"
ports = "8000-8010"
to = "192.168.1.20"
[[port_forward]]
proto = "udp"
ports = "8005"
to = "192.168.1.20"
[[port_forward]]
proto = "tcp"
ports = "8010"
to = "192.168.1.21"
[[port_forward]]
proto = "tcp"
ports = "8990-9010"
to = "192.168.1.20:80"
[[port_forward]]
proto = "udp"
ports = "9000"
to = "192.168.1.20"
"""
    ) == dedent("""\
        line 16: port_forward[3].ports: tcp 8010 overlaps 8000-8010 of port_forward[1] (give each port to one host only)
        line 20: port_forward[4].ports: 8990-9010 takes port 9000 from the health server (offer the service on another port; health checks need this one)
        line 21: port_forward[4].to: names one port for the 21 of "8990-9010" (leave the port out, a range keeps its ports; or forward each port on its own)
        """)  # noqa: E501
