"""Dial time, from "ports present" to "address", against pppd and chat on the same modem in the same run.

    FAILBERRY_DEB=build/failberry_…_all.deb python -m bench.dial [ROUNDS]

Both run in the lab's virtual machine, on the same simulated stick behind the kernel's own driver, taking
turns.  The clock is the guest's, started when the last of the four ports exists and stopped when the
PPP interface has its address.  Failberry's daemon is already running, as on an appliance; pppd and chat
are started at once when the ports are there, with the commands that the classic recipe sends.
"""

from __future__ import annotations

import json
import statistics
import sys

from tests.lab.cache import LabError
from tests.lab.lab import STANDBY_GATEWAY, Lab, package, ready
from tests.lab.product import UNIT, Product
from tests.lab.vm import Vm

ROUNDS = 7
GOAL = 1.0

WATCHER = r"""
import fcntl, json, os, socket, struct, subprocess, sys, time
interface, command, deadline = sys.argv[1], sys.argv[2:], time.monotonic() + 90
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def address():
    try:
        return fcntl.ioctl(probe, 0x8915, struct.pack("16s240x", interface.encode()))  # SIOCGIFADDR
    except OSError:
        return None
while not all(os.path.exists(f"/dev/ttyUSB{n}") for n in range(4)):
    assert time.monotonic() < deadline, "no ports"
    time.sleep(0.01)
present = time.monotonic()
dialler = subprocess.Popen(command, stdout=subprocess.DEVNULL) if command else None
while not address():
    assert time.monotonic() < deadline, "no address"
    time.sleep(0.01)
print(json.dumps(time.monotonic() - present))
if dialler:
    dialler.terminate()
    dialler.wait(20)
"""
CHAT = (
    "chat TIMEOUT 10 ABORT 'NO CARRIER' ABORT ERROR ABORT BUSY"
    " '' ATZ OK 'ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0' OK"
    """ 'AT+CGDCONT=1,"IP","internet"' OK 'ATD*99#' CONNECT '\\c'"""
)
PPPD = [
    *("pppd", "/dev/ttyUSB2", "460800", "nodetach", "noauth", "nodefaultroute", "noipdefault"),
    "usepeerdns",
    *("novj", "noccp", "modem", "crtscts", "ifname", "chatppp0", "connect", CHAT),
]


def once(product: Product, interface: str, command: list[str]) -> float:
    """Unplug, plug in, and time one dial."""
    lab = product.lab
    lab.stick("unplug")
    lab.vm.wait_until("! ls /dev/ttyUSB* && ! ls -d /sys/class/net/*ppp0", deadline=30)
    lab.vm.spawn(
        "watcher",
        ["sh", "-c", 'exec "$@" > /run/dialled', "-", "python3", "/root/watch.py", interface, *command],
    )
    lab.stick("plug")
    lab.vm.wait_until("! systemctl is-active watcher", deadline=100)
    if not lab.vm.get("/run/dialled"):
        raise LabError(f"no address on {interface}: {lab.vm.run('journalctl --no-pager -n 40').stdout}")
    return float(json.loads(lab.vm.get("/run/dialled")))


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with Vm.start(ready(package())) as vm:
        product = Product(Lab(vm, STANDBY_GATEWAY))
        product.lab.start_modem()
        product.configure()
        vm.put("/root/watch.py", WATCHER)
        ours, theirs = [], []
        for number in range(rounds):
            vm.run(["systemctl", "start", UNIT], timeout=60)
            ours.append(once(product, "fbcell0", []))
            vm.run(["systemctl", "stop", UNIT], timeout=60)
            vm.run(["failberryctl", "release"], timeout=60)
            theirs.append(once(product, "chatppp0", PPPD))
            print(f"round {number + 1}: failberry {ours[-1]:.2f} s, pppd+chat {theirs[-1]:.2f} s", flush=True)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"dial time, medians of {rounds}: failberry {statistics.median(ours):.2f} s, "
        f"pppd+chat {statistics.median(theirs):.2f} s, ratio {ratio:.2f} (goal: at most {GOAL})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
