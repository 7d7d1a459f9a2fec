"""The root of an imagined Pi that boots from a card of ours; for tests of its first boot."""

from __future__ import annotations

from pathlib import Path

from failberry.system.firstboot import run
from failberry.system.hostkeys import NAME
from failberry.system.machine import Machine


class Card:
    """The root of an imagined Pi, on a tmpfs like the real one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fat = root / "boot/firmware"
        self.started: list[list[str]] = []
        self._renamed: list[tuple[str, str]] = []

    def make(self) -> None:
        """What is there before the first boot."""
        root = self.root
        for name in ("boot/firmware", "data", "etc", "proc/self", "sys/class/net", "run/udev/data"):
            (root / name).mkdir(parents=True)
        (root / "proc/self/mounts").write_text("/dev/mmcblk0p4 /data ext4 rw,noatime 0 0\n")
        (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n")
        self.plug("onboard0")

    def plug(
        self, name: str, *, driver: str = "smsc95xx", vendor: str = "0424", kind: int = 1, named: bool = True
    ) -> None:
        """A port on USB, as sysfs shows it; ``named``: udev is done with it."""
        usb = self.root / "sys/devices/usb1" / name
        device = usb / "1-1:1.0"
        device.mkdir(parents=True)
        (usb / "idVendor").write_text(f"{vendor}\n")
        (self.root / "sys/bus/usb/drivers" / driver).mkdir(parents=True, exist_ok=True)
        (device / "driver").symlink_to(self.root / "sys/bus/usb/drivers" / driver)
        port = self.root / "sys/class/net" / name
        port.mkdir()
        (port / "device").symlink_to(device)
        (port / "type").write_text(f"{kind}\n")
        number = len(list(port.parent.iterdir())) + 1
        (port / "ifindex").write_text(f"{number}\n")
        if named:
            (self.root / f"run/udev/data/n{number}").write_text("")

    def boot(self) -> None:
        """Switch it on: its ports have the names that udev gives."""
        ports = self.root / "sys/class/net"
        for old, new in reversed(self._renamed):
            (ports / new).rename(ports / old)
        self._renamed.clear()
        self.again()

    def again(self) -> None:
        """In the same boot."""
        run(self.root, Machine(self.root, self.start))

    def start(self, words: list[str]) -> None:
        """What a program of another package would do."""
        self.started.append(words)
        match words:
            case ["ip", "link", "set", "dev", old, "name", new]:
                ports = self.root / "sys/class/net"
                (ports / old).rename(ports / new)
                self._renamed.append((old, new))

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def everything(self) -> dict[str, str]:
        """Every file, but the random ones."""
        found = {
            str(path.relative_to(self.root)): str(path.readlink()) if path.is_symlink() else path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }
        for name in (f"data/ssh/{NAME}", f"data/ssh/{NAME}.pub"):
            found[name] = "a key"
        verdict = found["boot/firmware/VERDICT.txt"].splitlines()
        found["boot/firmware/VERDICT.txt"] = "\n".join(each for each in verdict if "The Pi's key" not in each)
        return found
