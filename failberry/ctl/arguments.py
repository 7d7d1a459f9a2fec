"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

from failberry import __version__
from failberry.control import SOCKET
from failberry.ctl import CHILD, CONFIG_FILE, EXIT_CODES
from failberry.ctl.kinds import KINDS, LINES, SEVERITIES
from failberry.notify import SOCKET as NOTIFIER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Without a given width argparse asks for the terminal's, and imports every compression module for that.
_WRAPPED = partial(argparse.HelpFormatter, width=80)
_RAW = partial(argparse.RawDescriptionHelpFormatter, width=80)

COMMANDS = {
    "status": "show which line is active and why, the modem, and what comes next",
    "failover": "show both lines, which of them is in use and why, and what comes next",
    "failover force": "use the wired or the cellular line, come what may; auto: choose by itself again",
    "events": "show what has happened, and why: each failover and each repair as a story",
    "usage": "show what of the mobile plan is used in this billing cycle, and where that leads",
    "usage set": "say how much is used, as the carrier counts it",
    "doctor": "look for everything that may be wrong with this house, and tell the cure of each",
    "wizard": "ask for what is needed, write the first configuration, and try it",
    "report": "gather what somebody who helps must see, without secrets, into one file; sent nowhere",
    "usb": "show the USB bus: what each device carries, which hub switches power, and what that would cut",
    "config check": "read a configuration file as the daemon would, and list all that is wrong with it",
    "config show": "print the configuration in force, with every default, without secrets",
    "reload": "have the daemon read its configuration again; a bad one is refused, the old one stays",
    "redial": "the same as `modem redial --no-wait`",
    "modem status": "show modem, power supply and recovery in detail, with every step that was taken",
    "modem signal": "show signal, operator and registration alone",
    "modem redial": "hang up and dial again, now",
    "modem reset": "have the modem's firmware start anew, then dial",
    "modem power-cycle": "cut the modem's USB power, give it again, then dial",
    "modem at": "send one AT command to the modem, if it does no harm now, and print the answer",
    "modem disable-cdrom": "take the stick's CD-ROM away for good, by its maker's command; asks before",
    "modem forget-pin": "forget refused PINs: the configured one is tried once more, and only once",
    "dns plan": "show what would change in Route 53, what it costs, and how fast it will be",
    "dns apply": "set the house's name up in Route 53, as planned; shows the plan, and asks before",
    "dns status": "show what the name servers, Route 53 and the daemon say of the house's names",
    "dns verify": "ask the zone's own name servers where the house's name leads to; the exit code tells",
    "dns destroy": "give the zone back as it was found; shows the changes, and asks before",
    "aws deploy": "make or update our functions at AWS, with their key; shows the changes, and asks before",
    "aws destroy": "remove our functions from AWS, and their keys; records and health checks stay",
    "aws doctor": "look whether functions, key, lines, records and health checks fit together; costs",
    "aws policy": "print what an AWS key may do at the least, as IAM's JSON",
    "web password": "set the password of the dashboard: asks for it, or reads it from standard input",
    "notify status": "show who is told of what happens: what waits, what was sent, what failed and why",
    "notify test": "send a test to each receiver and hook, or to one, and say what happened; may cost",
    "system status": "show the SD card's two slots, how the last update went, and what the next start takes",
    "system update": "update now: in the slot that does not run, then restart into it to try it",
    "system rollback": "restart into the other slot, the one before the last update; asks before",
    "system commit": "keep the slot that is on trial now, instead of waiting for its proof",
    "release": "hang up and take everything of Failberry out of the kernel; the daemon must be stopped",
    "version": "print the versions of this program and of the daemon",
}


def _seconds(text: str) -> float:
    from failberry.ctl.amounts import seconds  # late: few commands take a time

    return seconds(text)


def _moment(text: str) -> float:
    from failberry.ctl.moments import moment  # late, as above

    return moment(text)


def _events(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _octets(text: str) -> int:
    from failberry.ctl.amounts import octets  # late, as above

    return octets(text)


_JSON = ("--json", {"action": "store_true", "help": "print it as JSON"})
_WATCH = ("--watch", {"action": "store_true", "help": "go on: show every change as it happens"})
_NO_WAIT = ("--no-wait", {"action": "store_true", "help": "return at once instead of telling how it goes"})
_YES = ("--yes", {"action": "store_true", "help": "do not ask, for scripts"})
_REGION = ("--region", {"metavar": "REGION", "help": "AWS region (default: dns.region)"})
_AWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--profile", {"metavar": "NAME", "help": "profile of the AWS credentials (default: as usual)"}),
    _REGION,
    (
        "--key-file",
        {
            "metavar": "PATH",
            "default": "/etc/failberry/ddns.key",
            "help": "the Pi's key (default: %(default)s)",
        },
    ),
)
_CHILD = (
    "--child",
    {"metavar": "PATH", "default": CHILD, "help": f"the socket of failberry-dns (default: {CHILD})"},
)
_NOTIFIER = (
    "--notifier",
    {
        "metavar": "PATH",
        "default": NOTIFIER,
        "help": "the socket of failberry-notify (default: %(default)s)",
    },
)
_ADOPT = ("--adopt", {"action": "store_true", "help": "replace records of others that are in the way"})
COMMON: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--socket", {"metavar": "PATH", "help": f"the daemon's socket (default: {SOCKET})"}),
    ("--config", {"metavar": "PATH", "help": f"configuration file (default: {CONFIG_FILE})"}),
    ("--color", {"choices": ("auto", "always", "never"), "help": "default: auto, where a terminal shows it"}),
)
"""What every command takes."""
OPTIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "status": (_JSON, _WATCH),
    "failover": (_JSON, _WATCH),
    "failover force": (
        ("line", {"choices": (*LINES, "auto"), "help": "which line"}),
        (
            "--for",
            {"dest": "seconds", "metavar": "TIME", "type": _seconds, "help": "for so long: 45m, 2h, 1d"},
        ),
        ("--dns", {"action": "store_true", "help": "hold the house's name in Route 53 on that line, too"}),
        _CHILD,
        _JSON,
    ),
    "dns plan": (_ADOPT, _JSON, _CHILD),
    "dns apply": (_ADOPT, _YES, _JSON, _CHILD),
    "dns status": (_JSON, _CHILD),
    "dns verify": (_JSON,),
    "dns destroy": (_YES, _JSON, _CHILD),
    "events": (
        ("--follow", {"action": "store_true", "help": "go on: show each event as it happens"}),
        (
            "--since",
            {
                "metavar": "WHEN",
                "type": _moment,
                "help": "from then on: 2h, yesterday, 10:00, 2026-11-20T10:00",
            },
        ),
        (
            "--kind",
            {
                "metavar": "KIND",
                "action": "append",
                "choices": KINDS,
                "help": f"of this kind, and in full; may be repeated: {', '.join(KINDS)}",
            },
        ),
        (
            "--severity",
            {
                "metavar": "SEVERITY",
                "choices": SEVERITIES,
                "help": f"of this severity or worse: {', '.join(SEVERITIES)}",
            },
        ),
        ("--limit", {"metavar": "N", "type": _events, "help": "the last N of them, 1000 at most"}),
        (
            "--details",
            {"action": "store_true", "help": "leave nothing out: each deed, each state of the modem"},
        ),
        _JSON,
    ),
    "usage": (_JSON, _WATCH),
    "usage set": (
        ("amount", {"metavar": "AMOUNT", "type": _octets, "help": "for example 1.2GB"}),
        _JSON,
    ),
    "doctor": (
        _JSON,
        ("--no-aws", {"action": "store_true", "help": "ask nothing of AWS, which costs some kilobytes"}),
    ),
    "wizard": (
        ("--no-start", {"action": "store_true", "help": "only write the file: start nothing, try nothing"}),
    ),
    "report": (
        ("-o", {"dest": "output", "metavar": "FILE", "help": "default: failberry-report-DATE.tar.gz, here"}),
        ("--no-aws", {"action": "store_true", "help": "ask nothing of AWS, which costs some kilobytes"}),
        _JSON,
    ),
    "usb": (_JSON,),
    "config check": (
        ("file", {"nargs": "?", "metavar": "FILE", "help": f"default: {CONFIG_FILE}"}),
        _JSON,
    ),
    "config show": (_JSON,),
    "reload": (_JSON,),
    "redial": (_JSON,),
    "modem forget-pin": (_JSON,),
    "release": (_JSON,),
    "version": (_JSON,),
    "modem status": (_JSON, _WATCH),
    "modem signal": (_JSON, _WATCH),
    "modem redial": (_NO_WAIT, _JSON),
    "modem reset": (
        ("--usb", {"action": "store_true", "help": "reset the device on the USB bus instead"}),
        _NO_WAIT,
        _JSON,
    ),
    "modem power-cycle": (
        (
            "--dry-run",
            {"action": "store_true", "help": "only show which ports would be cut, and who suffers"},
        ),
        ("--json", {"action": "store_true", "help": "the same as --dry-run, as JSON"}),
        ("--force", {"action": "store_true", "help": "do it even if something else loses its power"}),
        _NO_WAIT,
    ),
    "modem at": (("text", {"metavar": "AT-COMMAND", "help": "for example 'AT+CSQ'; quote it"}), _JSON),
    "modem disable-cdrom": (_YES, _JSON),
    "web password": (
        (
            "--file",
            {
                "metavar": "PATH",
                "default": "/etc/failberry/web.password",
                "help": "where its hash is kept (default: %(default)s)",
            },
        ),
        ("--no-restart", {"action": "store_true", "help": "only write the file: the page goes on as it is"}),
    ),
    "notify status": (_JSON, _NOTIFIER),
    "notify test": (
        (
            "channel",
            {"nargs": "?", "metavar": "CHANNEL", "help": "a receiver's name, or hook:FILE; default: all"},
        ),
        _JSON,
        _NOTIFIER,
    ),
    "system status": (_JSON,),
    "system update": (
        ("--again", {"action": "store_true", "help": "try package versions again that were given up"}),
        _NO_WAIT,
        _JSON,
    ),
    "system rollback": (
        _YES,
        ("--force", {"action": "store_true", "help": "even into a slot that was given up"}),
        _JSON,
    ),
    "system commit": (_JSON,),
    "aws deploy": (
        *_AWS,
        _YES,
        ("--rotate-key", {"action": "store_true", "help": "make a new key; the old one stays valid, too"}),
        (
            "--set",
            {"metavar": "NAME=VALUE", "action": "append", "help": "a parameter of lambda/template.yaml"},
        ),
        _JSON,
    ),
    "aws destroy": (
        *_AWS,
        _YES,
        ("--forget-key", {"action": "store_true", "help": "delete the Pi's key, too"}),
        _JSON,
    ),
    "aws doctor": (*_AWS, _JSON),
    "aws policy": (
        (
            "--role",
            {
                "choices": ("daemon", "lambda", "deployer"),
                "required": True,
                "help": "whose: the key on the Pi, our functions, or whoever sets all of it up",
            },
        ),
        _REGION,
        ("--account", {"metavar": "ID", "default": "*", "help": "number of the AWS account (default: any)"}),
        ("--check", {"metavar": "ID", "action": "append", "help": "id of a health check (default: any)"}),
    ),
}
"""What each command takes besides the options of all."""


def parse(words: Sequence[str]) -> SimpleNamespace:
    """Read the command line; what it asks for is in ``words``.

    Raises ``SystemExit``: 0 after help was printed, 2 for what is not understood.
    """
    # What is not asked for need not be built: each command costs a start a tenth of a millisecond and more.
    meant = [name for name in COMMANDS if name.split()[0] in words]
    wants_help = not {"-h", "--help"}.isdisjoint(words)
    built = meant if meant and not wants_help else [*COMMANDS]
    return parser(built).parse_args(words, SimpleNamespace(socket=SOCKET, config=None, color="auto"))


def parser(commands: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser of these commands."""
    exits = "\n".join(f"  {code:<3} {meaning}" for code, meaning in EXIT_CODES.items())
    top = argparse.ArgumentParser(
        prog="failberryctl",
        description="Ask and steer failberryd, which keeps the house on the Internet by a USB modem.",
        epilog=f"exit status:\n{exits}",
        formatter_class=_RAW,
        parents=[_common()],
    )
    top.add_argument("--version", action="version", version=f"failberryctl {__version__}")
    groups = {"": top.add_subparsers(metavar="COMMAND", required=True)}
    made: dict[str, argparse.ArgumentParser] = {}
    for words in commands:
        purpose = COMMANDS[words]
        group, _, name = words.rpartition(" ")
        if group in made and group not in groups:
            # A command of its own, which others follow: `usage`, and `usage set`.
            groups[group] = made[group].add_subparsers(metavar="COMMAND", required=False)
        elif group not in groups:
            about = ", ".join(each for each in COMMANDS if each.startswith(group))
            inner = groups[""].add_parser(group, help=about, formatter_class=_WRAPPED)
            groups[group] = inner.add_subparsers(metavar="COMMAND", required=True)
        command = groups[group].add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            formatter_class=_WRAPPED,
            parents=[_common()],
        )
        made[words] = command
        command.set_defaults(words=words)
        if words == "redial":
            command.set_defaults(no_wait=True)
        for name, details in OPTIONS.get(words, ()):
            command.add_argument(name, **details)
    return top


def _common() -> argparse.ArgumentParser:
    """Options that may stand before and after the command."""
    common = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, formatter_class=_WRAPPED
    )
    for name, details in COMMON:
        common.add_argument(name, **details)
    return common
