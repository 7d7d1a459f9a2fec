"""The Debian package: quiet until it is configured, gone without a trace when it is purged."""

from __future__ import annotations

import pytest

from .lab import INSTALL_DEADLINE, Lab, package
from .product import Product

pytestmark = pytest.mark.timeout(900)
EXPOSURE = {
    "failberry.service": 2.5, "failberry-health.service": 1.2, "failberry-dns@.service": 1.2,
    "failberry-sns@.service": 1.2, "failberry-web.service": 1.2, "failberry-notify.service": 1.5,
}  # fmt: skip
"""What Debian 13's systemd may find at most."""
UNITS = ("failberry.service", "failberry-health.socket", "failberry-health.service")
OPTIONAL = ("failberry-web.service", "failberry-notify.service")
OURS = (
    "find / -xdev -iname '*failberry*' -not -path '/root/*' -not -path '/proc/*' -not -path '/var/lib/dpkg/*'"
    " -not -path '/var/lib/systemd/*'; ls -d /run/*failberry* /run/sysctl.d/*failberry* 2>/dev/null; true"
)


def test_a_package_without_a_configuration_touches_nothing(lab: Lab) -> None:
    vm = lab.vm
    lab.plug()
    assert vm.run(["systemctl", "is-enabled", *UNITS]).stdout.split() == ["enabled"] * 3
    running = vm.run(["systemctl", "is-active", *UNITS, *OPTIONAL], check=False).stdout.split()
    assert running == ["inactive"] * len((*UNITS, *OPTIONAL))
    # Starting them by hand is refused politely, too: a condition is no failure.
    vm.run(["systemctl", "start", *UNITS])
    assert vm.run(["systemctl", "is-active", *UNITS], check=False).stdout.split() == ["inactive"] * 3
    assert vm.run("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding").stdout.split() == ["0", "0"]
    assert vm.run("nft list tables; ss -Hltn 'sport = 9000'").stdout == ""
    assert vm.run("fuser /dev/ttyUSB*", check=False).stdout == ""
    # A place for the owner's programs, and nothing in it.
    assert vm.run("stat -c '%a %U' /etc/failberry; find /etc/failberry -mindepth 1").stdout.splitlines() == [
        "700 root", "/etc/failberry/hooks.d",
    ]  # fmt: skip


@pytest.mark.parametrize(("unit", "limit"), EXPOSURE.items())
def test_the_services_are_confined(lab: Lab, unit: str, limit: float) -> None:
    found = lab.vm.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={limit * 10:.0f}",
         f"/usr/lib/systemd/system/{unit}"],
        check=False,
    )  # fmt: skip
    assert found.rc == 0, found.stdout


def test_the_configuration_that_is_shipped_is_good(lab: Lab) -> None:
    told = lab.vm.run(["failberryctl", "config", "check", "/usr/share/failberry/failberry.toml"]).stdout
    assert "is good: standby-gateway mode" in told


def test_an_upgrade_keeps_the_session_and_a_purge_leaves_nothing(lab: Lab) -> None:
    vm, product = lab.vm, Product(lab)
    product.up()
    pppd, daemon = product.pppd(), product.main_pid()
    deb = package()
    assert deb is not None, "FAILBERRY_DEB names no package: use `make lab`"
    vm.put("/root/newer.deb", deb.read_bytes())
    vm.run(["dpkg", "--install", "/root/newer.deb"], timeout=INSTALL_DEADLINE)
    product.connected()
    assert product.pppd() == pppd, "the session was adopted, not dialled again"
    assert product.main_pid() != daemon
    assert vm.run("sysctl -n net.ipv4.ip_forward").stdout == "1\n"

    vm.run(["dpkg", "--purge", "failberry"], timeout=INSTALL_DEADLINE)
    assert vm.run(["kill", "-0", str(pppd)], check=False).rc != 0, "pppd has outlived the package"
    assert vm.run("ip rule show table all | grep 'proto 251'; nft list tables", check=False).stdout == ""
    assert vm.run("ip route show table all proto 251; ls /run/lock | grep LCK", check=False).stdout == ""
    assert vm.run(OURS, timeout=60).stdout == ""
    assert vm.run("systemctl list-unit-files 'failberry*' --no-legend", check=False).stdout == ""
    assert "failberry" not in vm.run("systemctl list-units --failed --no-legend").stdout
