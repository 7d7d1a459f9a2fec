"""Everything that ``failberryctl`` does besides showing the status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace

from failberry import __version__
from failberry.ctl import ATTENTION, CONFIG, CONFIG_FILE, OK, UNIT, client
from failberry.ctl.screen import view
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.errors import ConfigError

_DENIED = "org.varlink.service.PermissionDenied"
_INVALID = "io.failberry.Appliance.ConfigInvalid"
_FAILED = "io.failberry.Appliance.Failed"
_REFUSED = "io.failberry.Appliance.Refused"


def version(arguments: SimpleNamespace) -> int:
    """Both versions: of this program, and of the daemon that runs."""
    print(f"failberryctl {__version__}")
    try:
        running = client.call(arguments.socket, "GetVersion")["failberry"]
    except client.UnreachableError as error:
        if not error.stopped:
            raise
        print("failberryd is not running")
        return OK
    print(f"failberryd {clean(running)}")
    if running != __version__:
        print(f"They differ: `sudo systemctl restart {UNIT}` starts the one that is installed.")
    return OK


def config_check(arguments: SimpleNamespace) -> int:
    """Read a configuration file as the daemon would, and say what is wrong with it."""
    from failberry import configfile  # late: status does not need the parser
    from failberry.errors import ConfigError

    path = arguments.file or arguments.config or CONFIG_FILE
    try:
        config = configfile.load(path)
    except ConfigError as error:
        return _bad(error, _terminal())
    print(f"{clean(path)} is good: {config.mode} mode, wired line on {config.wired.interface}.")
    _warn(configfile.warnings(config, path))
    return OK


def config_show(arguments: SimpleNamespace) -> int:
    """Print the configuration in force; of a file where one is named, or where no daemon runs."""
    if arguments.config is None:
        try:
            told = client.call(arguments.socket, "ShowConfig")
        except client.UnreachableError as error:
            if not error.stopped:
                raise
            print(f"failberryd is not running; this is what {CONFIG_FILE} says:", file=sys.stderr)
        else:
            print(told["toml"], end="")
            _warn(told["warnings"])
            return OK
    from failberry import configfile  # late: status does not need the parser
    from failberry.errors import ConfigError

    path = arguments.config or CONFIG_FILE
    try:
        config = configfile.load(path)
    except ConfigError as error:
        return _bad(error, _terminal())
    print(configfile.show(config), end="")
    _warn(configfile.warnings(config, path))
    return OK


def reload(arguments: SimpleNamespace) -> int:
    """Have the daemon read its configuration again."""
    try:
        return request(
            arguments,
            lambda: _call(arguments, "Reload"),
            done="The configuration was read again and is in force.",
        )
    except client.RefusedError as refused:
        if refused.error != _INVALID:
            raise
        style = _terminal()
        code = _bad(view(refused.parameters), style)
        print("\nNothing was changed: failberryd keeps the configuration that it had.", file=sys.stderr)
        return code


def forget_pin(arguments: SimpleNamespace) -> int:
    """Have the daemon try the configured PIN once more."""
    done = "Refused PINs are forgotten: the configured one is tried once more, and only once."
    return request(arguments, lambda: _call(arguments, "ForgetPin"), done=done)


def release(arguments: SimpleNamespace, remove: Callable[[], tuple[str, ...]]) -> int:
    """Hang up and take everything of ours out of the kernel; not while a daemon would put it back.

    ``remove`` does it, and returns what could not be done.
    """
    if os.geteuid() != 0:
        return refuse("This needs root: `sudo failberryctl release`")
    if client.listens(arguments.socket):
        return refuse(
            "failberryd is running and would put everything back at once. Stop it first: "
            f"`sudo systemctl stop {UNIT}`"
        )
    if problems := remove():
        return refuse("\n".join(["This could not be removed; try again:", *map(clean, problems)]))
    print("The mobile line is hung up, and nothing of Failberry is left in the kernel.")
    return OK


def remove_all() -> tuple[str, ...]:
    """Hang up and clean up for real."""
    import asyncio  # late, both: nothing else needs the daemon's parts

    from failberry import daemon, house

    return asyncio.run(daemon.release(house.Places()))


def request(arguments: SimpleNamespace, ask: Callable[[], int | None], *, done: str = "") -> int:
    """Ask the daemon for something, and say it when that is refused or done."""
    try:
        code = ask()
    except client.RefusedError as refused:
        reason = clean(str(refused.parameters.get("reason")))
        if refused.error == _DENIED:
            return refuse(f"Only root may do that: `sudo failberryctl {arguments.words}`")
        if refused.error == _REFUSED:
            return refuse("\n".join(_terminal().wrap(reason)))
        if refused.error == _FAILED:
            return refuse(f"failberryd could not do it: {reason}")
        raise
    if done:
        print(done)
    return code or OK


def _call(arguments: SimpleNamespace, method: str) -> None:
    client.call(arguments.socket, method)


def _bad(error: ConfigError, style: Style) -> int:
    print(config_problems(error, style=style), file=sys.stderr)
    return CONFIG


def refuse(why: str) -> int:
    """Say why not."""
    print(why, file=sys.stderr)
    return ATTENTION


def _warn(warnings: Sequence[str]) -> None:
    for each in warnings:
        print(f"warning: {clean(each)}", file=sys.stderr)


def _terminal() -> Style:
    return Style.of(sys.stderr, os.environ)
