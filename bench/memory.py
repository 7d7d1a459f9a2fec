"""Memory of daemon and health server against ModemManager and NetworkManager, in the same guest.

    FAILBERRY_DEB=build/failberry_…_all.deb python -m bench.memory

PSS (proportional set size, proc(5), smaps_rollup) of the processes of each service, once the session is up
and a health check has been answered, and again after the peers have settled beside an idle stick.
"""

from __future__ import annotations

import sys
import time

from tests.lab.lab import STANDBY_GATEWAY, Lab, package, ready
from tests.lab.product import MOBILE, Product
from tests.lab.vm import Vm

GOAL = 2.0
OURS = ("failberry", "failberry-health")
THEIRS = ("ModemManager", "NetworkManager")


def pss(vm: Vm, service: str) -> float:
    """Megabytes of a service's main process."""
    said = vm.run(
        f"awk '/^Pss:/ {{print $2}}' /proc/$(systemctl show --value -p MainPID {service})/smaps_rollup"
    ).stdout
    return int(said) / 1000


def total(vm: Vm, services: tuple[str, ...]) -> float:
    """Print each and return the sum."""
    each = {service: pss(vm, service) for service in services}
    for service, size in each.items():
        print(f"  {service:<18} {size:6.1f} MB")
    return sum(each.values())


def main() -> int:
    with Vm.start(ready(package())) as vm:
        product = Product(Lab(vm, STANDBY_GATEWAY))
        product.up()
        product.lab.on("internet", ["curl", "-s", "-m", "10", f"http://{MOBILE}:9000/"], timeout=20)
        time.sleep(10)
        print("a session up, health checks answered:")
        ours = total(vm, OURS)
        vm.run(["systemctl", "stop", "failberry", "failberry-health.socket", "failberry-health"], timeout=60)
        vm.run(["systemctl", "start", *THEIRS], timeout=120)
        time.sleep(20)
        print("the peers beside the same stick:")
        theirs = total(vm, THEIRS)
    print(f"memory: {ours:.1f} MB against {theirs:.1f} MB, ratio {ours / theirs:.2f} (goal: at most {GOAL})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
