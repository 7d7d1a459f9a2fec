"""The lab by hand: ``python -m tests.lab build | boot | shell | run -- COMMAND...``.

build  make the guest and bring it to the moment that scenarios start from
boot   start it, say how to reach it, and keep it until Ctrl-C
shell  start it and be root on the Pi; Ctrl-] leaves
run    start it, run one command on the Pi, and end with its code
"""

import argparse
import os
import selectors
import shlex
import socket
import sys
import termios
import time
import tty
from typing import TextIO

from .build import image
from .cache import LabError
from .lab import DUAL_WAN_ROUTER, STANDBY_GATEWAY, package, ready
from .vm import Vm

LEAVE = b"\x1d"  # Ctrl-]


def shell(vm: Vm, keyboard: TextIO) -> None:
    """Join this terminal to the guest's console until Ctrl-]."""
    before = termios.tcgetattr(keyboard)
    with socket.socket(socket.AF_UNIX) as console, selectors.DefaultSelector() as ready_ones:
        console.connect(str(vm.folder / "console"))
        size = os.get_terminal_size(keyboard.fileno())
        console.sendall(f"stty rows {size.lines} cols {size.columns}; clear\r".encode())
        ready_ones.register(console, selectors.EVENT_READ)
        ready_ones.register(keyboard, selectors.EVENT_READ)
        tty.setraw(keyboard)
        try:
            while True:
                for key, _ in ready_ones.select():
                    if key.fileobj is console:
                        if not (said := console.recv(4096)):
                            return
                        os.write(sys.stdout.fileno(), said)
                    else:
                        typed = os.read(keyboard.fileno(), 1024)
                        if not typed or LEAVE in typed:
                            return
                        console.sendall(typed)
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
            print()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("deed", choices=["build", "boot", "shell", "run"])
    parser.add_argument("--bare", action="store_true", help="just booted: no networks, no stick, no package")
    parser.add_argument("--topology", choices=[STANDBY_GATEWAY, DUAL_WAN_ROUTER], default=STANDBY_GATEWAY)
    # By hand: argparse cannot have options between a word and the rest of the line.
    own, command = sys.argv[1:], []
    if "--" in own:
        cut = own.index("--")
        own, command = own[:cut], own[cut + 1 :]
    options = parser.parse_args(own)
    if bool(command) != (options.deed == "run"):
        parser.error("run, and only run, takes -- and a command")
    started = time.monotonic()
    with Vm.start(None if options.bare else ready(package())) as vm:
        if options.deed == "build":
            print(f"{image().folder}\nready in {time.monotonic() - started:.1f} s")
            return 0
        if not options.bare:
            vm.load(options.topology)
        if options.deed == "run":
            line = command[0] if len(command) == 1 else shlex.join(command)
            result = vm.run(line, timeout=600, check=False)
            sys.stdout.write(result.stdout)
            sys.stderr.write(result.stderr)
            return result.rc
        if options.deed == "shell":
            shell(vm, sys.stdin)
            return 0
        print(f"console: socat -,raw,echo=0,escape=0x1d UNIX:{vm.folder}/console\nlog: {vm.console}")
        print("Ctrl-C ends it")
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
