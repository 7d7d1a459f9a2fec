"""The carrier's end of a data call: a real pppd in the carrier's network namespace, and what it forwards.

pppd runs on a pseudo terminal of its own and the simulator carries the bytes, as a stick's firmware does. So
the USB tty is never handed over (no byte can be lost), the firmware sees "+++" and HDLC breaks, it can hang
in mid-session, and a host whose pppd was killed finds the port still in data mode.
"""

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import termios
import tty
from dataclasses import dataclass, field
from typing import IO

from .model import Reach, StartPpp

N_PPP = 3  # include/uapi/linux/tty.h
TERM_DEADLINE = 10.0  # seconds: pppd repeats its Terminate-Request for up to 6
MAX_WAITING = 262_144
NFT_DEADLINE = 10.0


def limit(netns: str, reach: Reach, address: str, dns: tuple[str, ...]) -> str:
    """Let a subscriber's packets get so far and no farther; return what went wrong, or nothing.

    LCP is not concerned: it ends in pppd.
    """
    rules = []
    if reach is not Reach.EVERYWHERE:
        if reach is Reach.CARRIER:
            rules = [
                f"iifname ppp* ip daddr {{ {', '.join(server for server in dns if '.' in server)} }} accept"
            ]
        rules += ["iifname ppp* drop", f"ip daddr {address} drop"]
    hook = "type filter hook prerouting priority -300;"
    # Made, emptied and made again: the same words whatever was there (nft(8), "Atomic").
    text = (
        "table inet subscriber\ndelete table inet subscriber\ntable inet subscriber {\n"
        f"chain prerouting {{\n{hook}\n" + "\n".join(rules) + "\n}\n}\n"
    )
    command = ["ip", "netns", "exec", netns, "nft", "-f", "-"]
    try:
        done = subprocess.run(
            command, input=text, text=True, capture_output=True, timeout=NFT_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip()


def pppd_command(start: StartPpp, tty_path: str, *, netns: str, pppd: str) -> list[str]:
    """The command line, with all that Debian's /etc/ppp/options sets otherwise."""
    dns = [word for server in start.dns for word in ("ms-dns", server)]
    return [
        *(["ip", "netns", "exec", netns] if netns else []),
        pppd, tty_path, "460800", "nodetach", "nolock", "local", "nocrtscts", "noauth", "nodefaultroute",
        "silent", "noccp", "novj", "asyncmap", "0", "lcp-echo-interval", "0", "maxfail", "1",
        "ip-up-script", "/bin/true", "ip-down-script", "/bin/true",
        f"{start.peer}:{start.address}", *dns,
        "+ipv6" if start.ipv6 else "noipv6",
        *([] if start.send_peer_address else ["nosendip"]),
        *start.ppp_options,
    ]  # fmt: skip


@dataclass(kw_only=True)
class PppSession:
    """One pppd. Its end is seen on ``pidfd``; ``kill_at`` is when patience ends after a graceful stop."""

    port: int
    process: subprocess.Popen[bytes]
    pidfd: int
    master: int
    slave: int
    ready: bool = False
    kill_at: float | None = None
    waiting: bytearray = field(default_factory=bytearray)

    @staticmethod
    def start(start: StartPpp, *, netns: str, pppd: str, log: IO[bytes] | int) -> "PppSession":
        """Start pppd. Raises OSError when there is none."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        command = pppd_command(start, os.ttyname(slave), netns=netns, pppd=pppd)
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError:
            os.close(master)
            os.close(slave)
            raise
        pidfd = os.pidfd_open(process.pid)
        return PppSession(port=start.port, process=process, pidfd=pidfd, master=master, slave=slave)

    def check_ready(self) -> None:
        """See whether pppd has the line. What it were given before would be flushed with its TCSAFLUSH."""
        discipline = fcntl.ioctl(self.slave, termios.TIOCGETD, struct.pack("i", 0))
        if struct.unpack("i", discipline)[0] == N_PPP:
            self.ready = True
            self.flush()

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        self.waiting += data[: MAX_WAITING - len(self.waiting)]
        if self.ready:
            self.flush()

    def flush(self) -> None:
        """Hand on what pppd can take."""
        if self.waiting:
            with contextlib.suppress(OSError):  # full, or hung up: pidfd reports the end
                del self.waiting[: os.write(self.master, self.waiting)]

    def read(self) -> bytes:
        """Bytes for the host, or b"" when there are none now."""
        with contextlib.suppress(OSError):
            return os.read(self.master, 65536)
        return b""

    def stop(self, *, graceful: bool, now: float) -> None:
        """Ask pppd to end the link, or kill it."""
        self.process.send_signal(signal.SIGTERM if graceful else signal.SIGKILL)
        if graceful:
            self.kill_at = now + TERM_DEADLINE

    def ended(self, *, timeout: float) -> bool:
        """Wait for pppd for so many seconds."""
        try:
            self.process.wait(max(timeout, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> int:
        """Reap and release; return pppd's exit code."""
        code = self.process.wait()
        for fd in (self.pidfd, self.master, self.slave):
            os.close(fd)
        return code
