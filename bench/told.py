"""What it costs that somebody is told: bytes of the metered line for one message, and memory at rest (root).

    python -m bench.told

Each way of telling, against a server of that kind behind TLS 1.3 with certificates as public ones have them:
two of RSA by ntfy, webhook and mail, four by SNS.  Bytes are TCP as IP counts it, on the loopback of a
namespace that has the MTU of a line; names are looked up elsewhere, and not counted.  Memory is PSS (proc(5),
smaps_rollup) of the real programs beside the real daemon in a city of tests/netns, when nothing has happened
for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "netns"), str(ROOT / "tests" / "web")]

from city import HERE, INSIDE  # noqa: E402
from home import Home, home  # noqa: E402
from namespace import Namespace  # noqa: E402

from failberry.core.actions import Severity  # noqa: E402
from failberry.notify import mail, web  # noqa: E402
from failberry.notify.messages import Message, Topic  # noqa: E402
from failberry.notify.outbox import Delivery, Outcome, Result  # noqa: E402
from failberry.notifying import Receiver, Via  # noqa: E402
from tests import receivers  # noqa: E402

TIMES = 5
ETHERNET = 14
REST = 30.0
"""Seconds of quiet before memory is looked at."""
MESSAGE = Message(
    id="5f0c-812-failover", event=812, correlation=811, time=1_800_000_000.0, synced=True,
    topic=Topic.FAILOVER, severity=Severity.NOTICE, title="The house is on the mobile line",
    text="The wired line is down: no answer from any of three targets for 5.0 s; it breaks after the router.",
    cure="new flows use the mobile line; back when the wired one has been good for 60 s",
)  # fmt: skip
TOPIC = "arn:aws:sns:eu-central-1:123456789012:house"
PUBLISH = """
from failberry.dns.messages import TellRequest
from failberry.dns.telling import publish
from failberry.notify import render
from bench.told import MESSAGE, TOPIC, delivery
told = delivery()
publish(TellRequest(topic=TOPIC, region="eu-central-1", subject=f"house: {render.title(told)}",
                    text=render.body(told), name=told.id))
"""


def delivery() -> Delivery:
    return Delivery(id="0123456789abcdef01234567", channel="x", messages=(MESSAGE,))


def certificates(folder: Path, length: int) -> tuple[Path, Path, Path]:
    """Root, chain without it, key of the leaf: as long as is sent, each RSA with 2,048 bits."""
    above: list[str] = []
    chain = []
    for number in range(length, -1, -1):
        name = folder / f"{length}-{number}"
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            f"{name}.key",
        ]
        words += ["-subj", f"/C=US/O=A certificate authority of usual length/CN=Level {number}", *above]
        words += ["-addext", "subjectAltName=DNS:localhost"] if number == 0 else []
        words += ["-out", f"{name}.pem"]
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        above = ["-CA", f"{name}.pem", "-CAkey", f"{name}.key"]
        chain.append(Path(f"{name}.pem"))
    root, *sent = chain
    whole = folder / f"{length}.pem"
    whole.write_text("".join(each.read_text() for each in reversed(sent)))
    return root, whole, Path(f"{folder}/{length}-0.key")


class Sns(BaseHTTPRequestHandler):
    """Answers a Publish as SNS does, in size, too."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        number = "94f20ce6-13c5-43a0-9a9e-ca52d816e90b"
        body = (
            '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>'
            f"{number}</MessageId></PublishResult><ResponseMetadata><RequestId>{number}</RequestId>"
            "</ResponseMetadata></PublishResponse>"
        ).encode()
        self.send_response(200)
        for name, value in (
            ("x-amzn-RequestId", number), ("Content-Type", "text/xml"), ("Content-Length", str(len(body))),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def sns(pair: tuple[Path, Path]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sns)
    server.socket = receivers.server_context(pair).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def sent(outcome: Outcome) -> None:
    assert outcome.result is Result.SENT, outcome.words


def publish(port: int, root: Path) -> None:
    """As the child that has the key does it, in a process of its own."""
    environment = {
        **os.environ, "AWS_ENDPOINT_URL_SNS": f"https://localhost:{port}", "AWS_CA_BUNDLE": str(root),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "t" * 40,
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", PUBLISH], cwd=ROOT, env=environment, check=True, timeout=60)


def measured(namespace: Namespace, work: Callable[[], object]) -> tuple[float, float]:
    """Bytes and packets of one, once everything is warm."""

    def read() -> tuple[int, int]:
        told = namespace.json("-s -j link show lo")[0]["stats64"]["rx"]
        return told["bytes"], told["packets"]

    work()
    time.sleep(0.5)
    before = read()
    for _ in range(TIMES):
        work()
    time.sleep(0.5)
    octets, packets = (late - early for late, early in zip(read(), before, strict=True))
    return (octets - ETHERNET * packets) / TIMES, packets / TIMES


def on_the_wire(folder: Path) -> None:
    root, *pair = certificates(folder, 2)
    amazon, *theirs = certificates(folder, 4)
    namespace = Namespace("told")
    namespace.ip("link set lo mtu 1500 gso_max_segs 1")

    async def inside() -> None:
        key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        ours: tuple[Path, Path] = (pair[0], pair[1])
        with (
            receivers.web(receivers.Web(), tls=ours) as topic,
            receivers.web(receivers.Web(key=key), tls=ours) as hook,
            receivers.post(receivers.Post(password="geheim"), tls=ours) as post,  # noqa: S106
            sns((theirs[0], theirs[1])) as publisher,
        ):
            ntfy = Receiver(
                name="x", via=Via.NTFY, to=f"https://localhost:{topic.port}/casa-7f3kq2x9", ca=str(root)
            )
            webhook = Receiver(
                name="x", via=Via.WEBHOOK, to=f"https://localhost:{hook.port}/in", secret=key, ca=str(root)
            )
            letter = Receiver(
                name="x", via=Via.MAIL, to="me@example.net", sender="pi@example.net",
                server=f"localhost:{post}", secret="geheim", ca=str(root),  # noqa: S106
            )  # fmt: skip
            ways: dict[str, Callable[[], object]] = {
                "ntfy": lambda: sent(web.to_ntfy(ntfy, delivery(), "house")),
                "webhook": lambda: sent(web.to_webhook(webhook, delivery(), "house")),
                "mail": lambda: sent(mail.send(letter, delivery(), "house")),
                "sns": lambda: publish(publisher, amazon),
            }
            for name, work in ways.items():
                octets, packets = await asyncio.to_thread(measured, namespace, work)
                print(f"{name:<8} {octets:6.0f} bytes, {packets:4.1f} packets for one message")

    try:
        namespace.run(inside)
    finally:
        namespace.delete()


@contextlib.contextmanager
def running(*words: str, **options: Any) -> Iterator[int]:
    with subprocess.Popen(words, **options) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def pss(pid: int) -> float:
    """Megabytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"(?m)^Pss:\s+(\d+)", text)[0]) / 1000


def pid_of(made: Home, words: str) -> int:
    for text in made.city.pi.sh("ip", "netns", "pids", made.city.pi.name).split():
        if words in Path(f"/proc/{text}/cmdline").read_bytes().replace(b"\0", b" ").decode():
            return int(text)
    raise LookupError(words)


def at_rest(folder: Path) -> None:
    with home() as made:
        city = made.city
        places = {
            "config": city.folder / "failberry.toml", "settings": folder / "settings.json", "state": folder,
            "control": folder / "control", "daemon": city.socket, "hooks": folder / "none",
            "stuck": folder / "stuck",
        }  # fmt: skip
        given = [word for name, value in places.items() for word in (f"--{name}", str(value))]
        program = [*INSIDE, city.pi.name, sys.executable, "-m", "failberry.notify"]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"}
        subprocess.run(
            [*program, "settings", "--user", "root", *given], env=environment, check=True, timeout=30
        )
        with (
            running(*program, *given, env=environment, stderr=subprocess.DEVNULL) as notifier,
            running(sys.executable, "-c", "import time; time.sleep(300)") as idle,
            running(sys.executable, "-c", "import asyncio; asyncio.run(asyncio.sleep(300))") as loop,
        ):
            time.sleep(REST)
            for name, pid in {
                "failberryd": pid_of(made, "appliance.py"),
                "failberry-notify": notifier,
                "failberry-web": pid_of(made, "failberry.web --socket"),
                "an idle python3": idle,
                "an idle asyncio loop": loop,
            }.items():
                print(f"{name:<21} {pss(pid):5.1f} MB (PSS)")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        on_the_wire(Path(folder))
        at_rest(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
