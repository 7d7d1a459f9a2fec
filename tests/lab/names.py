"""AWS on the lab's Internet, and the house's name in it: the kit of ``tests/awskit``, in its own namespace.

    aws (198.51.100.96/27, and the Internet's first name server) -- internet

Addresses that Route 53 and we refuse are the documentation's, which the lab's are.  So the modem gets one of
198.13.33.0/24, and the wired line is known to the Internet as 198.13.32.9, by translation in the core of the
provider's network, as behind a router with a fixed address.  At AWS time runs ``PACE`` times as fast, and
three regions ask, because everything here runs about ten times slower than outside.
"""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.awskit.account import LINE_ALARM
from tests.patience import PATIENCE

from .cache import LabError
from .lab import HOME
from .product import LAN1, Product
from .vm import Vm

PACE, FLOOR = 4.0, 3.0
WIRED, MOBILE = "198.13.32.9", "198.13.33.130"
API, AUTHORITY, RESOLVER = "198.51.100.98", ("198.51.100.99", "198.51.100.100"), "192.0.2.53"
SOURCES = tuple(f"198.51.100.{104 + number}" for number in range(6))
ZONE, NAME, MOBILE_NAME = "casa.test", "home.casa.test", "mobile.casa.test"
CELLULAR_PATH = "/c-91ab42"
SERVICE = 8080
CLOUD = f"{HOME}/cloud"
KIT, LAMBDA = Path(__file__).parents[1] / "awskit", Path(__file__).parents[2] / "lambda" / "ping"

CONFIGURATION = f"""
[health]
wired_path = "/w-5f0c7e"
cellular_path = "{CELLULAR_PATH}"
[[port_forward]]
proto = "tcp"
ports = "{SERVICE}"
to = "{LAN1}:80"
[dns]
zone = "{ZONE}"
name = "{NAME}"
wired_name = "wired.casa.test"
cellular_name = "{MOBILE_NAME}"
wired_source = "fixed"
wired_address = ["{WIRED}"]
cellular_source = "route53"
regions = ["eu-west-1", "us-east-1", "us-west-2"]
"""
SETTINGS = {
    "zone": ZONE,
    "pace": PACE,
    "floor": FLOOR,
    "endpoint": [API, 80],
    "authority": list(AUTHORITY),
    "recursor": [RESOLVER],
    "name_servers": dict(zip(("ns1.cloud.test", "ns2.cloud.test"), AUTHORITY, strict=True)),
    # The names that world.sh knows, and any other leads to the same servers.
    "elsewhere": {
        "*": "198.51.100.10",
        "alpha.example": "192.0.2.10",
        "charlie.example": "203.0.113.10",
        "example.com": "192.0.2.10",
    },
    "sources": list(SOURCES),
    "alarms": {"eu-central-1": [LINE_ALARM]},
    "ping": {"endpoints": [{"name": "failberry-mobile", "url": f"http://{MOBILE_NAME}:9000{CELLULAR_PATH}"}]},
}
# The namespace, its cable, and the first name server's address, which moves in; then the public networks.
NETWORK = f"""
set -e
ip netns add aws
mkdir -p /etc/netns/aws
echo 'nameserver {RESOLVER}' > /etc/netns/aws/resolv.conf
ip link add aws netns internet type veth peer name internet netns aws
ip -n internet address delete {RESOLVER}/32 dev lo
ip -n internet address add 198.18.0.13/30 dev aws
ip -n internet link set dev aws up
ip -n aws link set dev lo up
ip -n aws address add 198.18.0.14/30 dev internet
ip -n aws link set dev internet up
ip -n aws route add default via 198.18.0.13
for own in {RESOLVER} {API} {" ".join((*AUTHORITY, *SOURCES))}; do ip -n aws address add $own/32 dev lo; done
ip -n internet route add 198.51.100.96/27 via 198.18.0.14
ip -n internet route add {RESOLVER}/32 via 198.18.0.14
ip -n internet route add {WIRED}/32 via 198.18.0.2
ip -n internet route add 198.13.33.0/24 via 198.18.0.6
ip netns exec carrier nft 'insert rule inet carrier forward iifname "ppp*" ip saddr 198.13.33.0/24 accept'
ip netns exec transit nft -f - <<'RULES'
table ip fixed {{
    chain inward {{ type nat hook prerouting priority dstnat; ip daddr {WIRED} dnat to 198.51.100.130; }}
    chain outward {{
        type nat hook postrouting priority srcnat
        oifname "internet" ip saddr 198.51.100.130 snat to {WIRED}
    }}
}}
RULES
"""
# One child for each request, as installed, but for where AWS is.
CHILD = f"""
[Service]
Environment=AWS_ENDPOINT_URL_ROUTE_53=http://{API}
Environment=AWS_ENDPOINT_URL_CLOUDWATCH=http://{API}
"""
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What python3-boto3 would install; all of it is plain Python."""
SPOKEN = ("route53", "cloudwatch")
CREDENTIALS = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = any\n"


def sdk(names: tuple[str, ...] = SDK, spoken: tuple[str, ...] = SPOKEN) -> bytes:
    """This machine's AWS SDK as an archive, with the services that are spoken here: 1 MB instead of 90.

    Or other packages in plain Python.
    """

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = entry.name.split("/")
        other = parts[:2] == ["botocore", "data"] and len(parts) > 2 and parts[2] not in spoken
        # What lies beside the services is about all of them.
        if "__pycache__" in parts or (other and not parts[2].endswith(".json")):
            return None
        entry.uid = entry.gid = 0
        return entry

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            found = importlib.util.find_spec(name)
            if found is None or found.origin is None:
                raise LabError(f"{name} is missing: run 'make setup'")
            origin = Path(found.origin)
            place = origin.parent if origin.name == "__init__.py" else origin
            archive.add(place, place.name, filter=kept)
    return packed.getvalue()


def put_sdk(vm: Vm, names: tuple[str, ...] = SDK, spoken: tuple[str, ...] = SPOKEN) -> None:
    """Have that in the guest, with byte code, as Debian's package has."""
    # Not in the guest's image, which all other scenarios would have to carry.
    packed = sdk(names, spoken)
    vm.run(["tar", "-xz", "-C", "/usr/lib/python3/dist-packages"], stdin=packed, timeout=120)
    # Who asks AWS may not write there, and would compile it all for each request. This takes what is needed.
    program = f"import boto3; [boto3.client(each, region_name='eu-central-1') for each in {spoken!r}]"
    vm.run(["python3", "-c", program], timeout=180)


class Names:
    """A product with a name; :meth:`set_up` once, after which a moment may be kept."""

    def __init__(self, product: Product) -> None:
        self.product, self.lab, self.vm = product, product.lab, product.vm

    def set_up(self) -> None:
        """Networks, AWS, the product with its child, and the name set up in Route 53."""
        self.vm.run(["sh", "-c", NETWORK], timeout=60)
        put_sdk(self.vm)
        self.vm.put_tree(KIT, f"{CLOUD}/tests/awskit")
        self.vm.put_tree(LAMBDA, f"{CLOUD}/ping")
        self.vm.put(f"{CLOUD}/settings.json", json.dumps(SETTINGS))
        command = f"ip netns exec aws python3 -m tests.awskit.cloud {CLOUD}/settings.json"
        # The program ends with its standard input.
        self.vm.spawn(
            "aws-cloud",
            f"sleep infinity | {command} > {CLOUD}/ready",
            properties=[f"WorkingDirectory={CLOUD}"],
        )
        self.vm.wait_until(f"grep -q ready {CLOUD}/ready", deadline=60)
        self.vm.put("/etc/systemd/system/failberry-dns@.service.d/lab.conf", CHILD)
        self.vm.put("/etc/failberry/aws.credentials", CREDENTIALS, mode=0o600)
        self.vm.run(["systemctl", "daemon-reload"], timeout=60)
        self.lab.start_modem(address=MOBILE)
        self.product.configure(more=CONFIGURATION)
        self.lab.plug()
        self.vm.run(["systemctl", "start", "failberry-dns.socket"], timeout=60)
        self.product.start()
        self.product.connected()
        self.until(lambda: self.published() == MOBILE, deadline=180, what="the mobile address published")
        self.vm.run(["failberryctl", "dns", "apply", "--yes"], timeout=240)
        self.settle()

    def settle(self, *, deadline: float = 240.0) -> None:
        """Wait until both lines are good, and so are their checks and the house's name."""
        self.product.await_status(
            lambda told: (
                told["active"] == "wired" and told["wired"]["state"] == told["cellular"]["state"] == "up"
            ),
            deadline=deadline,
            what="both lines good",
        )
        self.until(
            lambda: self.answered() == WIRED and all(each["told"] for each in self.health().values()),
            deadline=deadline,
            what="both checks healthy, and the name on the wired line",
        )

    # --- what AWS says -------------------------------------------------------------------------

    def kit(self, path: str, document: object = None) -> Any:
        """One of the kit's paths (``tests/awskit/endpoint.py``)."""
        command = ["curl", "--silent", "--fail", "--max-time", "20", f"http://{API}/kit/{path}"]
        if document is not None:
            command += ["--data", json.dumps(document)]
        return json.loads(self.lab.on("aws", command, timeout=40).stdout)

    def published(self, name: str = MOBILE_NAME) -> str:
        """The address that the zone's name servers give; empty: none."""
        records = self.kit("resolve", [name, "A"])["records"]
        return str(records[-1][3]) if records else ""

    def answered(self) -> str:
        """The same for the house's name."""
        return self.published(NAME)

    def health(self) -> dict[str, Any]:
        """By line: what its health check says, and what the name servers know of it."""
        lines = {each["Id"]: each["CallerReference"].split(":")[2] for each in self.kit("state")["checks"]}
        return {lines[check]: told for check, told in self.kit("health")["checks"].items()}

    def known(self, since: float, line: str, *, healthy: bool) -> float | None:
        """Seconds of the guest from ``since`` until the name servers knew of a line's change."""
        for each in self.kit("health")["timeline"]:
            fits = each["what"] == "told" and each["healthy"] is healthy and f":{line}:" in each["reference"]
            if fits and each["at"] >= since:
                return float(each["at"]) - since
        return None

    def uptime(self) -> float:
        """The clock by which the kit's history is told."""
        return float(self.vm.run(["python3", "-c", "import time; print(time.monotonic())"]).stdout)

    def visit(self) -> str:
        """What somebody on the Internet gets who asks the house's name for its service; empty: nothing."""
        command = ["curl", "--silent", "--max-time", "15", f"http://{NAME}:{SERVICE}/"]
        return self.lab.on("aws", command, timeout=30, check=False).stdout

    def until(self, wanted: Callable[[], Any], *, deadline: float, what: str) -> None:
        """Ask until it is true, in seconds of this machine."""
        end = time.monotonic() + deadline * PATIENCE
        while time.monotonic() < end:
            if wanted():
                return
            time.sleep(0.5)
        journal = self.vm.run(
            "journalctl --no-pager -o short-monotonic -u failberry -u 'failberry-dns*' --lines=30",
            check=False,
        ).stdout
        raise LabError(
            f"{what}: not within {deadline:.0f} s; {json.dumps(self.kit('health'))[:2000]}\n{journal}"
        )
