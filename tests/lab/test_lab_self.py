"""The lab proves itself, before anything that runs in it is believed."""

import json
import time

import pytest

from .cache import LabError
from .lab import Lab

WIRES = "socat - UNIX:/run/stick.sock < /dev/null"
SERVERS = ("192.0.2.10", "198.51.100.10", "203.0.113.10")
MOBILE, PEER = "203.0.113.130", "203.0.113.129"
TTY_OPTIONS = "460800 nodetach noauth noccp novj nodeflate nobsdcomp nodefaultroute"
MODEM_SIDE = (
    f"/dev/ttyGS2 {TTY_OPTIONS} local silent noipdefault {PEER}:{MOBILE} ms-dns 203.0.113.253 "
    r"""connect "chat -v TIMEOUT 30 'ATD*99#' '\r\nCONNECT 7200000\r\n\c'" """
)
HOST_SIDE = (
    f"/dev/ttyUSB2 {TTY_OPTIONS} modem crtscts noipdefault usepeerdns ifname wwan-lab "
    "logfile /run/host-pppd.log "
    r"""connect "chat -v TIMEOUT 10 '' 'ATD*99#' CONNECT '\c'" """
)


def dial(lab: Lab) -> None:
    """The oldest way to the Internet: chat and pppd, on both ends of the real driver's port."""
    lab.plug()
    lab.vm.spawn("modem-side", f"ip netns exec carrier pppd {MODEM_SIDE}")
    lab.vm.spawn("host-side", f"pppd {HOST_SIDE}")
    lab.vm.wait_until("ip -4 -oneline address show dev wwan-lab | grep -q peer", deadline=40)


def test_the_option_driver_takes_the_stick_by_its_own_table(lab: Lab) -> None:
    lab.plug()
    found = lab.vm.run(
        "for port in /sys/bus/usb/devices/1-1:1.*/ttyUSB*; do"
        ' echo "$(cat ${port%/*}/bInterfaceNumber) $(basename $(readlink ${port%/*}/driver))"; done'
    ).stdout.split("\n")
    assert found[:-1] == ["00 option", "01 option", "02 option", "03 option"]
    ids = lab.vm.run("cat /sys/bus/usb/devices/1-1/idVendor /sys/bus/usb/devices/1-1/idProduct").stdout
    assert ids.split() == ["19d2", "0117"]


def test_pppd_gets_an_address_and_its_traffic_is_seen_with_it(lab: Lab) -> None:
    dial(lab)
    address = lab.vm.run("ip -4 -oneline address show dev wwan-lab").stdout
    assert f"inet {MOBILE} peer {PEER}/32" in address
    lab.vm.run(f"ip route add {SERVERS[1]} dev wwan-lab")
    seen = lab.asks("pi", SERVERS[1])
    assert seen is not None
    assert seen["peer"] == MOBILE
    assert "203.0.113.253" in lab.vm.run("cat /etc/ppp/resolv.conf").stdout


def test_a_lost_carrier_hangs_the_line_up(lab: Lab) -> None:
    lab.plug()
    lab.vm.spawn("modem-side", f"ip netns exec carrier pppd {MODEM_SIDE}")
    lab.stick("dcd", "2", "1")
    lab.vm.spawn("host-side", f"pppd {HOST_SIDE}")
    lab.vm.wait_until("ip -4 -oneline address show dev wwan-lab | grep -q peer", deadline=40)
    lab.stick("dcd", "2", "0")
    lab.vm.wait_until("! ip link show wwan-lab", deadline=10)
    assert "Modem hangup" in lab.vm.run("cat /run/host-pppd.log").stdout


def test_the_simulated_modem_dials_and_is_power_cycled(lab: Lab) -> None:
    lab.start_modem()
    lab.plug()
    lab.vm.spawn("host-side", f"pppd {HOST_SIDE}")
    lab.vm.wait_until("ip -4 -oneline address show dev wwan-lab | grep -q peer", deadline=40)
    assert f"inet {MOBILE} peer {PEER}/32" in lab.vm.run("ip -4 -oneline address show dev wwan-lab").stdout
    lab.modem("hang_up")
    lab.vm.wait_until("! ip link show wwan-lab", deadline=20)
    assert "Modem hangup" in lab.vm.run("cat /run/host-pppd.log").stdout
    lab.vm.run("uhubctl -l 1 -p 1 -a cycle -d 1")
    lab.vm.wait_until("ls /dev/ttyUSB3", deadline=10)
    counters = json.loads(lab.modem("get", "counters"))
    assert (counters["dials"], counters["connects"], counters["boots"]) == (1, 1, 2)


def test_the_modem_is_told_of_dtr_and_of_its_power(lab: Lab) -> None:
    lab.plug()
    assert "dtr 2 0" in lab.stick()
    lab.vm.spawn("holder", "exec sleep 60 < /dev/ttyUSB2")
    lab.vm.wait_until(f"{WIRES} | grep -x 'dtr 2 1'", deadline=10)
    lab.vm.run("uhubctl -l 1 -p 1 -a off")
    lab.vm.wait_until(f"{WIRES} | grep -x 'power off' && ! ls /dev/ttyUSB*", deadline=10)
    lab.vm.run("uhubctl -l 1 -p 1 -a on")
    lab.vm.wait_until(f"{WIRES} | grep -x 'power on' && ls /dev/ttyUSB3", deadline=10)


def test_a_crashed_stick_comes_back_by_a_power_cycle_only(lab: Lab) -> None:
    lab.plug()
    lab.stick("crash")
    lab.vm.wait_until("! ls /dev/ttyUSB*", deadline=10)
    lab.vm.run("uhubctl -l 1 -p 1 -a cycle -d 1")
    lab.vm.wait_until("ls /dev/ttyUSB3", deadline=10)


def test_the_lan_reaches_every_operator_by_the_wired_router(lab: Lab) -> None:
    for server in SERVERS:
        seen = lab.asks("lan1", server)
        assert seen is not None, server
        assert seen["peer"] == "198.51.100.130"
    seen = lab.asks("lan2", "2001:db8:b::10")
    assert seen is not None
    assert seen["peer"].startswith("2001:db8:100:1:")


def test_the_pi_as_router_has_both_its_wired_addresses(dual_lab: Lab) -> None:
    seen = dual_lab.asks("pi", SERVERS[0])
    assert seen is not None
    assert seen["peer"] == "198.51.100.130"
    dual_lab.on("lan1", ["ping", "-c1", "-W2", "192.168.88.1"])


def test_a_black_hole_drops_what_it_says_and_nothing_else(lab: Lab) -> None:
    lab.world("blackhole", "isp", SERVERS[0])
    assert lab.asks("lan1", SERVERS[0], timeout=2) is None
    assert lab.asks("lan1", SERVERS[1]) is not None
    lab.world("blackhole", "isp")
    assert lab.asks("lan1", SERVERS[1], timeout=2) is None
    lab.world("heal")
    assert lab.asks("lan1", SERVERS[0]) is not None


def test_a_dead_router_keeps_its_link_and_a_pulled_cable_does_not(dual_lab: Lab) -> None:
    dual_lab.world("dead", "isp")
    assert dual_lab.asks("pi", SERVERS[0], timeout=2) is None
    assert "LOWER_UP" in dual_lab.vm.run("ip link show wan0").stdout
    dual_lab.world("pull", "wired")
    assert "NO-CARRIER" in dual_lab.vm.run("ip link show wan0").stdout


def test_loading_a_moment_is_quick_and_forgets(lab: Lab) -> None:
    lab.vm.put("/srv/left-over", b"x")
    lab.vm.run("ip link add left-over type dummy")
    started = time.monotonic()
    again = Lab(lab.vm, lab.topology)
    assert time.monotonic() - started < 5
    assert again.vm.run("ls /srv/left-over", check=False).rc != 0
    assert again.vm.run("ip link show left-over", check=False).rc != 0
    assert abs(float(again.vm.run("date +%s.%N").stdout) - time.time()) < 3


def test_a_growing_file_is_followed_live(lab: Lab) -> None:
    lab.vm.spawn("writer", "for i in 1 2 3; do echo $i; sleep 0.3; done > /run/growing")
    lines = lab.vm.follow("/run/growing", deadline=20)
    assert [next(lines) for _ in range(3)] == ["1", "2", "3"]
    lines.close()  # type: ignore[attr-defined] # a generator, which the signature does not promise


def test_a_moment_whose_guest_does_not_run_is_loaded_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.vm.run("touch /run/before")
    lab.vm.save("here")
    lab.vm.run("rm /run/before")
    reach, tried = lab.vm._reach_agent, []

    def once_in_vain(deadline: float) -> None:
        tried.append(deadline)
        if len(tried) == 1:
            raise LabError("the guest agent has not answered")
        reach(deadline)

    monkeypatch.setattr(lab.vm, "_reach_agent", once_in_vain)
    lab.vm.load("here")
    assert len(tried) == 2
    lab.vm.run(["test", "-e", "/run/before"])
