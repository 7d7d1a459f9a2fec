"""The front door of ``failberryctl``: parse, do, and turn every failure into words and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace

from failberry.control.client import RefusedError, UnreachableError
from failberry.ctl import ATTENTION, OK, UNREACHABLE, USAGE
from failberry.ctl.arguments import parse
from failberry.ctl.style import Style, clean


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    try:
        arguments = parse(sys.argv[1:] if words is None else words)
    except SystemExit as stop:
        return USAGE if stop.code else OK
    try:
        _choose_colour(arguments.color)
        code = _do(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return 130
    except RefusedError as error:
        print(f"failberryd refused: {clean(error.error)}", file=sys.stderr)
        return ATTENTION
    except UnreachableError as error:
        from failberry.ctl.words import unreachable  # late, like all that not every command needs

        style = Style.of(sys.stderr, os.environ)
        print(unreachable(arguments.socket, error.cause, style=style), file=sys.stderr)
        return UNREACHABLE
    return code


def _choose_colour(wish: str) -> None:
    """Pass the choice on as the environment has it: https://no-color.org, https://bixense.com/clicolors."""
    if wish == "never":
        os.environ["NO_COLOR"] = "1"
    elif wish == "always":
        os.environ.pop("NO_COLOR", None)
        os.environ["CLICOLOR_FORCE"] = "1"


TOLD_IN_WORDS = {
    *("aws deploy", "aws destroy", "modem disable-cdrom"),
    *("system update", "system rollback", "system commit"),
}
"""What is done is told step by step, for people; programs get it at the end, as one document."""


def _do(arguments: SimpleNamespace) -> int:
    if arguments.words in TOLD_IN_WORDS and arguments.json:
        from failberry.ctl import commands

        return commands.as_document(arguments, _run)
    return _run(arguments)


def _run(arguments: SimpleNamespace) -> int:
    if arguments.words == "status":
        from failberry.ctl import status

        return status.run(arguments)
    match arguments.words.split():
        case ["modem", "status" | "signal" as part]:
            from failberry.ctl import modem

            return modem.show_status(arguments) if part == "status" else modem.show_signal(arguments)
        case ["usb"]:
            from failberry.ctl import usb

            return usb.run(arguments)
        case ["usage", *rest]:
            from failberry.ctl import usage

            return usage.correct(arguments) if rest else usage.show(arguments)
        case ["failover", *rest]:
            from failberry.ctl import failover

            return failover.force(arguments) if rest else failover.show(arguments)
        case ["doctor" | "report" | "events" | "wizard" as part]:
            return _looking(arguments, part)
        case ["dns", _]:
            from failberry.ctl import dns

            return dns.run(arguments)
        case ["system" | "notify" | "web" as part, _]:
            return _beside(arguments, part)
        case ["aws", part]:
            from failberry.ctl import aws

            return aws.COMMANDS[part](arguments)
        case ["redial"] | ["modem", "redial" | "reset" | "power-cycle" | "at" | "disable-cdrom"]:
            return _hardware(arguments)
    from failberry.ctl import commands

    if arguments.words == "release":
        return commands.release(arguments, commands.remove_all)
    run = {
        "config check": commands.config_check,
        "config show": commands.config_show,
        "reload": commands.reload,
        "modem forget-pin": commands.forget_pin,
        "version": commands.version,
    }[arguments.words]
    return run(arguments)


def _beside(arguments: SimpleNamespace, part: str) -> int:
    """Ask others than the daemon."""
    if part == "notify":
        from failberry.ctl import notify

        return notify.run(arguments)
    if part == "web":
        from failberry.ctl import web

        return web.run(arguments)
    from failberry.ctl import system

    return system.run(arguments)


def _looking(arguments: SimpleNamespace, part: str) -> int:
    if part == "doctor":
        from failberry.ctl import doctor

        return doctor.run(arguments)
    if part == "events":
        from failberry.ctl import events

        return events.run(arguments)
    if part == "wizard":
        from failberry.ctl import wizard

        return wizard.run(arguments)
    from failberry.ctl import report

    return report.run(arguments)


def _hardware(arguments: SimpleNamespace) -> int:
    from failberry.ctl import hardware

    run = {
        "redial": hardware.redial,
        "modem redial": hardware.redial,
        "modem reset": hardware.reset,
        "modem power-cycle": hardware.power_cycle,
        "modem at": hardware.at,
        "modem disable-cdrom": hardware.disable_cdrom,
    }[arguments.words]
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
