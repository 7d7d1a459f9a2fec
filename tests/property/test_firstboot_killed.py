"""A first boot on a real file system (a tmpfs) is killed at each of its steps: the next one mends it all."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.firstcard import Card

ROOT = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@home"
CONFIG = f"""\
mode = "dual-wan-router"
wired.interface = "onboard0"
lan.interface = "enx02"
cellular.pin = "4711"
system.authorized_keys = ["{KEY}"]
"""
PRESEED = '[wlan]\npassword = "geheim-9"\n'
MOST = 100
"""Steps; more than a first boot has."""

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from failberry.system.firstboot import run
from failberry.system.machine import Machine
import failberry.tomlscan, failberry.loginkeys
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
for number, folder in enumerate(sys.argv[2:]):
    if os.fork():
        _, status = os.wait()
        if status == 0:
            break  # it had no more steps
        assert os.WTERMSIG(status) == signal.SIGKILL
        continue
    left = number
    def hook(event, arguments):
        # Whatever can be seen on the disk begins with one of these.
        global left
        written = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if written or event in {"os.rename", "os.remove", "os.mkdir", "os.symlink", "subprocess.Popen"}:
            if event == "subprocess.Popen" or str(arguments[0]).startswith(folder):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    run(Path(folder), Machine(Path(folder), [].append))
    os._exit(0)
print(number)
"""


def test_killed_at_each_step() -> None:
    home = Path(tempfile.mkdtemp(prefix="failberry-killed-", dir="/dev/shm"))
    try:
        card = Card(home / "whole")
        card.make()
        (card.fat / "failberry.toml").write_text(CONFIG)
        (card.fat / "rpi-preseed.toml").write_text(PRESEED)
        card.plug("enx02")
        folders = [home / f"{number:03d}" for number in range(MOST)]
        for folder in folders:
            shutil.copytree(card.root, folder, symlinks=True)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, ROOT, *folders], check=True, timeout=100, capture_output=True
        )
        killed = int(done.stdout)
        assert 40 < killed < MOST
        card.boot()
        expected = card.everything()
        assert "4711" not in expected["boot/firmware/failberry.toml"]
        for folder in folders[:killed]:
            again = Card(folder)
            again.boot()
            found = {
                name: text.replace(str(folder), str(card.root)) for name, text in again.everything().items()
            }
            assert found == expected, folder.name
    finally:
        shutil.rmtree(home)
