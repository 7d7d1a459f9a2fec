"""Mail by SMTP, with TLS (RFC 5321, RFC 3207, RFC 8314); one connection for each delivery."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from failberry.core.actions import Severity
from failberry.notify import render
from failberry.notify.outbox import Delivery, Outcome, Result
from failberry.notify.web import context_of, said
from failberry.notifychecks import host_and_port
from failberry.notifying import Receiver

PATIENCE = 30.0
"""Seconds for each step."""
IMPLICIT_TLS = 465


def send(receiver: Receiver, delivery: Delivery, host: str) -> Outcome:
    """Hand it to the server; who of several addresses is refused is told, the others have it."""
    server, port = host_and_port(receiver.server)
    sent = False
    try:
        with _connected(receiver, server, port, host) as smtp:
            if receiver.tls and port != IMPLICIT_TLS:
                smtp.starttls(context=context_of(receiver.ca))
                smtp.ehlo()
            if receiver.secret:
                smtp.login(receiver.user or receiver.sender, receiver.secret)
            text = _message(receiver, delivery, host)
            sent = True
            refused = smtp.send_message(text)
    except ssl.SSLCertVerificationError as failure:
        words = f"{server} does not prove who it is: {failure.verify_message}; is the clock right?"
        return Outcome(result=Result.REFUSED, words=words)
    except smtplib.SMTPAuthenticationError as failure:
        words = f"{server} refused the password: {_text(failure)}; correct user and secret"
        return Outcome(result=Result.REFUSED, words=words)
    except smtplib.SMTPRecipientsRefused as failure:
        code, reason = next(iter(failure.recipients.values()))
        words = f"{server} refused the address: {code} {_clean(reason)}"
        return Outcome(result=Result.REFUSED if code >= 500 else Result.FAILED, words=words)
    except smtplib.SMTPResponseException as failure:
        lasting = failure.smtp_code >= 500
        return Outcome(
            result=Result.REFUSED if lasting else Result.FAILED, words=f"{server}: {_text(failure)}"
        )
    except smtplib.SMTPNotSupportedError as failure:
        return Outcome(result=Result.REFUSED, words=f"{server}: {failure}")
    except (OSError, smtplib.SMTPException, ValueError) as failure:
        return Outcome(result=Result.UNKNOWN if sent else Result.FAILED, words=f"{server}: {said(failure)}")
    also = f"; {len(refused)} of the addresses were refused" if refused else ""
    return Outcome(result=Result.SENT, words=f"{server} took it{also}")


@contextlib.contextmanager
def _connected(receiver: Receiver, server: str, port: int, host: str):  # type: ignore[no-untyped-def]
    name = host if "." in host else f"{host}.invalid"
    if receiver.tls and port == IMPLICIT_TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server, port, local_hostname=name, timeout=PATIENCE, context=context_of(receiver.ca)
        )
    else:
        smtp = smtplib.SMTP(server, port, local_hostname=name, timeout=PATIENCE)
    try:
        yield smtp
    finally:
        # What was taken stays taken, however the parting goes.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def _message(receiver: Receiver, delivery: Delivery, host: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = formataddr((f"Failberry on {host}", receiver.sender))
    message["To"] = ", ".join(each.strip() for each in receiver.to.split(","))
    message["Subject"] = f"{host}: {render.title(delivery)}"
    message["Date"] = format_datetime(datetime.fromtimestamp(time.time(), UTC))
    # The same for the same delivery: mail programs show a repetition once.
    message["Message-ID"] = f"<{delivery.id}@{receiver.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes, please
    if render.severity(delivery) is Severity.ERROR:
        message["Importance"] = "high"
    message.set_content(render.body(delivery) + "\n")
    return message


def _text(failure: smtplib.SMTPResponseException) -> str:
    return f"{failure.smtp_code} {_clean(failure.smtp_error)}"


def _clean(text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(words.split())[:200]
