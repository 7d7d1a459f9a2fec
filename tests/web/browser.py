"""Chromium without a window, by its own protocol over two pipes: no port, no driver, works in any namespace.

https://chromedevtools.github.io/devtools-protocol/; messages are JSON, each ended by a NUL.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

DEADLINE = 20.0
SWITCHES = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--no-pings", "--disable-default-apps", "--lang=en-GB",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
)  # fmt: skip


class GoneError(Exception):
    """The page that was asked is no longer there."""


class Browser:
    """One page; :func:`browser` opens it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._pending = b""
        self._session = ""
        self.complaints: list[str] = []
        """Whatever came up in the console, or went wrong in the page."""

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._answers, 1 << 20)
            assert received, "the browser has ended"
            self._pending += received
        message, _, self._pending = self._pending.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        self._note(told)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        match told.get("method"):
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                entry = parameters["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.complaints.append(str(details.get("exception", details).get("description", details)))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(str([each.get("value") for each in parameters["args"]]))

    def send(self, method: str, *, seconds: float = DEADLINE, **parameters: Any) -> dict[str, Any]:
        """Ask, and return the answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while (told := self._receive(end)).get("id") != number:
            pass
        if "navigated" in told.get("error", {}).get("message", ""):
            raise GoneError(method)
        assert "error" not in told, f"{method}: {told['error']}"
        result: dict[str, Any] = told["result"]
        return result

    def attach(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for each in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{each}.enable")

    def open(self, url: str) -> None:
        """Go there; the page may still be loading."""
        self.send("Page.navigate", url=url)

    def run(self, script: str, *, seconds: float = DEADLINE) -> Any:
        """Evaluate; a promise is awaited."""
        told = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True,
            seconds=seconds,
        )  # fmt: skip
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, condition: str, *, seconds: float = DEADLINE) -> float:
        """Wait until it holds in the page; return the seconds that it took."""
        began = time.monotonic()
        script = f"""new Promise((done) => {{
            const end = performance.now() + {seconds * 1000};
            const look = () => {{
                let held = false;
                try {{ held = Boolean({condition}); }} catch {{ /* not there yet */ }}
                if (held || performance.now() > end) done(held); else setTimeout(look, 20);
            }};
            look();
        }})"""
        try:
            held = self.run(script, seconds=seconds + DEADLINE)
        except GoneError:
            # Another page took the place of the one that was asked.
            return self.until(condition, seconds=seconds)
        shown = "" if held else self.run("document.body.innerText")
        assert held, f"not within {seconds:.0f} s: {condition}\n{shown}\n{self.complaints}"
        return time.monotonic() - began

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector: str, words: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=words)

    def screen(self, width: int, *, dark: bool = False) -> None:
        """Be so wide; a telephone below 600 px."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800,
            deviceScaleFactor=2 if width < 600 else 1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send(
            "Emulation.setEmulatedMedia",
            features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}],
        )

    def picture(self) -> bytes:
        """The whole page as PNG."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(told["data"])


@contextlib.contextmanager
def browser(*inside: str) -> Iterator[Browser]:
    """Run Chromium behind these words (``ip netns exec …``)."""
    with tempfile.TemporaryDirectory(prefix="failberry-browser-", ignore_cleanup_errors=True) as home:
        its_in, commands = os.pipe()
        answers, its_out = os.pipe()
        words: Sequence[str] = [*inside, "chromium", *SWITCHES, f"--user-data-dir={home}"]
        # It speaks on descriptors 3 and 4.
        line = f"exec {shlex.join(words)} 3<&{its_in} 4>&{its_out}"
        chromium = subprocess.Popen(
            ["bash", "-c", line], pass_fds=(its_in, its_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=(Path(home) / "log").open("wb"),
            env={**os.environ, "HOME": home, "TZ": "Europe/Berlin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(its_in)
        os.close(its_out)
        try:
            made = Browser(commands, answers)
            made.attach()
            yield made
            with contextlib.suppress(AssertionError):
                made._session = ""
                made.send("Browser.close", seconds=5)
        finally:
            os.close(commands)
            os.close(answers)
            try:
                chromium.wait(5)
            except subprocess.TimeoutExpired:
                chromium.kill()
                chromium.wait()
