"""What the daemon answers: each Varlink call becomes a question to the appliance.

No socket in here.  The daemon gives an :class:`Appliance`; :class:`Service` yields the replies.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from failberry import __version__
from failberry.control import INTERFACE, reading
from failberry.control.answers import AtAnswer, CdromSwitch, PowerPreview, RefusedError, UsbView
from failberry.control.document import Json, encode, without_ages
from failberry.control.varlink import (
    SERVICE_INTERFACE,
    Call,
    CallError,
    Message,
    expected_more,
    interface_not_found,
    invalid_parameter,
    method_not_found,
    permission_denied,
    reply,
)
from failberry.core.snapshot import SNAPSHOT_VERSION, Snapshot, UplinkName
from failberry.core.steps import Rung
from failberry.errors import ConfigError

WATCH_GAP = 0.5
"""Seconds between two reports to a watcher: changes that come faster are told together."""
WATCH_EVERY = 5.0
"""Seconds after which a watcher is told that nothing changed, so that silence means trouble."""
MOST_USED = 10**15
"""Bytes; more than any plan holds."""
LONGEST_FORCED = 30 * 86_400.0


class Appliance(reading.HistoryReader, Protocol):
    """What the daemon lends to its callers.

    What must not be done (now) raises :class:`RefusedError`.
    """

    async def status(self) -> Snapshot:
        """How things are now."""

    async def configuration(self) -> tuple[str, tuple[str, ...]]:
        """The configuration in force as TOML without secrets, and what is odd about it."""

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration again; return what of it waits for the Pi's next start.

        Raises :class:`ConfigError`, and then nothing has changed.
        """

    async def redial(self) -> None:
        """Hang up and dial, now."""

    async def forget_pin(self) -> None:
        """Forget which PINs were refused; raises ``OSError`` when the disk refuses."""

    async def take_step(self, rung: Rung, *, force: bool) -> None:
        """Begin this step of recovery now; how it goes shows in the status."""

    async def power_plan(self) -> PowerPreview:
        """What a power cycle of the modem would do."""

    async def usb(self) -> UsbView:
        """The USB bus, and how the modem's power can be cut."""

    async def correct_usage(self, used: int) -> None:
        """Take the owner's word for the bytes used in this billing cycle."""

    async def force_line(self, line: UplinkName | None, seconds: float | None) -> None:
        """Use this line, for so many seconds or until further notice; ``None``: choose by itself again."""

    async def send_command(self, text: str) -> AtAnswer:
        """Send one AT command to the modem, if it may be sent now."""

    async def send_sms(self, receiver: str, text: str) -> int:
        """Send a text message to a receiver of the configuration; return how many parts it took."""

    async def disable_cdrom(self, *, confirmed: bool) -> CdromSwitch:
        """Take the stick's CD-ROM away for good; without ``confirmed`` only tell how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Method:
    answer: Callable[[Mapping[str, Any]], Awaitable[Message]]
    takes: frozenset[str] = frozenset()
    changes: bool = False
    """Changes something: for trusted callers only."""


class Service:
    """Answers calls; holds no state but who is watching."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._watchers: set[asyncio.Event] = set()
        self._methods = {
            f"{SERVICE_INTERFACE}.GetInfo": _Method(answer=self._info),
            f"{SERVICE_INTERFACE}.GetInterfaceDescription": _Method(
                answer=self._description, takes=frozenset({"interface"})
            ),
            f"{INTERFACE}.GetStatus": _Method(answer=self._status),
            f"{INTERFACE}.GetVersion": _Method(answer=self._version),
            f"{INTERFACE}.ShowConfig": _Method(answer=self._configuration),
            f"{INTERFACE}.Reload": _Method(answer=self._reload, changes=True),
            f"{INTERFACE}.Redial": _Method(answer=self._redial, changes=True),
            f"{INTERFACE}.ForgetPin": _Method(answer=self._forget_pin, changes=True),
            f"{INTERFACE}.TakeStep": _Method(
                answer=self._take_step, takes=frozenset({"rung", "force"}), changes=True
            ),
            f"{INTERFACE}.CorrectUsage": _Method(
                answer=self._correct_usage, takes=frozenset({"used"}), changes=True
            ),
            f"{INTERFACE}.ForceLine": _Method(
                answer=self._force_line, takes=frozenset({"line", "seconds"}), changes=True
            ),
            f"{INTERFACE}.Events": _Method(answer=self._events, takes=reading.TAKES),
            f"{INTERFACE}.Samples": _Method(answer=self._samples, takes=reading.TAKES_SAMPLES),
            f"{INTERFACE}.GetPowerPlan": _Method(answer=self._power_plan),
            f"{INTERFACE}.GetUsb": _Method(answer=self._usb),
            f"{INTERFACE}.SendCommand": _Method(
                answer=self._send_command, takes=frozenset({"command"}), changes=True
            ),
            f"{INTERFACE}.SendSms": _Method(
                answer=self._send_sms, takes=frozenset({"receiver", "text"}), changes=True
            ),
            f"{INTERFACE}.DisableCdrom": _Method(
                answer=self._disable_cdrom, takes=frozenset({"confirmed"}), changes=True
            ),
        }

    def changed(self) -> None:
        """Something may have changed: wake the watchers.  Cheap; the engine calls it after every turn."""
        for watcher in self._watchers:
            watcher.set()

    def changes(self, call: Call) -> bool:
        """Whether this call is one that changes something."""
        method = self._methods.get(call.method)
        return method is not None and method.changes

    async def replies(self, call: Call, *, trusted: bool) -> AsyncGenerator[Message, None]:
        """Yield one reply or error, or for ``Watch`` and ``Events`` one after the other for ever.

        ``trusted`` callers may change things.
        """
        try:
            if call.method == f"{INTERFACE}.Watch":
                # Closed with us: Python leaves an inner generator to the garbage collector.
                async with contextlib.aclosing(self._watch(call)) as statuses:
                    async for status in statuses:
                        yield reply({"status": status}, continues=True)
            elif call.method == f"{INTERFACE}.Events" and call.more and not call.oneway:
                _refuse_others(call, reading.TAKES)
                news = reading.follow(self._appliance, reading.wanted(call.parameters))
                async with contextlib.aclosing(news) as parts:
                    async for part in parts:
                        yield reply(part, continues=True)
            else:
                yield reply(await self._answer(call, trusted=trusted))
        except CallError as error:
            yield error.reply()

    async def _answer(self, call: Call, *, trusted: bool) -> Message:
        method = self._methods.get(call.method)
        if method is None:
            known = call.interface in (SERVICE_INTERFACE, INTERFACE)
            raise method_not_found(call.method) if known else interface_not_found(call.interface)
        _refuse_others(call, method.takes)
        if method.changes and not trusted:
            raise permission_denied()
        try:
            return await method.answer(call.parameters)
        except OSError as failed:
            raise CallError(f"{INTERFACE}.Failed", reason=str(failed)) from None
        except RefusedError as refused:
            raise CallError(f"{INTERFACE}.Refused", reason=str(refused)) from None

    async def _watch(self, call: Call) -> AsyncGenerator[Json, None]:
        _refuse_others(call, frozenset())
        if not call.more or call.oneway:
            raise expected_more()
        clock = asyncio.get_running_loop().time
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            told, due = None, clock()
            while True:
                watcher.clear()
                status = encode(await self._appliance.status())
                face = without_ages(status)
                if face != told or clock() >= due:
                    yield status
                    told, due = face, clock() + WATCH_EVERY
                await asyncio.sleep(WATCH_GAP)
                await _set_or_due(watcher, due)
        finally:
            self._watchers.discard(watcher)

    async def _info(self, _: Mapping[str, Any]) -> Message:
        return {
            "vendor": "Failberry",
            "product": "failberryd",
            "version": __version__,
            "url": "file:///usr/share/doc/failberry/",
            "interfaces": [SERVICE_INTERFACE, INTERFACE],
        }

    async def _description(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("interface"):
            case str(name) if name in (SERVICE_INTERFACE, INTERFACE):
                return {"description": description(name)}
            case str(name):
                raise interface_not_found(name)
            case _:
                raise invalid_parameter("interface")

    async def _status(self, _: Mapping[str, Any]) -> Message:
        return {"status": encode(await self._appliance.status())}

    async def _version(self, _: Mapping[str, Any]) -> Message:
        return {"failberry": __version__, "document": SNAPSHOT_VERSION}

    async def _configuration(self, _: Mapping[str, Any]) -> Message:
        toml, warnings = await self._appliance.configuration()
        return {"toml": toml, "warnings": list(warnings)}

    async def _reload(self, _: Mapping[str, Any]) -> Message:
        try:
            return {"pending": list(await self._appliance.reload())}
        except ConfigError as error:
            problems = encode(error.problems)
            raise CallError(f"{INTERFACE}.ConfigInvalid", path=error.path, problems=problems) from None

    async def _redial(self, _: Mapping[str, Any]) -> Message:
        await self._appliance.redial()
        return {}

    async def _forget_pin(self, _: Mapping[str, Any]) -> Message:
        await self._appliance.forget_pin()
        return {}

    async def _take_step(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("rung"):
            case str(name) if name in list(Rung):
                await self._appliance.take_step(Rung(name), force=_flag(parameters, "force"))
            case _:
                raise invalid_parameter("rung")
        return {}

    async def _correct_usage(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("used"):
            case bool():
                raise invalid_parameter("used")
            case int(used) if 0 <= used <= MOST_USED:
                await self._appliance.correct_usage(used)
            case _:
                raise invalid_parameter("used")
        return {}

    async def _force_line(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("line"):
            case None:
                line = None
            case str(name) if name in list(UplinkName):
                line = UplinkName(name)
            case _:
                raise invalid_parameter("line")
        match parameters.get("seconds"):
            case None:
                seconds = None
            case bool():
                raise invalid_parameter("seconds")
            case int(given) | float(given) if 0 < given <= LONGEST_FORCED:
                seconds = float(given)
            case _:
                raise invalid_parameter("seconds")
        await self._appliance.force_line(line, seconds)
        return {}

    async def _events(self, parameters: Mapping[str, Any]) -> Message:
        return await reading.one_answer(self._appliance, parameters)

    async def _samples(self, parameters: Mapping[str, Any]) -> Message:
        return await reading.samples(self._appliance, parameters)

    async def _power_plan(self, _: Mapping[str, Any]) -> Message:
        return {"power": encode(await self._appliance.power_plan())}

    async def _usb(self, _: Mapping[str, Any]) -> Message:
        return {"usb": encode(await self._appliance.usb())}

    async def _send_command(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("command"):
            case str(text):
                return {"answer": encode(await self._appliance.send_command(text))}
            case _:
                raise invalid_parameter("command")

    async def _send_sms(self, parameters: Mapping[str, Any]) -> Message:
        match parameters.get("receiver"), parameters.get("text"):
            case str(receiver), str(text):
                return {"parts": await self._appliance.send_sms(receiver, text)}
            case str(), _:
                raise invalid_parameter("text")
            case _:
                raise invalid_parameter("receiver")

    async def _disable_cdrom(self, parameters: Mapping[str, Any]) -> Message:
        confirmed = _flag(parameters, "confirmed")
        return {"cdrom": encode(await self._appliance.disable_cdrom(confirmed=confirmed))}


def description(interface: str) -> str:
    """Return the text of one of our interfaces."""
    return Path(__file__).with_name(f"{interface}.varlink").read_text(encoding="utf-8")


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    match parameters.get(name):
        case None:
            return False
        case bool(value):
            return value
        case _:
            raise invalid_parameter(name)


def _refuse_others(call: Call, takes: frozenset[str]) -> None:
    if unknown := sorted(call.parameters.keys() - takes):
        raise invalid_parameter(unknown[0])


async def _set_or_due(watcher: asyncio.Event, due: float) -> None:
    try:
        async with asyncio.timeout_at(due):
            await watcher.wait()
    except TimeoutError:
        pass
