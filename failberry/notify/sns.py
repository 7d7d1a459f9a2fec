"""Amazon SNS, by a child that alone has the AWS key and boto3 (:mod:`failberry.dns`): it may publish only."""

from __future__ import annotations

from failberry.adapters.dnschild import DnsChild
from failberry.dns.messages import Refusal, TellRequest
from failberry.errors import AdapterReason
from failberry.notify import render
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notifychecks import region_of
from failberry.notifying import Receiver

SOCKET = "/run/failberry-sns/socket"
DEADLINE = 75.0
"""Seconds: the child's own patience with AWS is less."""
_LASTING = {AdapterReason.DENIED, AdapterReason.UNSUPPORTED, AdapterReason.GONE}


async def send(path: str, receiver: Receiver, delivery: Delivery, host: str) -> Outcome:
    """Publish it."""
    request = TellRequest(
        topic=receiver.to,
        region=region_of(receiver.to),
        subject=f"{host}: {render.title(delivery)}",
        text=f"{render.body(delivery)}\n",
        name=delivery.id,
    )
    answer = await DnsChild(path, deadline=DEADLINE).ask(request)
    if not isinstance(answer, Refusal):
        return Outcome(result=Result.SENT, words="SNS took it")
    if answer.reason is AdapterReason.TIMEOUT:
        return Outcome(result=Result.UNKNOWN, words=answer.evidence)
    lasting = answer.reason in _LASTING
    return Outcome(result=Result.REFUSED if lasting else Result.FAILED, words=answer.evidence)
