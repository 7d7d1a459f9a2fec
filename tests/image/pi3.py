"""QEMU's model of the Pi 3 with the card that was built for it: its U-Boot, its boot.scr, its Linux.

The model differs from the board in one thing that matters here: it resets as soon as the watchdog is wound
up, not when that has run down.  :func:`tame` keeps systemd and U-Boot from doing so.  All else is the card's
own: a Linux that restarts, or that panics, does so through the watchdog's driver, as on the board.

Nobody can log in, and there is one serial port.  Slot a says on it what ``failberryctl`` knows.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.bootcard import STEP_DEADLINE, Kernel, arm64_image
from tests.image.card import DATA, ROOT_A, Card
from tests.image.updates import HASTY, NETWORK, SYSTEM, inside, surroundings, write
from tests.patience import PATIENCE

DEADLINE = 240.0
UPDATE_NOW = "update-now"
"""A file on the first partition: whoever starts slot a with it asks for an update."""
TELLER = "/usr/lib/systemd/system/failberry-model.service"
TELLER_UNIT = f"""\
[Unit]
ConditionKernelCommandLine=failberry.slot=a
After=failberry-trial.service
[Service]
ExecStart=/bin/sh {TELLER}.sh
"""
TELLER_SCRIPT = f"""\
# Opened for each line: who offers a login there hangs up all who have it open.
say() {{ echo "$1" >/dev/console; }}
while [ -e /boot/firmware/{UPDATE_NOW} ] && ! failberryctl system update --no-wait; do sleep 5; done
while :; do
	say "told: $(failberryctl system status --json | tr -d '\\n')"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		say "progress: $(cat /run/failberry-system/progress.json)"
		sleep 2
	done
done
"""
NO_WATCHDOG = "[Manager]\nRuntimeWatchdogSec=off\nRebootWatchdogSec=off\n"
PORT = 0x3F215040
"""AUX_MU_IO of the mini UART (BCM2837 ARM Peripherals)."""
PM_RSTC, PM_WDOG, PASSWORD = 0x3F10001C, 0x3F100024, 0x5A000000
RESET = ((PM_WDOG, PASSWORD | 10), (PM_RSTC, PASSWORD | 0x20))
"""What is written where for the watchdog to reset the machine."""
ARMED, NOT_ARMED = b"1c 5a000122", b"1c 5a000102"
"""What boot.cmd writes to PM_RSTC; and what leaves the watchdog alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A model of QEMU's, and the card that was built for it."""

    architecture: str
    """Of the card."""
    program: str
    model: str
    tree: str
    """Its device tree, on the first partition."""
    ports: tuple[str, ...]
    """Serial ports before the one on the pins."""
    u_boot: Callable[[Card, Path], Sequence[str | Path]]
    """What has QEMU start the card's; the folder is for files."""
    kernel: Callable[[str, Kernel], bytes]
    """One that says its name on the pins, then hangs or has the watchdog reset the machine."""


def unarmed(card: Card, folder: Path) -> None:
    """U-Boot does not wind up the watchdog."""
    script = card.get("boot.scr")
    # A legacy image (U-Boot's include/image.h): a header of 64 octets, one length, 0, the text.
    (length,) = struct.unpack(">I", script[64:68])
    text = script[72 : 72 + length]
    assert text.count(ARMED) == 1
    source, made = folder / "boot.cmd", folder / "boot.scr"
    source.write_bytes(text.replace(ARMED, NOT_ARMED))
    _run("mkimage", "-T", "script", "-A", "arm64", "-C", "none", "-d", source, made)
    card.put("boot.scr", made.read_bytes())


def tame(card: Card, folder: Path) -> None:
    """Nobody winds up the watchdog, and the Linux of slot a tells what it knows."""
    unarmed(card, folder)
    files = {
        "/usr/lib/systemd/system.conf.d/90-model.conf": NO_WATCHDOG,
        TELLER: TELLER_UNIT,
        f"{TELLER}.sh": TELLER_SCRIPT,
        # What systemd starts with where there is no clock: Debian's archive is never signed in its future.
        "/usr/lib/clock-epoch": "",
    }
    write_texts(card, ROOT_A, files, folder)
    link(card, ROOT_A, "/etc/systemd/system/multi-user.target.wants/failberry-model.service", TELLER)


def hasten(card: Card, folder: Path) -> None:
    """Its wired line has been up for a day."""
    path = f"{SYSTEM}/updatehost.py"
    text = card.read_file(ROOT_A, path).decode()
    changed, count = re.subn(r"(?m)^    def lines\(self\).*$", rf"\g<0>\n        {HASTY}", text)
    assert count == 1
    write_texts(card, ROOT_A, {path: changed}, folder)


def write_texts(card: Card, start: int, files: dict[str, str], folder: Path) -> None:
    """Write files into an ext4 partition of a card that no machine has."""
    sources = {}
    for number, (target, text) in enumerate(files.items()):
        sources[target] = folder / f"text-{number}"
        sources[target].write_text(text)
    write(card, start, sources)


def link(card: Card, start: int, name: str, target: str) -> None:
    """Make a symbolic link there."""
    _debugfs(card, start, f"symlink {name} {target}")


def _debugfs(card: Card, start: int, line: str) -> None:
    _run("debugfs", "-w", "-R", line, f"{card.path}?offset={start << 20}")


def kept(card: Card, name: str, folder: Path) -> bytes:
    """A file of the data partition, from a copy whose journal was replayed: the plug was pulled."""
    copy = folder / "data.ext4"
    card.copy(DATA, copy)
    subprocess.run(["e2fsck", "-p", copy], check=False, capture_output=True, timeout=STEP_DEADLINE)
    return _run("debugfs", "-R", f"cat {name}", copy)


def state(card: Card, folder: Path) -> dict[str, Any]:
    """What the card keeps of its slots."""
    found: dict[str, Any] = json.loads(kept(card, "/system/state.json", folder))
    return found


def told(said: str) -> list[dict[str, Any]]:
    """What ``failberryctl system status`` told at the serial port, the last of it last."""
    return list(_documents("told", said))


def step(said: str) -> str:
    """Where the update was when it last said so."""
    return ([str(each.get("step", "")) for each in _documents("progress", said)] or [""])[-1]


def _documents(name: str, said: str) -> Iterator[dict[str, Any]]:
    for line in re.findall(rf"{name}: (\{{.*\}})", said):
        # systemd and the kernel speak at the same port, in the midst of a line, too.
        try:
            yield json.loads(line)
        except ValueError:
            continue


class Pi:
    """What was said so far, and whether it is on."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    @property
    def _end(self) -> str:
        return self.said[-3000:]

    @property
    def is_on(self) -> bool:
        return self._process.poll() is None

    def wait(self, until: Callable[[str], bool], *, deadline: float = DEADLINE, grace: float = 0.0) -> str:
        """Boot, and boot again after each reset, until it is so; return all that was said.

        ``grace``: seconds that what was asked for may take to reach the card.
        """
        for _ in self._until(deadline):
            if until(self.said):
                break
            assert self.is_on, f"it is off\n{self._end}"
        time.sleep(grace)
        return self.said

    def wait_for_restart(self, *, deadline: float) -> str:
        """Until Linux restarts it, where it is to stay off then."""
        for _ in self._until(deadline):
            if not self.is_on:
                break
        return self.said

    def _until(self, deadline: float) -> Iterator[None]:
        """Twice a second; at the deadline the test has failed."""
        ends = time.monotonic() + deadline * PATIENCE
        while True:
            yield
            assert time.monotonic() < ends, self._end
            time.sleep(0.5)


def program(
    load: Callable[[int, int], list[int]],
    says: Sequence[int],
    store: int,
    stays: int,
    *,
    port: int,
    does: Kernel,
) -> list[int]:
    """The instructions of a kernel, in its processor's words.

    ``load`` gives a register a number, ``says`` has what register 1 points to said at the port in register 2,
    ``store`` writes register 3 to where register 2 points.
    """
    code = [*load(2, port), *says]
    if does is Kernel.RESETS:
        for register, value in RESET:
            code += [*load(2, register), *load(3, value), store]
    return [*code, stays]


def kernel(name: str, does: Kernel) -> bytes:
    """Return an arm64 Image for the mini UART."""
    says = [
        0x38401423,  # ldrb w3, [x1], #1
        0x34000063,  # cbz w3, behind the loop
        0x39000043,  # strb w3, [x2]
        0x17FFFFFD,  # b to the ldrb
    ]
    store, stays = 0xB9000043, 0x14000000  # str w3, [x2]; b here
    return arm64_image(program(_load, says, store, stays, port=PORT, does=does), name)


def _load(register: int, value: int) -> list[int]:
    """A 32-bit number: movz, movk."""
    return [
        0xD2800000 | (value & 0xFFFF) << 5 | register,
        0xF2A00000 | (value >> 16) << 5 | register,
    ]


PI_3 = Board(
    architecture="arm64",
    program="qemu-system-aarch64",
    model="raspi3b",
    tree="bcm2837-rpi-3-b.dtb",
    ports=("null",),
    u_boot=lambda card, folder: ("-kernel", card.take("u-boot.bin", folder)),
    kernel=kernel,
)


@contextmanager
def powered(
    card: Card,
    folder: Path,
    *,
    archive: Path | None = None,
    restarts: bool = True,
    board: Board = PI_3,
) -> Iterator[Pi]:
    """The machine, switched on; its plug is pulled at the end.

    Without ``restarts`` it is off where Linux would restart it.
    """
    said = folder / "said"
    said.unlink(missing_ok=True)
    # setpriv: the kernel ends it when this process is killed too hard to do it itself.
    command: list[str | Path] = [
        board.program, "-M", board.model, "-display", "none",
        *board.u_boot(card, folder), "-dtb", card.take(board.tree, folder),
        "-drive", f"if=sd,format=raw,file={card.path}",
        "-netdev", f"{NETWORK},id=n0", "-device", "usb-net,netdev=n0",
        *(word for port in (*board.ports, f"file:{said}") for word in ("-serial", port)),
        *([] if restarts else ["-no-reboot"]),
    ]  # fmt: skip
    with surroundings(archive or folder) as place:
        machine = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *inside(place), *command],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            yield Pi(machine, said)
        finally:
            machine.kill()
            machine.wait(STEP_DEADLINE)


def _run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=STEP_DEADLINE).stdout
