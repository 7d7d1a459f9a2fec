"""Filter intents, as each back end writes them: files that a network engineer can read.

``GOLDEN=write`` in the environment writes them anew; then read the difference before committing it.
"""

import os
from ipaddress import ip_interface
from pathlib import Path

import pytest

from failberry.adapters.firewall.iptables import Iptables
from failberry.adapters.firewall.nftables import Nftables
from failberry.config import Config, Firewall, Lan, Mode, PortForward, Protocol, Wired
from failberry.core.facts import Interface, NetworkFacts
from failberry.core.filter_rules import filter_intent
from failberry.policy import Probe, Standby

HERE = Path(__file__).with_name("filter")

FORWARDS = (
    PortForward(proto=Protocol.TCP, ports="443", to="192.168.7.20:8443"),
    PortForward(proto=Protocol.UDP, ports="51820-51829", to="192.168.7.21"),
)
CLIENTS = Firewall(mobile_clients=("02:00:00:AA:BB:CC", "192.168.7.20", "192.168.7.64/28", "fd00:7::/64"))
SIX = ("1.1.1.1", "2606:4700:4700::1111")
STANDBY = {"mode": Mode.STANDBY_GATEWAY, "wired": Wired(interface="eth0")}
ROUTER = {"mode": Mode.DUAL_WAN_ROUTER, "wired": Wired(interface="wan0"), "lan": Lan(interface="lan0")}

CONFIGS = {
    "standby-gateway": Config(**STANDBY),
    "standby-gateway-forwards": Config(**STANDBY, port_forward=FORWARDS),
    "standby-gateway-clients": Config(**STANDBY, firewall=CLIENTS),
    "standby-gateway-via-router": Config(
        **STANDBY, standby=Standby(canary="", reply_via_router=True), probe=Probe(targets=SIX)
    ),
    "standby-gateway-blocked": Config(**STANDBY, port_forward=FORWARDS, firewall=CLIENTS),
    "dual-wan-router": Config(**ROUTER),
    "dual-wan-router-forwards": Config(**ROUTER, port_forward=FORWARDS),
    "dual-wan-router-clients": Config(**ROUTER, firewall=CLIENTS),
}
BLOCKED = {"standby-gateway-blocked"}
STORES = {"nft": Nftables(), "iptables": Iptables()}


def house(config):
    addresses = tuple(map(ip_interface, ("192.168.7.1/24", "169.254.3.4/16", "fd00:7::1/64", "fe80::1/64")))
    lan = Interface(index=2, name=config.lan_interface, up=True, carrier=True, addresses=addresses)
    return NetworkFacts(interfaces=(lan,))


@pytest.mark.parametrize("suffix", STORES)
@pytest.mark.parametrize("name", CONFIGS)
def test_filter(name, suffix):
    config = CONFIGS[name]
    text = STORES[suffix].render(filter_intent(config, house(config), block_clients=name in BLOCKED))
    golden = HERE / f"{name}.{suffix}"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()


def test_no_golden_file_is_forgotten():
    names = {f"{name}.{suffix}" for name in CONFIGS for suffix in STORES}
    assert {each.name for each in HERE.iterdir()} == names
