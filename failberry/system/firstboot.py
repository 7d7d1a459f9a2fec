"""``python3 -m failberry.system.firstboot``: run at each boot, before the network.

Reads what the owner has put on the card's first partition, does what it says or tells what is wrong with it
(``VERDICT.txt`` beside it), and makes the machine what the configuration in force says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from failberry.system.firstboot_settle import Settled, settle, tell
from failberry.system.firstboot_verdict import Surroundings, one_line, verdict
from failberry.system.folders import CardFolder, DiskFolder
from failberry.system.hostkeys import host_key
from failberry.system.machine import Machine

CARD = "boot/firmware"
DATA_PROBLEM, DATA_REPAIRED = "run/failberry-data.problem", "run/failberry-data.repaired"
"""What the initramfs has met with the data partition, a sentence on each line."""
MOUNTS = "proc/self/mounts"
_MOST_LINES, _LONGEST_LINE = 5, 300


def run(root: Path, machine: Machine) -> Settled:
    """One boot, below ``root``; never raises for what is on the card, or for a card that fails."""
    problems = _sentences(root / DATA_PROBLEM)
    if not (lasting := _is_on_the_card(root)):
        problems.append(
            "The data partition cannot be used. Nothing is kept over a restart, and secrets stay on the "
            "first partition. An empty file FACTORY-RESET there makes the data partition anew; if that does "
            "not help, the card is worn out."
        )
    with CardFolder(root / CARD) as card:
        settled = settle(
            card,
            DiskFolder(root / "etc/failberry"),
            DiskFolder(root / "var/lib/failberry-system"),
            lasting=lasting,
        )
        problems += settled.problems
        problems += machine.set_up(settled.ruling.in_force)
        keys: tuple[str, ...] = ()
        try:
            keys = host_key(root / "data/ssh", settled.ruling.in_force.hostname)
        except OSError as error:
            problems.append(f"Nobody can log in: {error.strerror or error}.")
        for each in problems:
            _log(f"<3>{each}")
        _log(f"<5>{one_line(settled.ruling)}")
        try:
            around = Surroundings(
                host_keys=keys, problems=tuple(problems), notes=tuple(_sentences(root / DATA_REPAIRED))
            )
            tell(card, verdict(settled.ruling, around))
        except OSError as error:
            _log(f"<3>VERDICT.txt could not be written: {error.strerror or error}")
    return settled


def _sentences(path: Path) -> list[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [" ".join(line.split())[:_LONGEST_LINE] for line in lines if line.strip()][:_MOST_LINES]


def _is_on_the_card(root: Path) -> bool:
    """Whether /data is a file system that is there after a restart, too (proc_pid_mounts(5))."""
    try:
        mounts = [line.split() for line in (root / MOUNTS).read_text(errors="replace").splitlines()]
    except OSError:
        return False
    kinds = [each[2] for each in mounts if len(each) > 2 and each[1] == "/data"]
    return bool(kinds) and kinds[-1] != "tmpfs"


def _log(line: str) -> None:
    """To the journal, with its level in front (sd-daemon(3))."""
    sys.stderr.write(" ".join(line.split()) + "\n")


def main() -> int:
    """Run on this machine."""
    root = Path("/")
    machine = Machine(root)
    try:
        run(root, machine)
    except Exception:
        # A mistake of ours must not take the Pi off the network: with an address somebody can look.
        machine.fall_back()
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
