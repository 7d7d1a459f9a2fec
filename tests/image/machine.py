"""A machine with a card in it: power on, power off, a root shell on its second serial port, QEMU's monitor.

The kernel and the initrd are those on the card's first partition, in the folder of the slot that the boot
loader would take. Nothing of the guest has to work for its power to be cut.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.image.card import Card, scratch
from tests.lab.cache import LabError
from tests.lab.channel import Conversation
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
STEADY = bool(os.environ.get("FAILBERRY_STEADY"))
"""A guest's clock follows what it has computed (QEMU's icount): no deadline inside of it passes while it
stands still, because this machine has a lot of other work. It then has one processor."""
BOOT_DEADLINE = 420.0
COMMAND_DEADLINE = 60.0
CONSOLE_TAIL = 3000
JOURNAL = "journalctl --boot --no-pager --output=short-monotonic --unit='failberry*' --lines=30"
QUIET = "export TERM=dumb PAGER=cat SYSTEMD_COLORS=0"


class MachineError(Exception):
    """The machine does not do what it must: says what, with the end of its console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """How QEMU imitates a computer, and what its Linux is told because of it."""

    program: str
    arguments: tuple[str, ...]
    console: str
    terminal: str
    """Terminal of the root shell."""
    second_port: tuple[str, ...] = ("-serial", "chardev:shell")
    disk: tuple[str, ...] = ("-device", "virtio-blk-pci,drive=card")


BOARDS = {
    "amd64": Board(
        program="qemu-system-x86_64",
        arguments=("-machine", "pc", "-cpu", "qemu64,-svm"),
        console="ttyS0",
        terminal="ttyS1",
    ),
    # Without pointer authentication, which is computed in software, it boots in half the time.
    "arm64": Board(
        program="qemu-system-aarch64",
        arguments=("-machine", "virt", "-cpu", "max,pauth=off"),
        console="ttyAMA0",
        terminal="ttyS0",
        second_port=("-device", "pci-serial,chardev=shell"),
    ),
    "armhf": Board(
        program="qemu-system-arm",
        arguments=("-machine", "virt,highmem=off", "-cpu", "cortex-a15"),
        console="ttyAMA0",
        terminal="ttyS0",
        second_port=("-device", "pci-serial,chardev=shell"),
    ),
}
STEADY_PACE = ("tcg,thread=single", "-icount", "shift=1,align=off,sleep=on", "-smp", "1")
PACE = ("tcg,thread=multi", "-smp", os.environ.get("FAILBERRY_PROCESSORS", "2"))
"""One is better where two machines share two processors: no processor of a guest then waits for a lock of
another that is not running."""


@dataclass(slots=True, kw_only=True)
class Machine:
    """One computer; it may be switched on and off as often as one likes. Use it as a context manager."""

    card: Card
    architecture: str = "amd64"
    folder: Path = field(default_factory=scratch)
    arguments: tuple[str, ...] = ()
    """More of QEMU's."""
    networks: tuple[str, ...] = ("user,restrict=on",)
    """A network card for each, as ``-netdev`` has it without ``id=``. Nothing leaves this computer."""
    started_by: tuple[str, ...] = ()
    """What starts QEMU, such as ``ip netns exec NAME``."""
    steady: bool = STEADY
    boots: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _monitor: Conversation | None = None
    _shell: socket.socket | None = None
    _heard: bytes = b""

    def __enter__(self) -> Self:
        atexit.register(self.close)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch it off and remove its files, the card too if it lies there."""
        atexit.unregister(self.close)
        self.cut_power()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def common(self) -> tuple[str, ...]:
        """What QEMU is told whatever it imitates."""
        pace = STEADY_PACE if self.steady else PACE
        return ("-accel", *pace, "-m", "512", "-display", "none", "-nodefaults", "-no-user-config")

    @property
    def board(self) -> Board:
        return BOARDS[self.architecture]

    @property
    def console(self) -> Path:
        """What it has said at this boot."""
        return self.folder / f"console-{self.boots}.log"

    def said(self) -> str:
        """The end of that."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)[-CONSOLE_TAIL:]

    # --- power

    def boot_loader(self) -> str:
        """What U-Boot does with ``slot.env`` (image/boot/boot.cmd): the slot to start, a try used up."""
        env = self.card.slot_env()
        trial, tries = env.get("trial", ""), env.get("tries", "")
        if not trial:
            return env.get("slot", "a")
        if tries in ("1", "2"):
            self.card.write_slot_env({**env, "tries": str(int(tries) - 1)})
            return trial
        self.card.write_slot_env({**env, "trial": "", "tries": "0", "rolledback": trial})
        return env.get("slot", "a")

    def power_on(self, *, more: str = "") -> None:
        """Start it; ``more`` is added to the kernel's command line."""
        assert self._process is None, "it is on"
        slot = self.boot_loader()
        self.boots += 1
        kernel = self.card.take(f"{slot}/vmlinuz", self.folder)
        initrd = self.card.take(f"{slot}/initrd.img", self.folder)
        told = self.card.get("cmdline.txt").decode().strip()
        line = (
            f"root=PARTUUID=fa11be44-0{2 if slot == 'a' else 3} failberry.slot={slot} {told}"
            f" console={self.board.console} systemd.debug_shell={self.board.terminal} {more}"
        )
        for name in ("shell", "monitor"):
            (self.folder / name).unlink(missing_ok=True)
        networks = [
            word
            for number, each in enumerate(self.networks)
            for word in (
                "-netdev",
                f"{each},id=n{number}",
                "-device",
                f"virtio-net-pci,netdev=n{number},romfile=",
            )
        ]
        command = [
            self.board.program, *self.board.arguments, *self.common,
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", line.strip(),
            "-drive", f"file={self.card.path},format=raw,if=none,id=card,cache=writeback", *self.board.disk,
            *networks, *self._hub(), "-device", "virtio-rng-pci",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off",
            *self.board.second_port,
            "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off", *self.arguments,
        ]  # fmt: skip
        self._switch_on(command)

    def _switch_on(self, command: Sequence[str]) -> None:
        # setpriv: the kernel ends the machine when this process is killed too hard to do it itself.
        with (self.folder / "qemu.log").open("w") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.started_by, *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._monitor = Conversation(self.folder / "monitor", deadline=20 * PATIENCE)
            self._monitor.ask("qmp_capabilities", deadline=20 * PATIENCE)
            self._shell = socket.socket(socket.AF_UNIX)
            self._shell.connect(str(self.folder / "shell"))
            self._shell.settimeout(0)
            self._heard = b""
        except (LabError, TimeoutError, OSError) as error:
            self.cut_power()
            raise MachineError(f"QEMU: {error}\n{(self.folder / 'qemu.log').read_text()}") from None

    def _hub(self) -> list[str]:
        """With a switch for each port, as those that uhubctl names; ``hub.pcap`` has what it is told."""
        hub = f"usb-hub,id=hub,bus=usb.0,port=1,port-power=on,pcap={self.folder}/hub.pcap"
        return ["-device", "qemu-xhci,id=usb", "-device", hub]

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ends(self, *, within: float) -> bool:
        """Whether it switches itself off in so many seconds: its shell is closed a little earlier."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        return not self.is_on

    def cut_power(self, *, after: float = 0.0) -> None:
        """Pull the plug, whatever it is doing; ``after``: so many seconds from now."""
        if after and self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(after)
                raise MachineError(f"it switched itself off\n{self.said()}")
        for each in (self._monitor, self._shell):
            if each is not None:
                each.close()
        self._monitor = self._shell = None
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stand still in the midst of it: the card is as a power cut at this instant would leave it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def shut_down(self, *, deadline: float = 120.0) -> None:
        """As a person does who has a key: ``systemctl poweroff``; the plug after that."""
        with contextlib.suppress(MachineError):
            self.run("systemctl --no-block poweroff")
        self.wait_for_end(deadline=deadline)

    def wait_for_end(self, *, deadline: float = 120.0) -> None:
        """Until it has switched itself off."""
        assert self._process is not None
        try:
            self._process.wait(deadline * PATIENCE)
        except subprocess.TimeoutExpired:
            raise MachineError(f"still on after {deadline:.0f} s\n{self.said()}") from None
        self.cut_power()

    def monitor(self, command: str) -> str:
        """One command of QEMU's human monitor, such as ``set_link n0 off``."""
        assert self._monitor is not None
        return str(self._monitor.ask("human-monitor-command", deadline=30 * PATIENCE, command_line=command))

    # --- its shell

    def wait_for_shell(self, *, deadline: float = BOOT_DEADLINE) -> None:
        """Until systemd has started the root shell; everything after that can be asked."""
        give_up = time.monotonic() + deadline * PATIENCE
        while True:
            try:
                # In this shell, not in one of its own: it is for all that come after.
                self._ask(f"stty -echo -onlcr 2>/dev/null; PS1=; PS2=; {QUIET}", 5, bare=True)
            except (TimeoutError, ConnectionError):
                if time.monotonic() > give_up or not self.is_on:
                    raise MachineError(f"no shell after {deadline:.0f} s\n{self.said()}") from None
            else:
                return

    def run(self, command: str, *, timeout: float = COMMAND_DEADLINE, check: bool = True) -> str:
        """What a line for ``/bin/sh`` says, both outputs; MachineError if it fails (unless not ``check``)."""
        code, told = self.result(command, timeout=timeout)
        if check and code:
            raise MachineError(f"{command}\nended with {code}\n{told}\n{self.said()}")
        return told

    def result(self, command: str, *, timeout: float = COMMAND_DEADLINE) -> tuple[int, str]:
        """How a line ended, and what it said."""
        try:
            return self._ask(command, timeout * PATIENCE)
        except TimeoutError:
            raise MachineError(f"{command}\nno answer in {timeout:.0f} s\n{self.said()}") from None
        except ConnectionError:
            raise MachineError(f"{command}\nthe machine is off\n{self.said()}") from None

    def put(self, path: str, content: bytes | str) -> None:
        """Write a small file in the guest."""
        data = content.encode() if isinstance(content, str) else content
        lines = base64.encodebytes(data).decode().splitlines()
        self.run(f"mkdir -p $(dirname {path}) && : >{path}")
        for start in range(0, len(lines), 40):
            piece = "\n".join(lines[start : start + 40])
            self.run(f"base64 -d >>{path} <<'END'\n{piece}\nEND")

    def wait_until(self, command: str, *, deadline: float, every: float = 0.5) -> str:
        """Repeat a line until it ends with 0."""
        give_up = time.monotonic() + deadline * PATIENCE
        while True:
            code, told = self.result(command)
            if code == 0:
                return told
            if time.monotonic() > give_up:
                said = self.run(JOURNAL, check=False)
                raise MachineError(f"not so after {deadline:.0f} s: {command}\n{told}\n{said}\n{self.said()}")
            time.sleep(every)

    def _ask(self, command: str, timeout: float, *, bare: bool = False) -> tuple[int, str]:
        assert self._shell is not None, "it is off"
        one, two = secrets.token_hex(4), secrets.token_hex(4)
        # In two halves: the terminal's echo of the question must not look like the answer.
        inner = command if bare else f"( {command}\n) </dev/null 2>&1"
        question = f"\necho '<{one}''{two}>'; {inner}; echo \"<{two}\"\"{one}:$?>\"\n"
        give_up = time.monotonic() + timeout
        self._heard = b""
        # A port that is opened for the first time forgets the beginning of what it was sent.
        self._send((("\n" * 64 if bare else "") + question).encode(), give_up)
        pattern = re.compile(rf"<{two}{one}:(\d+)>".encode())
        while not (found := pattern.search(self._heard)):
            left = give_up - time.monotonic()
            if left <= 0 or not select.select([self._shell], [], [], left)[0]:
                raise TimeoutError
            heard = self._shell.recv(1 << 16)
            if not heard:
                raise ConnectionResetError
            self._heard += heard
        told = self._heard[: found.start()].decode(errors="replace").replace("\r", "")
        told = told.rpartition(f"<{one}{two}>\n")[2]
        return int(found[1]), told

    def _send(self, data: bytes, give_up: float) -> None:
        assert self._shell is not None
        while data:
            left = give_up - time.monotonic()
            if left <= 0 or not select.select([], [self._shell], [], left)[1]:
                raise TimeoutError
            data = data[self._shell.send(data[:512]) :]

    # --- what every test asks

    def wait_for_boot(self, *, deadline: float = BOOT_DEADLINE) -> str:
        """Until systemd has started everything; what ``is-system-running`` says then."""
        self.wait_for_shell(deadline=deadline)
        return self.wait_until(
            "systemctl is-system-running | grep -xE 'running|degraded'",
            deadline=deadline,
        ).strip()
