"""What the owner can say of being told: who hears of what, by which way, and when not.

Part of :mod:`failberry.config`, which see.
"""
# ruff: noqa: RUF009 -- setting() is dataclasses.field() with a text, made anew for each class.

from dataclasses import dataclass
from enum import StrEnum

from failberry import checks, notifychecks
from failberry.setting import setting


class Via(StrEnum):
    """How somebody is told."""

    NTFY = "ntfy"
    WEBHOOK = "webhook"
    MAIL = "mail"
    SNS = "sns"
    SMS = "sms"


class Least(StrEnum):
    """How bad something must be for somebody to hear of it."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Being told what happens, by `[[receiver]]` and by programs in /etc/failberry/hooks.d."""

    topics: tuple[str, ...] = setting(
        f"What is told at all: {', '.join(notifychecks.TOPICS)}. Empty: all of it.",
        default=(),
        example='["failover", "failback", "no-line", "standby"]',
        check=notifychecks.topics,
    )
    quiet_hours: str = setting(
        "When people are left alone, from and to, in the Pi's time zone; it may run over midnight. What "
        "happened meanwhile comes as one message afterwards. Empty: never.",
        default="",
        example='"22:30-07:00"',
        check=notifychecks.quiet_hours,
    )
    quiet_through: Least = setting(
        "What is told in quiet hours all the same: notice, warning or error, and what is worse.",
        default=Least.ERROR,
    )
    keep: float = setting(
        "Seconds for which a message that cannot be sent is kept.",
        default=3 * _DAY,
        check=checks.Between(600, 30 * _DAY),
    )
    sms_after: float = setting(
        "Seconds without any line after which text messages are sent through the stick.",
        default=120.0,
        check=checks.Between(0, _DAY),
    )
    sms_per_day: int = setting(
        "Text messages in 24 hours at most, counted as the carrier does: a long one is up to three. Kept "
        "by the daemon, over restarts, too.",
        default=6,
        check=checks.Between(1, 50),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody who is told. There may be any number of these; `failberryctl notify test` tries them."""

    name: str = setting(
        "What it is called in status and messages.", example='"phone"', check=notifychecks.name
    )
    via: Via = setting(
        "How: ntfy, webhook, mail, sns (Amazon's, with the AWS key) or sms (through the stick).",
        example='"ntfy"',
    )
    to: str = setting(
        "Where to. ntfy: the topic's address, https://ntfy.sh/topic. webhook: an address. mail: addresses "
        "with commas between. sns: the topic's ARN. sms: a telephone number as +491701234567. Never shown, "
        "for whoever knows it may be able to read along.",
        example='"https://ntfy.sh/a-name-that-nobody-guesses"',
        secret=True,
        check=notifychecks.destination,
    )
    severity: Least = setting("How bad something must be: notice, warning or error.", default=Least.NOTICE)
    quiet: bool = setting("Whether this one has quiet hours; programs (webhook) never have.", default=True)
    secret: str = setting(
        "ntfy: the access token, or the password that belongs to user. webhook: the key that requests are "
        "signed with. mail: the password.",
        default="",
        example='"tk_0123456789"',
        secret=True,
        check=notifychecks.secret,
    )
    user: str = setting(
        "mail, ntfy: the name to log in with. Empty: with mail, the sender's address if there is a password.",
        default="",
        check=notifychecks.user,
    )
    server: str = setting(
        "mail: the server that takes messages, with its port: 465 is TLS from the start, any other begins "
        "it by STARTTLS. A password is never sent without TLS.",
        default="",
        example='"smtp.example.net:587"',
        check=notifychecks.server,
    )
    sender: str = setting(
        "mail: the sender's address.",
        default="",
        example='"pi@example.net"',
        check=notifychecks.sender,
    )
    tls: bool = setting(
        "mail: whether the server must have TLS. false is for a server in the house, without a password.",
        default=True,
    )
    ca: str = setting(
        "A file with certificates, in place of the system's: for a server of your own.",
        default="",
        example='"/etc/ssl/house.pem"',
        check=notifychecks.file,
    )
    always: bool = setting(
        "sms: whether a text message is sent although a line works, by which the others are told.",
        default=False,
    )
