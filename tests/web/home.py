"""A house with a dashboard: the city of tests/netns with the real daemon, and failberry-web beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lived
from city import INSIDE, ROUTER, City, city
from namespace import Namespace

from failberry.config import Mode
from failberry.control import client as control
from failberry.web.password import hashed

ROOT = Path(__file__).parents[2]
PASSWORD = "four words and more"  # noqa: S105
PORT = 8080
TOLD = '[[receiver]]\nname = "phone"\nvia = "ntfy"\nto = "https://ntfy.example.net/house"\n'
"""Somebody is told of things: where that is, the page is not told."""
HASTE = "[failover]\nfailback_after = 2\nlinger = 2\n[usage]\ncap = 5000\ncycle_day = 3\n"
ASKER = """
import http.client, json, sys
wish = json.load(sys.stdin)
source = (wish["source"], 0) if wish["source"] else None
connection = http.client.HTTPConnection(wish["to"], wish["port"], timeout=1.5, source_address=source)
try:
    connection.request(wish["method"], wish["path"], wish["body"], wish["headers"])
    answer = connection.getresponse()
    told = [answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")]
except (OSError, http.client.HTTPException) as problem:
    told = [0, {}, type(problem).__name__]
print(json.dumps(told))
"""


class Home:
    """What a test gets."""

    def __init__(self, made: City) -> None:
        self.city = made
        self.address = ROUTER
        self.url = f"http://{ROUTER}:{PORT}"

    def ask(
        self,
        path: str,
        *,
        body: Any = None,
        to: str = "",
        where: Namespace | None = None,
        source: str = "",
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        """Ask from the client, or from elsewhere; status 0: no connection."""
        wish = {
            "to": to or self.address, "port": PORT, "path": path, "source": source,
            "method": "GET" if body is None else "POST",
            "body": None if body is None else json.dumps(body),
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        }  # fmt: skip
        done = subprocess.run(
            [*INSIDE, (where or self.city.client).name, sys.executable, "-c", ASKER],
            input=json.dumps(wish), capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        status, fields, text = json.loads(done.stdout)
        return status, fields, text


@contextlib.contextmanager
def home(more: str = "") -> Iterator[Home]:
    """Both lines good, the page served."""
    with city(Mode.DUAL_WAN_ROUTER) as made:
        made.configure(HASTE + "[web]\n" + more + TOLD)
        run = made.folder / "run"
        run.mkdir()
        lived.write(run / "history.sqlite")
        made.switch_on()
        made.steady()
        control.call(made.socket, "CorrectUsage", used=1_930_000_000)
        secret = made.folder / "password"
        secret.write_text(hashed(PASSWORD) + "\n")
        with dashboard(made, secret):
            yield Home(made)


@contextlib.contextmanager
def dashboard(made: City, secret: Path) -> Iterator[None]:
    """Run failberry-web in the Pi, under a host name of its own, until it serves."""
    words = [sys.executable, "-m", "failberry.web", "--socket", made.socket, "--password", str(secret)]
    with subprocess.Popen(
        [*INSIDE, made.pi.name, "unshare", "--uts", "sh", "-c", 'hostname attic; exec "$@"', "-", *words],
        cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as serving:  # fmt: skip
        assert serving.stderr is not None
        said = ""
        while not re.search(r"dashboard: at ", said):
            line = serving.stderr.readline()
            assert line, f"it ended: {said}"
            said += line
        try:
            yield
        finally:
            serving.terminate()
            rest = serving.communicate(timeout=20)[1]
            assert "Traceback" not in rest, rest
