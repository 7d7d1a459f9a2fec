"""How long `failberryctl status` takes, against `python3 -c pass` run in turn with it.

    python bench/ctl.py [--rounds 40] [--python /usr/bin/python3] [--ctl /usr/bin/failberryctl --socket PATH]

Without --ctl the program of this tree asks a simulated daemon. Prints the medians, and the ratio to be kept
at or below 4.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.unit.control.simulated import SimulatedAppliance, daemon  # noqa: E402  (this tree's)

GOAL = 4.0
ENTRY_POINT = "import sys; from failberry.ctl.__main__ import main; sys.exit(main())"


def seconds(command: Sequence[str]) -> float:
    """Wall time of one run, which must end well."""
    # With byte code on the disk, as the package installs it.
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True, timeout=30, env=environment)
    return time.perf_counter() - started


def measure(nothing: Sequence[str], status: Sequence[str], rounds: int) -> float:
    """Print both medians; return the median of the paired ratios."""
    for command in (nothing, status):
        seconds(command)  # once for the disk and the byte code
    pairs = [(seconds(nothing), seconds(status)) for _ in range(rounds)]
    for name, times in zip(("python3 -c pass", "failberryctl status"), zip(*pairs, strict=True), strict=True):
        print(f"{name:20} {statistics.median(times) * 1000:6.1f} ms  (best {min(times) * 1000:.1f} ms)")
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"ratio {ratio:.2f} (goal: at most {GOAL:.0f}), median of {rounds} pairs")
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--ctl", help="an installed failberryctl, asking a daemon that runs")
    parser.add_argument("--socket", default="/run/failberry/control")
    arguments = parser.parse_args()
    nothing = [arguments.python, "-c", "pass"]
    if arguments.ctl:
        status = [arguments.ctl, "--socket", arguments.socket, "status"]
        return int(measure(nothing, status, arguments.rounds) > GOAL)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control"
        with daemon(path, SimulatedAppliance()):
            status = [arguments.python, "-c", ENTRY_POINT, "--socket", str(path), "status"]
            return int(measure(nothing, status, arguments.rounds) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
