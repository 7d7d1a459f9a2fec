"""The configuration as systemd-networkd and dnsmasq read it: whole files.

``GOLDEN=write`` in the environment writes them anew; then read the difference before committing it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from failberry.configfile import config_from_text
from failberry.system.network import DNSMASQ_FILE, network_files

GOLDEN = Path(__file__).parent / "network"
ROUTER = 'mode = "dual-wan-router"\nwired.interface = "onboard0"\nlan.interface = "enx0011"\n'
FIXED = """
[system]
address = "203.0.113.9/28"
gateway = "203.0.113.1"
name_servers = ["203.0.113.2", "2001:db8::53"]
"""
CASES = {
    "standby-dhcp": 'mode = "standby-gateway"\nwired.interface = "onboard0"\n',
    "standby-fixed": 'mode = "standby-gateway"\nwired.interface = "onboard0"\nwired.dns = ["192.168.1.1"]\n'
    '[system]\naddress = "192.168.1.2/24"\ngateway = "192.168.1.1"\n',
    "standby-own-servers": 'mode = "standby-gateway"\nwired.interface = "onboard0"\n'
    'system.name_servers = ["192.168.1.53"]\n',
    "router": ROUTER,
    "router-fixed": ROUTER
    + 'lan.address = "10.0.0.254/16"\nlan.dhcp = "10.0.1.0-10.0.1.255"\n'
    + 'lan.hosts = ["02:00:00:AA:bb:cc 10.0.0.20 Camera", "02:00:00:aa:bb:cd 10.0.0.21"]\n'
    + FIXED,
    "router-without-dhcp": ROUTER + 'lan.dhcp = ""\nlan.hosts = ["02:00:00:aa:bb:cc 192.168.7.20 nas"]\n',
}


@pytest.mark.parametrize("name", CASES)
def test_files(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    files = network_files(config_from_text(CASES[name], path="failberry.toml"), "Failberry")
    found = "\n".join(f"=== {each} ===\n{text}" for each, text in files.items())
    if os.environ.get("GOLDEN") == "write":
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("name", [each for each in CASES if "router" in each])
def test_dnsmasq_understands_every_word(name: str, tmp_path: Path) -> None:
    text = network_files(config_from_text(CASES[name], path="failberry.toml"), "failberry")[DNSMASQ_FILE]
    path = tmp_path / "dnsmasq.conf"
    path.write_text(text)
    done = subprocess.run(
        # It closes every handle that it might have.
        ["prlimit", "--nofile=64", "dnsmasq", "--test", f"--conf-file={path}"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "dnsmasq: syntax check OK.\n")
