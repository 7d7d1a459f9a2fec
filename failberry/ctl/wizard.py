"""``failberryctl wizard``: the first configuration, asked at a terminal, tried, and kept.

What it sees comes with each question.  The file is checked as the daemon would before it is written, and
replaced whole or not at all; one that is there already is copied first.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from failberry import configfile
from failberry.adapters.inspection import machine, network, sim
from failberry.config import MOBILE_INTERFACE, Mode
from failberry.control import client
from failberry.ctl import ATTENTION, CONFIG_FILE, OK, UNIT, WAITING
from failberry.ctl.commands import refuse
from failberry.ctl.doctor import Daemon
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems
from failberry.doctor.evidence import Interface, Provider, Stick
from failberry.errors import ConfigError
from failberry.tomltext import literal

PATIENCE = 180.0
"""Seconds for the mobile line to come up."""
TRIES = 3
"""APNs that are tried."""
TICK = 1.0
_ODD = ("lo", "docker", "veth", "br-", "wg", "tun", "tap", "virbr", "ppp", MOBILE_INTERFACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look, and how the daemon is started; tests have others."""

    root: Path = Path("/")
    start: tuple[str, ...] = ("systemctl", "restart", UNIT)
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the owner said."""

    mode: Mode
    wired: str
    lan: str = ""
    apn: str = ""
    pin: str = field(default="", repr=False)

    def toml(self) -> str:
        """The file."""
        lines = [f"mode = {literal(self.mode.value)}", "", "[wired]", f"interface = {literal(self.wired)}"]
        if self.lan:
            lines += ["", "[lan]", f"interface = {literal(self.lan)}"]
        if self.apn or self.pin:
            lines += ["", "[cellular]"]
            lines += [
                f"{name} = {literal(value)}"
                for name, value in (("apn", self.apn), ("pin", self.pin))
                if value
            ]
        head = "# Written by failberryctl wizard. All that can be said: /usr/share/failberry/failberry.toml"
        return "\n".join([head, *lines]) + "\n"


def run(arguments: SimpleNamespace, places: Places | None = None) -> int:
    """Ask, write, try."""
    if not sys.stdin.isatty():
        return refuse("The wizard asks questions, and needs a terminal.")
    if os.geteuid() != 0:
        return refuse("Only root may do that: `sudo failberryctl wizard`")
    try:
        return _Wizard(arguments, places or Places()).run()
    except (EOFError, KeyboardInterrupt):
        print()
        return refuse("Ended. What was written before stays as it is.")


class _Wizard:
    """One conversation."""

    def __init__(self, arguments: SimpleNamespace, places: Places) -> None:
        self._path = Path(arguments.config or CONFIG_FILE)
        self._socket = arguments.socket
        self._start = places.start if not arguments.no_start else ()
        self._places = places
        self._style = Style.of(sys.stdout, os.environ)

    def run(self) -> int:
        """From the first question to a line that works."""
        if self._path.exists() and not self._agreed(
            f"There is a configuration already: {self._path}. It is copied before it is replaced. Go on?"
        ):
            return refuse("Nothing was changed.")
        stick = self._stick()
        answers = self._ask(stick)
        if (code := self._write(answers)) != OK or not self._start:
            return code
        return self._try(answers, stick)

    # --- questions -----------------------------------------------------------------------------

    def _stick(self) -> Stick | None:
        found = machine.sticks(self._places.root, None) or ()
        for each in found:
            kind = "a modem" if each.ttys else "a router of its own" if each.interface else "no modem yet"
            self._say(f"Found {clean(each.product)} at USB {each.path}: {kind}.")
        if not found:
            self._say("No modem was found on the USB bus. It can be plugged in later.")
        return next((each for each in found if each.ttys or each.interface), None)

    def _ask(self, stick: Stick | None) -> Answers:
        taken = {stick.interface} if stick is not None else set()
        seen = [
            each
            for each in network.interfaces([])
            if not each.name.startswith(_ODD) and each.name not in taken
        ]
        mode = Mode.STANDBY_GATEWAY
        words = (
            "beside the main router, which sends traffic to the Pi when the wired line is dead "
            "(standby-gateway)",
            "as the router itself, with an interface each for house and wired line (dual-wan-router)",
        )
        if self._choose("Where does this machine stand in the house?", words) == 1:
            mode = Mode.DUAL_WAN_ROUTER
        default = next((each.interface for each in network.main_routes()), "")
        wired = self._interface("Which interface is the wired line?", seen, default)
        lan = ""
        if mode is Mode.DUAL_WAN_ROUTER:
            lan = self._interface(
                "Which interface leads to the house?", [e for e in seen if e.name != wired], ""
            )
        answers = Answers(mode=mode, wired=wired, lan=lan)
        if stick is None or stick.ttys:
            pin = self._hidden("PIN of the SIM, if it asks for one (it is not shown; empty: none): ")
            apn = self._line("APN from the carrier (empty: look at the SIM, and suggest): ")
            answers = replace(answers, pin=pin, apn=apn)
        return answers

    def _interface(self, question: str, seen: Sequence[Interface], default: str) -> str:
        words = [f"{each.name}  {', '.join(each.addresses) or 'no address'}" for each in seen]
        if not words:
            return self._line(f"{question} None is there yet; its name: ")
        first = next((number for number, each in enumerate(seen) if each.name == default), 0)
        return seen[self._choose(question, words, first)].name

    def _choose(self, question: str, words: Sequence[str], default: int = 0) -> int:
        self._say(question)
        for number, each in enumerate(words, start=1):
            print("\n".join(self._style.wrap(f"{number}  {clean(each)}", first="  ", rest="     ")))
        while True:
            said = self._line(f"Number [{default + 1}]: ") or str(default + 1)
            if said.isascii() and said.isdecimal() and 1 <= int(said) <= len(words):
                return int(said) - 1
            self._say(f"A number from 1 to {len(words)}, please.")

    def _agreed(self, question: str) -> bool:
        self._say(question)
        return self._line("yes or no [no]: ").lower() in ("y", "yes")

    def _line(self, prompt: str) -> str:
        return input(prompt).strip()

    def _hidden(self, prompt: str) -> str:
        return getpass.getpass(prompt).strip()

    def _say(self, text: str) -> None:
        print("\n".join(self._style.wrap(text)), flush=True)

    # --- the file ------------------------------------------------------------------------------

    def _write(self, answers: Answers, *, again: bool = False) -> int:
        try:
            configfile.config_from_text(answers.toml(), path=str(self._path))
        except ConfigError as error:
            print(config_problems(error, style=self._style), file=sys.stderr)
            return refuse("Nothing was written. Start the wizard again.")
        try:
            copy = replace_file(self._path, answers.toml(), now=time.time(), keep=not again)
        except OSError as error:
            return refuse(f"{self._path} could not be written: {error.strerror}. Nothing was changed.")
        self._say(
            f"Written: {self._path}" + (f"; the one before is {copy}" if copy is not None else "") + "."
        )
        return OK

    # --- trying it -----------------------------------------------------------------------------

    def _try(self, answers: Answers, stick: Stick | None) -> int:
        self._say(f"Starting the daemon: `{' '.join(self._start)}`")
        done = subprocess.run(self._start, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return refuse(f"It did not start: {clean(done.stderr.strip())} See `journalctl -u {UNIT} -n 30`")
        for _ in range(TRIES):
            reason = self._watch()
            if not reason:
                self._say(
                    "The mobile line is up, and the configuration is kept. `failberryctl status` shows all."
                )
                return OK
            self._say(f"The mobile line is not up: {clean(reason)}")
            if stick is None or not stick.ttys:
                break
            apn = self._suggested()
            if not apn or apn == answers.apn:
                break
            answers = replace(answers, apn=apn)
            if (code := self._write(answers, again=True)) != OK:
                return code
            with contextlib.suppress(client.RefusedError):
                client.call(self._socket, "Reload")
                client.call(self._socket, "Redial")
        self._say(
            "The configuration is kept, and the daemon goes on. `sudo failberryctl doctor` says "
            "what is wrong."
        )
        return WAITING if stick is not None else ATTENTION

    def _watch(self) -> str:
        """Wait for the mobile line; return why it is not up, empty when it is."""
        told = ""
        until, reason = time.monotonic() + self._places.patience, "the daemon does not answer"
        while time.monotonic() < until:
            with contextlib.suppress(client.UnreachableError):
                status = client.call(self._socket, "GetStatus")["status"]
                if status["cellular"]["state"] == "up":
                    return ""
                reason = status["modem"]["advice"] or status["modem"]["reason"]
                if reason != told:
                    told = reason
                    print(
                        f"  {clean(status['modem']['state'])}: {clean(status['modem']['reason'])}", flush=True
                    )
                if status["modem"]["state"] == "failed" or status["modem"]["fault"] == "refused":
                    return str(reason)
            time.sleep(TICK)
        return str(reason)

    def _suggested(self) -> str:
        """An APN that carriers of the SIM's network use, or what the owner types; empty: none."""
        home, providers = sim.find(sim.issuer(Daemon(self._socket)), self._places.root / sim.LIST)
        if providers is None:
            self._say(
                "`sudo apt install mobile-broadband-provider-info` brings a list of APNs to choose from."
            )
        network_words = f"The SIM is of network {home[:3]}-{home[3:]}. " if home else ""
        known: tuple[Provider, ...] = providers or ()
        if not known:
            return self._line(f"{network_words}Another APN (empty: leave it so): ")
        words = [f"{each.apn}  {each.name}" for each in known] + ["another, or none"]
        chosen = self._choose(f"{network_words}Its carriers use these APNs:", words)
        if chosen < len(known):
            return known[chosen].apn
        return self._line("APN (empty: leave it so): ")


def replace_file(path: Path, text: str, *, now: float, keep: bool = True) -> Path | None:
    """Write it whole or not at all, for root alone; return where the one before was copied, to ``keep`` it.

    Raises OSError, and then nothing has changed.
    """
    copy = None
    if keep and path.exists():
        copy = _unused(path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"))
        shutil.copy2(path, copy)
    descriptor, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(new).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(new).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return copy


def _unused(path: Path) -> Path:
    """The name, or the first with a number behind it that nobody has."""
    names = (path, *(path.with_name(f"{path.name}-{number}") for number in range(1, 1000)))
    return next(each for each in names if not each.exists())
