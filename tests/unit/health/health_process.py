"""The health server as a process of its own, for the tests of this folder."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import failberry
from failberry.health.heartbeat import Line, encode

BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
ROOT = Path(failberry.__file__).parents[1]
LINES = {
    "wired": Line(addresses=["127.0.0.1", "::1"], path="/wired-secret"),
    "cellular": Line(addresses=["127.0.0.2"], path=None),
}
TIMEOUT = 10.0


class HealthProcess:
    """A running ``python -m failberry.health`` on a free loopback port."""

    def __init__(self, heartbeat: Path) -> None:
        self.heartbeat = heartbeat

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "failberry.health", "--heartbeat", str(self.heartbeat)]
        self.process = subprocess.Popen(
            [*command, "--listen", "[::]:0"], stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stderr
        said = self.process.stderr.readline()
        listening = re.search(r"listening on \[::\]:(\d+)", said)
        assert listening, said
        self.port = int(listening[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        said = self.process.communicate(timeout=TIMEOUT)[1]
        assert re.sub(r"<6>connections by outcome .*\n", "", said) == ""

    def beat(
        self, *, age: float = 0.0, boot_id: str = BOOT_ID, standby: bool | None = None, reason: str = ""
    ) -> None:
        """Replace the heartbeat as the daemon does."""
        new = self.heartbeat.with_suffix(".new")
        beat = encode(time.monotonic() - age, boot_id, LINES, standby=standby, standby_reason=reason)
        new.write_bytes(beat)
        new.rename(self.heartbeat)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection((address, self.port), timeout=TIMEOUT)

    def ask(self, request: bytes, address: str = "127.0.0.1") -> bytes:
        with self.connect(address) as peer:
            peer.sendall(request)
            return read_all(peer)

    def get(self, path: str = "/", address: str = "127.0.0.1") -> bytes:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), address)


def read_all(peer: socket.socket) -> bytes:
    answer = b""
    while chunk := peer.recv(4096):
        answer += chunk
    return answer
