"""Everything that ``failberryctl`` does besides showing the status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace

from failberry import __version__
from failberry.control import client
from failberry.ctl import ATTENTION, CONFIG, CONFIG_FILE, OK, UNIT, USAGE
from failberry.ctl.screen import view
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.errors import ConfigError

_DENIED = "org.varlink.service.PermissionDenied"
_INVALID = "io.failberry.Appliance.ConfigInvalid"
_FAILED = "io.failberry.Appliance.Failed"
_REFUSED = "io.failberry.Appliance.Refused"


def version(arguments: SimpleNamespace) -> int:
    """Both versions: of this program, and of the daemon that runs."""
    running: str | None = None
    try:
        running = clean(client.call(arguments.socket, "GetVersion")["failberry"])
    except client.UnreachableError as error:
        if not error.stopped:
            raise
    if arguments.json:
        _print({"version": 1, "failberryctl": __version__, "failberryd": running})
        return OK
    print(f"failberryctl {__version__}")
    print(f"failberryd {running}" if running is not None else "failberryd is not running")
    if running not in (None, __version__):
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
        return _bad(error, _terminal()) if not arguments.json else _checked(path, error, ())
    if arguments.json:
        return _checked(path, None, configfile.warnings(config, path))
    print(f"{clean(path)} is good: {config.mode} mode, wired line on {config.wired.interface}.")
    _warn(configfile.warnings(config, path))
    return OK


def _checked(path: str, error: ConfigError | None, warnings: Sequence[str]) -> int:
    problems = [
        {name: getattr(each, name) for name in ("key", "line", "problem", "hint")}
        for each in (error.problems if error is not None else ())
    ]
    _print(
        {"version": 1, "path": path, "good": error is None, "problems": problems, "warnings": list(warnings)}
    )
    return OK if error is None else CONFIG


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
            return _show(arguments, told["toml"], told["warnings"])
    from failberry import configfile  # late: status does not need the parser
    from failberry.errors import ConfigError

    path = arguments.config or CONFIG_FILE
    try:
        config = configfile.load(path)
    except ConfigError as error:
        return _bad(error, _terminal())
    return _show(arguments, configfile.show(config), configfile.warnings(config, path))


def _show(arguments: SimpleNamespace, toml: str, warnings: Sequence[str]) -> int:
    if arguments.json:
        import tomllib  # late: only here

        _print({"version": 1, "config": tomllib.loads(toml), "warnings": list(warnings)})
        return OK
    print(toml, end="")
    _warn(warnings)
    return OK


def reload(arguments: SimpleNamespace) -> int:
    """Have the daemon read its configuration again."""
    pending: list[str] = []
    try:
        code = request(
            arguments,
            lambda: pending.extend(client.call(arguments.socket, "Reload").get("pending", ())),
        )
    except client.RefusedError as refused:
        if refused.error != _INVALID:
            raise
        if arguments.json:
            words = "Nothing was changed: the configuration cannot be used."
            deed = {"version": 1, "command": arguments.words, "done": False, "words": words}
            _print(deed | {"problems": refused.parameters.get("problems", [])})
            return CONFIG
        style = _terminal()
        code = _bad(view(refused.parameters), style)
        print("\nNothing was changed: failberryd keeps the configuration that it had.", file=sys.stderr)
        return code
    if code != OK:
        return code
    words = "The configuration was read again and is in force."
    if pending:
        settings = clean(", ".join(pending))
        words += f" What has changed of {settings} takes effect when the Pi starts again: `sudo reboot`."
    return told(arguments, words, done=True)


def forget_pin(arguments: SimpleNamespace) -> int:
    """Have the daemon try the configured PIN once more."""
    done = "Refused PINs are forgotten: the configured one is tried once more, and only once."
    return request(arguments, lambda: _call(arguments, "ForgetPin"), done=done)


def release(arguments: SimpleNamespace, remove: Callable[[], tuple[str, ...]]) -> int:
    """Hang up and take everything of ours out of the kernel; not while a daemon would put it back.

    ``remove`` does it, and returns what could not be done.
    """
    if os.geteuid() != 0:
        return told(arguments, "This needs root: `sudo failberryctl release`", done=False)
    if client.listens(arguments.socket):
        why = "failberryd is running and would put everything back at once. Stop it first: "
        return told(arguments, f"{why}`sudo systemctl stop {UNIT}`", done=False)
    if problems := remove():
        why = "\n".join(["This could not be removed; try again:", *map(clean, problems)])
        return told(arguments, why, done=False)
    words = "The mobile line is hung up, and nothing of Failberry is left in the kernel."
    return told(arguments, words, done=True)


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
        reason = clean(refused.reason)
        if refused.error == _DENIED:
            reason = f"Only root may do that: `sudo failberryctl {arguments.words}`"
        elif refused.error == _REFUSED:
            reason = "\n".join(_terminal().wrap(reason)) if not _for_programs(arguments) else reason
        elif refused.error == _FAILED:
            reason = f"failberryd could not do it: {reason}"
        else:
            raise
        return told(arguments, reason, done=False)
    if done:
        told(arguments, done, done=True)
    return code or OK


def told(arguments: SimpleNamespace, words: str, *, done: bool) -> int:
    """Say that something was done, or why not; return what that means as an exit code."""
    if _for_programs(arguments):
        _print({"version": 1, "command": arguments.words, "done": done, "words": words})
        return OK if done else ATTENTION
    if done:
        print(words)
        return OK
    return refuse(words)


def as_document(arguments: SimpleNamespace, act: Callable[[SimpleNamespace], int]) -> int:
    """Do what is told in words, and give these words to a program when it has ended."""
    import contextlib  # late, both: programs alone want it
    import io

    if not getattr(arguments, "yes", True):
        print("--json asks nothing: it goes with --yes.", file=sys.stderr)
        return USAGE
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = act(SimpleNamespace(**{**vars(arguments), "json": False}))
    words = said.getvalue().strip()
    _print({"version": 1, "command": arguments.words, "done": code == OK, "words": words})
    return code


def _for_programs(arguments: SimpleNamespace) -> bool:
    return bool(getattr(arguments, "json", False))


def _print(document: Any) -> None:
    import json  # late: the framing of the socket needs it anyway, but not every command has one

    print(json.dumps(document, indent=2))


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
