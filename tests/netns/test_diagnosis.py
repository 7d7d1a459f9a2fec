"""The doctor beside the real daemon in a real city: silent when all is well, right when something is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from city import INSIDE, ROOT, ROUTER, City, city, nft

from failberry.config import MOBILE_INTERFACE, Mode

pytestmark = pytest.mark.netns

HERE = Path(__file__).parent
_DROPS = "table inet mine {\nchain pass {\ntype filter hook forward priority 0; policy drop;\n}\n}\n"


@pytest.fixture(scope="module")
def home():
    with city(Mode.DUAL_WAN_ROUTER) as made:
        made.configure()
        made.switch_on()
        made.steady()
        yield made


def examined(home: City) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings."""
    words = [
        *INSIDE,
        home.pi.name,
        sys.executable,
        str(HERE / "examined.py"),
        f"{home.folder}/failberry.toml",
    ]
    done = subprocess.run(
        [*words, str(home.folder / "run")], capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def codes(home: City) -> list[str]:
    return [each["code"] for each in examined(home)[1]]


def test_all_is_well(home):
    assert examined(home) == (0, []), home.log()


def test_a_strict_filter_of_senders(home):
    setting = f"net.ipv4.conf.{MOBILE_INTERFACE}.rp_filter"
    home.pi.sh("sysctl", "-wq", f"{setting}=1", "net.ipv4.conf.all.rp_filter=0")
    try:
        status, findings = examined(home)
    finally:
        home.pi.sh("sysctl", "-wq", "net.ipv4.conf.all.rp_filter=2", f"{setting}=0")
    assert status == 2
    assert [(each["code"], each["where"]) for each in findings] == [("rp-filter-strict", MOBILE_INTERFACE)]
    assert "rp_filter=2" in findings[0]["cure"]


def test_a_filter_of_somebody_else(home):
    nft(home.pi, _DROPS)
    try:
        _, findings = examined(home)
    finally:
        nft(home.pi, "delete table inet mine\n")
    assert [(each["code"], each["where"]) for each in findings] == [("foreign-filter", "table mine (inet)")]
    assert findings[0]["evidence"] == ["`nft list chain inet mine pass`: policy drop"]


def test_no_forwarding(home):
    home.pi.sh("sysctl", "-wq", "net.ipv4.ip_forward=0")
    try:
        assert codes(home) == ["forwarding-off"]
    finally:
        # The switch resets what belongs to a router (ip-sysctl.rst), so all of it is set again.
        home.pi.sh("sysctl", "-wq", "net.ipv4.ip_forward=1")
        home.pi.sh("/usr/lib/systemd/systemd-sysctl", str(ROOT / "etc" / "sysctl" / "failberry.conf"))


def test_somebody_else_on_the_port_of_the_health_server(home):
    other = home.start(home.pi, sys.executable, "-m", "http.server", "9000", "--bind", ROUTER)
    try:
        home.await_status(lambda _: "9000" in home.pi.sh("ss", "-Hltn"))
        _, findings = examined(home)
    finally:
        other.terminate()
        other.wait(10)
    assert [(each["code"], each["where"]) for each in findings] == [("health-port-taken", "port 9000")]
    assert findings[0]["what"].startswith("python")


def test_a_second_dhcp_server_in_the_house(home):
    served = home.folder / "second.conf"
    (home.folder / "second").write_bytes(b"")
    served.write_text(
        f"start 192.168.7.150\nend 192.168.7.160\ninterface eth0\nlease_file {home.folder}/second\n"
        f"pidfile {home.folder}/second.pid\noption subnet 255.255.255.0\noption router 192.168.7.20\n"
    )
    own = served.with_name("own.conf")
    own.write_text(served.read_text().replace("eth0", "lan0").replace("second", "own"))
    (home.folder / "own").write_bytes(b"")
    servers = [
        home.start(home.client, "busybox", "udhcpd", "-f", str(served)),
        home.start(home.pi, "busybox", "udhcpd", "-f", str(own)),
    ]
    try:
        home.await_status(
            lambda _: ":67 " in home.pi.sh("ss", "-Hlun") and ":67 " in home.client.sh("ss", "-Hlun")
        )
        _, findings = examined(home)
    finally:
        for each in servers:
            each.terminate()
            each.wait(10)
    assert [(each["code"], each["where"]) for each in findings] == [("two-dhcp-servers", "lan0")]
    assert findings[0]["evidence"] == ["this Pi", "192.168.7.20, gateway 192.168.7.20"]
