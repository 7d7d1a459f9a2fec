"""Text messages through the stick: to numbers of the configuration only, a few a day, never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from failberry.adapters.serialport import ModemPorts
from failberry.adapters.store import Store
from failberry.at import commands, sms
from failberry.at.codec import ResultKind
from failberry.at.results import cms_name, explain
from failberry.config import Config
from failberry.control.answers import RefusedError
from failberry.core.actions import Report, Severity
from failberry.core.events import CommandAnswered
from failberry.core.facts import PortRole
from failberry.core.modem import Modem
from failberry.core.permission import Denied
from failberry.core.texting import texting_port
from failberry.notifying import Receiver, Via

LONGEST = 2000
"""Characters that are looked at; what does not fit three messages is cut off anyway."""
_PATIENCE = {PortRole.STATUS: 25.0, PortRole.DIAL: 15.0}
"""Seconds for each part: on the port that dials a dial may have to wait for it."""


class Texting:
    """Sends one at a time."""

    def __init__(self, store: Store, ports: ModemPorts, report: Callable[[Report], None]) -> None:
        self._store = store
        self._ports = ports
        self._report = report
        self._turn = asyncio.Lock()
        self._reference = 0

    async def send(self, modem: Modem, config: Config, receiver: str, text: str) -> int:
        """Send it; return how many parts it took.

        Raises :class:`RefusedError` with the reason in words; OSError where the disk does not count it.
        """
        number = _number(config.receiver, receiver)
        async with self._turn:
            self._reference = (self._reference + 1) % 256
            parts = sms.encode(number, text[:LONGEST], reference=self._reference)
            _port(modem, self._ports)  # before it is counted
            left = await self._store.reserve_sms(len(parts), config.notify.sms_per_day)
            if left < 0:
                raise RefusedError(
                    f"The limit of {config.notify.sms_per_day} text messages in 24 hours is reached "
                    "(notify.sms_per_day)."
                )
            for place, part in enumerate(parts, 1):
                try:
                    await self._send(modem, part)
                except RefusedError as refused:
                    self._tell(
                        receiver, f"part {place} of {len(parts)} not sent", str(refused), Severity.WARNING
                    )
                    raise
            self._tell(receiver, f"sent, {len(parts)} part(s)", f"{left} are left in 24 h", Severity.NOTICE)
            return len(parts)

    async def _send(self, modem: Modem, part: sms.Part) -> None:
        role = _port(modem, self._ports)
        port = self._ports.port(role)
        if port is None:
            raise RefusedError("The modem's port was just closed; it is tried again.")
        for command in (commands.PDU_MODE, commands.send_message(part, timeout=_PATIENCE[role])):
            answer = await port.ask_between(command)
            if (problem := _problem(answer)) is not None:
                raise RefusedError(f"The modem did not send it: {problem}.")

    def _tell(self, receiver: str, what: str, why: str, severity: Severity) -> None:
        self._report(
            Report(subject="modem", what=f"text message to {receiver}: {what}", why=why, severity=severity)
        )


def _number(receivers: Iterable[Receiver], name: str) -> str:
    for each in receivers:
        if each.name == name and each.via is Via.SMS:
            return each.to
    raise RefusedError(f'No [[receiver]] of the configuration in force is called {name} and has via = "sms".')


def _port(modem: Modem, ports: ModemPorts) -> PortRole:
    found = texting_port(
        modem.state,
        modem.fault,
        stepping=modem.healing,
        open_ports=frozenset(role for role in PortRole if ports.port(role) is not None),
    )
    if isinstance(found, Denied):
        raise RefusedError(found.why)
    return found


def _problem(answer: CommandAnswered) -> str | None:
    """What went wrong, in words; ``None``: nothing."""
    result = answer.result
    if result is None:
        return answer.problem or "it did not answer in time, so it may have been sent all the same"
    if result.ok:
        return None
    if result.kind is ResultKind.CMS_ERROR:
        return f"{cms_name(result.text)} ({result.text})"
    error = explain(result)
    return f"{error.name} ({result.text})" if error is not None else result.text
