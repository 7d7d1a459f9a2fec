"""Carries a delivery to where its channel says; every failure is an Outcome, nothing is raised."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping

from failberry.notify import hooks, mail, sms, sns, web
from failberry.notify.channels import HOOK
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notifying import Receiver, Via

DEADLINE = 90.0
"""Seconds for one delivery, whatever it is."""

Send = Callable[[Delivery], Awaitable[Outcome]]


class Senders:
    """One function for each channel."""

    def __init__(
        self,
        receivers: Iterable[Receiver],
        *,
        daemon: str,
        sns_socket: str,
        hook_folder: str,
        host: str | None = None,
    ) -> None:
        self._receivers: Mapping[str, Receiver] = {each.name: each for each in receivers}
        self._daemon = daemon
        self._sns_socket = sns_socket
        self._hook_folder = hook_folder
        self._host = host or socket.gethostname()

    async def send(self, delivery: Delivery) -> Outcome:
        """Send it; what takes too long may have arrived."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._send(delivery)
        except TimeoutError:
            return Outcome(result=Result.UNKNOWN, words=f"no answer within {DEADLINE:.0f} s")

    async def _send(self, delivery: Delivery) -> Outcome:
        kind, _, name = delivery.channel.partition(":")
        if kind == HOOK and name:
            return await hooks.run(self._hook_folder, name, delivery, self._host)
        receiver = self._receivers[delivery.channel]
        match receiver.via:
            case Via.NTFY:
                return await asyncio.to_thread(web.to_ntfy, receiver, delivery, self._host)
            case Via.WEBHOOK:
                return await asyncio.to_thread(web.to_webhook, receiver, delivery, self._host)
            case Via.MAIL:
                return await asyncio.to_thread(mail.send, receiver, delivery, self._host)
            case Via.SNS:
                return await sns.send(self._sns_socket, receiver, delivery, self._host)
            case Via.SMS:
                return await sms.send(self._daemon, receiver, delivery, self._host)
