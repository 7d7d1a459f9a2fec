"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

from failberry import __version__
from failberry.control import SOCKET
from failberry.ctl import CONFIG_FILE, EXIT_CODES

# Without a given width argparse asks for the terminal's, and imports every compression module for that.
_WRAPPED = partial(argparse.HelpFormatter, width=80)
_RAW = partial(argparse.RawDescriptionHelpFormatter, width=80)

COMMANDS = {
    "status": "show which line is active and why, the modem, and what comes next",
    "config check": "read a configuration file as the daemon would, and list all that is wrong with it",
    "config show": "print the configuration in force, with every default, without secrets",
    "reload": "have the daemon read its configuration again; a bad one is refused, the old one stays",
    "redial": "hang up and dial again, now",
    "modem forget-pin": "forget refused PINs: the configured one is tried once more, and only once",
    "release": "hang up and take everything of Failberry out of the kernel; the daemon must be stopped",
    "version": "print the versions of this program and of the daemon",
}


def parse(words: Sequence[str]) -> SimpleNamespace:
    """Read the command line; what it asks for is in ``words``.

    Raises ``SystemExit``: 0 after help was printed, 2 for what is not understood.
    """
    return parser().parse_args(words, SimpleNamespace(socket=SOCKET, config=None))


def parser() -> argparse.ArgumentParser:
    """Build the parser."""
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
    for words, purpose in COMMANDS.items():
        group, _, name = words.rpartition(" ")
        if group not in groups:
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
        command.set_defaults(words=words)
        if words == "status":
            command.add_argument(
                "--json", action="store_true", help="print the document (docs/schema/status.json)"
            )
            command.add_argument(
                "--watch", action="store_true", help="go on: show every change as it happens"
            )
        if words == "config check":
            command.add_argument("file", nargs="?", metavar="FILE", help=f"default: {CONFIG_FILE}")
    return top


def _common() -> argparse.ArgumentParser:
    """Options that may stand before and after the command."""
    common = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, formatter_class=_WRAPPED
    )
    common.add_argument("--socket", metavar="PATH", help=f"the daemon's socket (default: {SOCKET})")
    common.add_argument("--config", metavar="PATH", help=f"configuration file (default: {CONFIG_FILE})")
    return common
