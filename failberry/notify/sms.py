"""Text messages, by the daemon, which has the modem: it knows the number, and counts what is sent."""

from __future__ import annotations

from failberry.control.asyncclient import ask
from failberry.control.client import RefusedError, UnreachableError
from failberry.notify import render
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notifying import Receiver

PATIENCE = 80.0
"""Seconds: three parts, each of which the network may take long for."""


async def send(daemon: str, receiver: Receiver, delivery: Delivery, host: str) -> Outcome:
    """Have it sent; the daemon cuts what is too long."""
    text = render.brief(delivery, host)
    try:
        told = await ask(daemon, "SendSms", patience=PATIENCE, receiver=receiver.name, text=text)
    except RefusedError as refused:
        return Outcome(result=Result.FAILED, words=refused.reason)
    except UnreachableError as failure:
        if isinstance(failure.cause, TimeoutError):
            return Outcome(result=Result.UNKNOWN, words=f"the modem gave no answer within {PATIENCE:.0f} s")
        return Outcome(result=Result.FAILED, words=f"failberryd cannot be asked: {failure}")
    parts = told.get("parts")
    return Outcome(result=Result.SENT, words=f"the network took it, in {parts} part(s)")
