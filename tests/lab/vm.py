"""One virtual machine: boot once, keep the moment, come back to it in a second.

``Vm.start()`` resumes the booted guest from the cache (and boots it first when the cache has none); with a
``Stage`` it resumes a guest that has been prepared further. Nothing that happens in the machine
reaches the cache.
"""

import atexit
import base64
import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.patience import PATIENCE

from . import cache, qemu
from .build import Image, image
from .cache import LabError
from .channel import Conversation, decoded

BOOT_DEADLINE = 180.0
RESUME_DEADLINE = 30.0
LOADS = 3  # of one moment: of some hundreds under QEMU 7.2, one comes back with a guest that never runs
KVM_FIRST_SIGN = 10.0  # /dev/kvm may exist and hang for ever
COMMAND_DEADLINE = 30.0
MEET_DEADLINE = 10.0
CONSOLE_TAIL = 2000
PREFIX = "failberry-lab-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command in the guest said and how it ended; ``rc`` is negative for a signal."""

    rc: int
    stdout: str
    stderr: str


class CommandError(LabError):
    """A command in the guest ended with something else than 0."""

    def __init__(self, command: str, result: Result) -> None:
        super().__init__(f"in the guest: {command}\nended with {result.rc}\n{result.stdout}{result.stderr}")
        self.result = result


class NoSignOfLifeError(LabError):
    """QEMU did not start, or its guest does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A guest worth keeping: ``prepare`` brings a booted one there; ``key`` tells outcomes apart."""

    name: str
    key: str
    prepare: Callable[["Vm"], None]


class Vm:
    """A running guest. Use it as a context manager; it is ended at interpreter exit in any case."""

    def __init__(self, *, kernel_image: Image, disk: Path, accelerator: str, resume: str | None) -> None:
        """Private: use ``Vm.start()``."""
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.console = self.folder / "console.log"
        self.accelerator = accelerator
        self._turn = threading.RLock()
        self._agent: Conversation | None = None
        self._monitor: Conversation | None = None
        atexit.register(self.close)
        self.disk = self.folder / "disk.qcow2"
        shutil.copyfile(disk, self.disk)
        command = [
            *qemu.command(kernel_image, accelerator),
            "-drive", f"file={self.disk},format=qcow2,if=virtio,cache=unsafe",
            "-chardev",
            f"socket,id=console,path={self.folder}/console,server=on,wait=off,logfile={self.console}",
            "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
            "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off",
            "-pidfile", f"{self.folder}/pid",
            *(("-loadvm", resume) if resume else ()),
        ]  # fmt: skip
        # setpriv: the kernel ends the machine when this process is killed too hard to do it itself.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL, stdout=(self.folder / "qemu.log").open("w"), stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            self._meet(resume)
        except BaseException:
            self.close()
            raise

    # --- life -----------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, stage: Stage | None = None) -> "Vm":
        """A guest at ``stage`` (default: just booted), from the cache when it has one, else made and kept."""
        _sweep()
        kernel_image = image()
        accelerator = qemu.accelerator()
        vm = None
        if accelerator == "kvm":
            try:
                vm = cls._resumed(kernel_image, "kvm", stage)
            except NoSignOfLifeError as error:
                print(f"lab: KVM gives no sign of life, using TCG: {error}", file=sys.stderr, flush=True)
        vm = vm or cls._resumed(kernel_image, "tcg", stage)
        # QEMU has it open and needs no name for it: whatever becomes of this process, the copy will not stay.
        vm.disk.unlink()
        return vm

    @classmethod
    def _resumed(cls, kernel_image: Image, accelerator: str, stage: Stage | None) -> "Vm":
        kept = _kept(kernel_image, accelerator, stage)
        with cache.locked(kept.stem, deadline=BOOT_DEADLINE * 2 * PATIENCE):
            if not kept.exists():
                if stage is None:
                    cls._boot(kernel_image, accelerator, kept)
                else:
                    with cls._resumed(kernel_image, accelerator, None) as vm:
                        with _told(f"lab: preparing {stage.name!r}"):
                            stage.prepare(vm)
                        vm._keep(kept, stage.name)
            os.utime(kept)
            resumed = cls(
                kernel_image=kernel_image,
                disk=kept,
                accelerator=accelerator,
                resume=stage.name if stage else "booted",
            )
        cache.prune(kept.parent, keep=4)
        return resumed

    @classmethod
    def _boot(cls, kernel_image: Image, accelerator: str, kept: Path) -> None:
        with (
            tempfile.TemporaryDirectory(prefix=PREFIX) as scratch,
            _told(f"lab: booting ({accelerator})"),
        ):
            disk = Path(scratch) / "disk.qcow2"
            overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(kernel_image.disk)]
            subprocess.run([*overlay, str(disk)], check=True, timeout=30 * PATIENCE)
            with cls(kernel_image=kernel_image, disk=disk, accelerator=accelerator, resume=None) as vm:
                vm.wait_until(
                    "systemctl is-system-running | grep -qE 'running|degraded'", deadline=BOOT_DEADLINE
                )
                vm._keep(kept, "booted")

    def _meet(self, resume: str | None) -> None:
        """Find the monitor and the guest agent, and tell a resumed guest what time it is."""
        try:
            self._monitor = Conversation(self.folder / "monitor", deadline=MEET_DEADLINE * PATIENCE)
            self._monitor.ask("qmp_capabilities", deadline=MEET_DEADLINE * PATIENCE)
            if self.accelerator == "kvm":
                self._first_sign(fresh=resume is None)
        except (LabError, TimeoutError) as error:
            raise NoSignOfLifeError(f"{error}\n{self.console_tail()}") from None
        self._agent = Conversation(self.folder / "agent", deadline=MEET_DEADLINE * PATIENCE)
        if resume is None:
            self._reach_agent(BOOT_DEADLINE)
            self._set_clock()
        else:
            self._awaken(resume)

    def _first_sign(self, *, fresh: bool) -> None:
        give_up = time.monotonic() + KVM_FIRST_SIGN
        if not fresh:
            agent = Conversation(self.folder / "agent", deadline=KVM_FIRST_SIGN)
            try:
                agent.synchronise(deadline=KVM_FIRST_SIGN)
            finally:
                agent.close()
            return
        while not (self.console.exists() and self.console.stat().st_size):
            if time.monotonic() > give_up:
                raise TimeoutError("no output on the console")
            time.sleep(0.1)

    def _reach_agent(self, deadline: float) -> None:
        assert self._agent is not None
        try:
            self._agent.synchronise(deadline=deadline * PATIENCE)
        except TimeoutError:
            raise LabError(
                f"the guest agent has not answered for {deadline:.0f} s\n{self.console_tail()}"
            ) from None

    def _awaken(self, name: str) -> None:
        """Tell a guest that was just put back to a moment the time; if it does not run, put it back again."""
        for left in reversed(range(LOADS)):
            try:
                self._reach_agent(RESUME_DEADLINE)
                # One that stands still may still have answered: to run a program takes more of it.
                self._set_clock()
            except LabError as error:
                # It was nobody's work yet: what is put back is the same moment.
                if left == 0 or self._process.poll() is not None:
                    raise
                print(f"lab: {name!r} again: {error}", file=sys.stderr, flush=True)
            else:
                break
            assert self._agent is not None
            self._agent.close()
            self.monitor(f"loadvm {name}")
            self._agent = Conversation(self.folder / "agent", deadline=MEET_DEADLINE * PATIENCE)

    def close(self) -> None:
        """End this machine, and only this one, and remove its files. Calling it again does nothing."""
        atexit.unregister(self.close)
        for conversation in (self._agent, self._monitor):
            if conversation:
                conversation.close()
        process = getattr(self, "_process", None)  # absent when the very start failed
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                # A process inside a hanging KVM ioctl cannot even be killed: leave it to the kernel.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- moments --------------------------------------------------------------------------------------------

    def save(self, name: str) -> None:
        """Keep this moment (memory, disk, devices) in this machine, replacing an older one of that name."""
        self.monitor(f"savevm {name}")

    def load(self, name: str) -> None:
        """Go back to a kept moment; the guest's clock is set to now, its monotonic one goes on from then."""
        with self._turn:
            self.monitor(f"loadvm {name}")
            self._awaken(name)

    def _keep(self, kept: Path, name: str) -> None:
        """Save, end the machine, and publish its disk in the cache under its final name at once."""
        if name != "booted":
            self.monitor("delvm booted")
        self.save(name)
        assert self._monitor is not None
        self._monitor.ask("quit", deadline=30)
        self._process.wait(30)
        partial = kept.with_suffix(".partial")
        shutil.copyfile(self.disk, partial)
        partial.rename(kept)

    def monitor(self, command: str, *, deadline: float = 60.0) -> str:
        """One command of QEMU's human monitor, such as ``info snapshots``; LabError with its complaint."""
        assert self._monitor is not None
        with self._turn:
            said = str(
                self._monitor.ask("human-monitor-command", deadline=deadline * PATIENCE, command_line=command)
            )
        if said.startswith("Error") or "failed" in said:
            raise LabError(f"QEMU: {command}: {said.strip()}")
        return said

    def _set_clock(self) -> None:
        self.run(["date", "--set", f"@{time.time():.3f}"])

    # --- commands -------------------------------------------------------------------------------------------

    def run(
        self,
        command: Sequence[str] | str,
        *,
        timeout: float = COMMAND_DEADLINE,
        check: bool = True,
        stdin: bytes = b"",
    ) -> Result:
        """Run an argument list, or a line for ``/bin/sh``, as root in the guest.

        Its whole process group is killed in the guest after ``timeout`` seconds. Raises CommandError when it
        ends with another code than 0 (unless not ``check``; 124 then means that its time was over), LabError
        when the guest itself does not answer. Do not leave children behind: use ``spawn``.
        """
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        shown = command if isinstance(command, str) else shlex.join(words)
        started = self._ask(
            "guest-exec", path="timeout", arg=["--kill-after=2", f"{timeout * PATIENCE:.3f}", *words],
            capture_output=True, input_data=base64.b64encode(stdin).decode(),
        )  # fmt: skip
        give_up = time.monotonic() + (timeout + 15) * PATIENCE
        pause = 0.005
        while True:
            status = self._ask("guest-exec-status", pid=started["pid"])
            if status["exited"]:
                break
            if time.monotonic() > give_up:
                raise LabError(f"in the guest: {shown}\nstill not ended (a child of it may hold its output)")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        result = Result(
            rc=status["exitcode"] if "exitcode" in status else -status["signal"],
            stdout=decoded(status, "out-data").decode(errors="replace"),
            stderr=decoded(status, "err-data").decode(errors="replace"),
        )
        if check and result.rc:
            raise CommandError(shown, result)
        return result

    def spawn(self, unit: str, command: Sequence[str] | str, *, properties: Sequence[str] = ()) -> None:
        """Start a command as the transient systemd service ``unit``; ``properties`` as in systemd.exec(5)."""
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        settings = [f"--property={setting}" for setting in properties]
        self.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", *settings, "--", *words])

    def wait_until(self, command: Sequence[str] | str, *, deadline: float, every: float = 0.2) -> Result:
        """Repeat ``command`` until it ends with 0; LabError with its last words when the time is over."""
        give_up = time.monotonic() + deadline * PATIENCE
        while True:
            left = (give_up - time.monotonic()) / PATIENCE
            result = self.run(command, timeout=max(1.0, left), check=False)
            if result.rc == 0:
                return result
            if time.monotonic() > give_up:
                shown = command if isinstance(command, str) else shlex.join(command)
                raise LabError(f"not so after {deadline:.0f} s: {shown}\n{result.stdout}{result.stderr}")
            time.sleep(every)

    # --- files ----------------------------------------------------------------------------------------------

    def put(self, path: str, content: bytes | str, *, mode: int = 0o644) -> None:
        """Write a file in the guest, making its folders."""
        data = content.encode() if isinstance(content, str) else content
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "put", path, f"{mode:o}"], stdin=data)

    def put_tree(self, folder: Path, path: str) -> None:
        """Copy a folder of the host to ``path`` in the guest, without byte code."""
        packed = subprocess.run(
            ["tar", "-c", "--exclude=__pycache__", "--owner=0", "--group=0", "-C", str(folder), "."],
            capture_output=True, check=True, timeout=30 * PATIENCE,
        ).stdout  # fmt: skip
        self.run(["sh", "-c", 'mkdir -p "$1" && tar -x -C "$1"', "put", path], stdin=packed)

    def get(self, path: str) -> bytes:
        """The bytes of a file in the guest (regular, or of /proc and /sys)."""
        with self._opened(path) as handle:
            content = b""
            while True:
                answer = self._ask("guest-file-read", handle=handle, count=1 << 20)
                content += decoded(answer, "buf-b64")
                if answer["eof"] or not answer["count"]:
                    return content

    def follow(self, path: str, *, deadline: float, every: float = 0.1) -> Iterator[str]:
        """The lines of a growing file, from its beginning, as they are written, for ``deadline`` seconds.

        Other threads may use the machine meanwhile. Going back to a kept moment ends it (LabError).
        """
        give_up = time.monotonic() + deadline
        self.wait_until(["test", "-e", path], deadline=deadline)
        pending = b""
        with self._opened(path) as handle:
            while time.monotonic() < give_up:
                pending += decoded(self._ask("guest-file-read", handle=handle, count=1 << 16), "buf-b64")
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
                if not lines:
                    time.sleep(every)

    def journal(self, *arguments: str, deadline: float) -> Iterator[str]:
        """Follow the guest's journal: ``journalctl --follow`` with these arguments, line by line."""
        unit = f"lab-journal-{time.monotonic_ns()}"
        path = f"/run/{unit}"
        quoted = shlex.join(["journalctl", "--follow", "--no-pager", *arguments])
        self.spawn(unit, f"exec {quoted} > {path}")
        try:
            yield from self.follow(path, deadline=deadline)
        finally:
            self.run(f"systemctl stop {unit}; rm -f {path}", check=False)

    @contextlib.contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        handle = self._ask("guest-file-open", path=path, mode="r")
        try:
            yield handle
        finally:
            with contextlib.suppress(LabError):  # the machine went back in time: the handle is gone with it
                self._ask("guest-file-close", handle=handle)

    def _ask(self, command: str, **arguments: object) -> Any:
        assert self._agent is not None
        with self._turn:
            try:
                return self._agent.ask(command, deadline=COMMAND_DEADLINE * PATIENCE, **arguments)
            except TimeoutError:
                raise LabError(f"{command}: the guest does not answer\n{self.console_tail()}") from None

    def console_tail(self) -> str:
        """The end of what the guest and QEMU printed, for an error message."""
        texts = [
            f"--- {path.name}\n{said.decode(errors='replace')}"
            for path in (self.console, self.folder / "qemu.log")
            if path.exists() and (said := path.read_bytes()[-CONSOLE_TAIL:])
        ]
        return "\n".join(texts) or "(nothing on the console)"


def _kept(kernel_image: Image, accelerator: str, stage: Stage | None) -> Path:
    ingredients = [*qemu.command(kernel_image, accelerator), qemu.version(), stage.key if stage else ""]
    key = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:16]
    folder = cache.root() / "moments"
    folder.mkdir(exist_ok=True)
    return folder / f"{stage.name if stage else 'booted'}-{key}.qcow2"


def _sweep() -> None:
    """Remove what machines left behind whose Python was killed before it could do so."""
    for pid_file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/pid"):
        with contextlib.suppress(OSError, ValueError):  # being made, or being removed, by its owner
            if not Path(f"/proc/{int(pid_file.read_text())}").exists():
                shutil.rmtree(pid_file.parent)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} …", file=sys.stderr, flush=True)
    yield
    print(f"{what}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
