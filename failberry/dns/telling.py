"""Publishes one message to a topic of Amazon SNS.

Only the short-lived child of :mod:`failberry.notify` imports this, and it does nothing else.
"""

from __future__ import annotations

from failberry.aws.session import AwsError, Connect, Cures, Session
from failberry.dns.messages import TellRequest, TellResult
from failberry.errors import AdapterError, AdapterReason

PATIENCE = 45.0
"""Seconds for all repetitions."""
SUBJECT = 99
"""Characters of a subject (SNS API Reference, Publish: less than 100, ASCII)."""
_ALLOW = "give that key the rights that `sudo failberryctl aws policy --role daemon` prints"
_CURES = Cures(
    no_key="there is no AWS key in /etc/failberry/aws.credentials",
    denied=_ALLOW,
    refused="read the message, and correct the receiver's `to`",
    codes={
        "NotFound": (AdapterReason.GONE, "there is no such topic: correct the receiver's `to`"),
        "AuthorizationError": (AdapterReason.DENIED, _ALLOW),
    },
)


def publish(request: TellRequest, connect: Connect | None = None) -> TellResult:
    """Do it.  Raises AdapterError."""
    session = Session(cures=_CURES, patience=PATIENCE, connect=connect)
    subject = "".join(each if " " <= each <= "~" else "?" for each in request.subject)[:SUBJECT]
    parameters = {
        "TopicArn": request.topic,
        "Subject": subject,
        "Message": request.text,
        "MessageAttributes": {"failberry-id": {"DataType": "String", "StringValue": request.name}},
    }
    place = "publishing a message"
    try:
        # Not repeated when an answer is lost: the notifier repeats it, under the same name.
        answer = session.ask(
            "sns", "publish", parameters, place, region=request.region, secrets=(request.topic,), once=True
        )
    except AwsError as error:
        raise AdapterError(error.reason, error.evidence) from None
    return TellResult(message=str(answer.get("MessageId", "")))
