"""``failberryctl aws``: set up our functions in the owner's account, look after them, take them away.

These ask AWS themselves, with the credentials of whoever runs them; the daemon is not asked, and holds none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

from failberry.ctl import CONFIG, CONFIG_FILE, OK, USAGE
from failberry.ctl.commands import refuse
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems
from failberry.errors import AdapterError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.aws.session import Connect, Session
    from failberry.aws.settings import Settings

    Command = Callable[[SimpleNamespace, Settings, Connect | None], int]

_PACKAGES = {"boto3", "botocore"}


def deploy(arguments: SimpleNamespace, connect: Connect | None = None) -> int:
    """Make the functions at AWS as the configuration says."""
    return _with_settings(arguments, _deploy, connect)


def destroy(arguments: SimpleNamespace, connect: Connect | None = None) -> int:
    """Take them away."""
    return _with_settings(arguments, _destroy, connect)


def policy(arguments: SimpleNamespace, connect: Connect | None = None) -> int:
    """Print what a key may do at the least."""
    return _with_settings(arguments, _policy, connect)


def _with_settings(arguments: SimpleNamespace, command: Command, connect: Connect | None) -> int:
    from failberry.aws import settings as reading

    try:
        settings = reading.load(arguments.config or CONFIG_FILE)
    except ConfigError as error:
        print(config_problems(error, style=Style.of(sys.stderr, os.environ)), file=sys.stderr)
        return CONFIG
    if arguments.region is not None:
        settings = replace(settings, dns=replace(settings.dns, region=arguments.region))
    try:
        return command(arguments, settings, connect)
    except ModuleNotFoundError as missing:
        if missing.name not in _PACKAGES:
            raise
        return refuse(f"python3-{missing.name} is not installed: `sudo apt install python3-boto3`")
    except AdapterError as error:
        return refuse("\n".join(_wrapped(clean(error.evidence))))


def _deploy(arguments: SimpleNamespace, settings: Settings, connect: Connect | None) -> int:
    from failberry.aws import archive
    from failberry.aws.deploy import Deployment
    from failberry.aws.keyfile import KeyFile

    options = _options(arguments.set)
    if isinstance(options, str):
        print(options, file=sys.stderr)
        return USAGE
    key_file = KeyFile(arguments.key_file)
    deployment = Deployment(settings, _session(arguments, connect), key_file=key_file)
    code = archive.read()
    plan = deployment.plan(code, options=options, rotate=arguments.rotate_key)
    where = f"The stack {settings.dns.stack} in {settings.dns.region}"
    if not plan.lines:
        print(f"{where}: nothing differs.")
        _tell_url(deployment.url(), settings)
        return OK
    agreed = False
    try:
        print(f"{where}:")
        print("\n".join(map(clean, plan.lines)))
        agreed = arguments.yes or _agreed("Type yes to do it: ")
    finally:
        if not agreed:
            deployment.discard(plan)
    if not agreed:
        return refuse("Nothing was changed. Scripts give --yes.")
    done = deployment.carry_out(plan, code, _Progress())
    print("Done.")
    _tell_url(done.url, settings)
    if done.alarms:
        _tell(
            "Now `failberryctl dns apply`: health checks copy the settings of their alarms, and must be told."
        )
    if plan.keys.document is not None or plan.keys.secret is not None:
        _tell_key(arguments, restart=done.restart, rotated=arguments.rotate_key)
    return OK


def _destroy(arguments: SimpleNamespace, settings: Settings, connect: Connect | None) -> int:
    from failberry.aws.deploy import Deployment
    from failberry.aws.keyfile import KeyFile

    key_file = KeyFile(arguments.key_file)
    deployment = Deployment(settings, _session(arguments, connect), key_file=key_file)
    removal = deployment.plan_removal(forget_key=arguments.forget_key)
    where = f"stack {settings.dns.stack} in {settings.dns.region}"
    if not removal.lines:
        print(f"There is no {where}, and nothing of it is left.")
        return OK
    print(f"The {where} goes away; records and health checks stay.")
    print("\n".join(map(clean, removal.lines)))
    for each in removal.notes:
        _tell(f"note: {clean(each)}")
    if not arguments.yes and not _agreed("Type yes to remove it: "):
        return refuse("Nothing was removed. Scripts give --yes.")
    deployment.remove(removal, _Progress())
    print("Done.")
    return OK


def _policy(arguments: SimpleNamespace, settings: Settings, _: Connect | None) -> int:
    from failberry.aws import policy as policies

    scope = policies.Scope(account=arguments.account, checks=tuple(arguments.check or ()))
    print(json.dumps(policies.policy(arguments.role, settings.dns, scope), indent=2))
    return OK


def _session(arguments: SimpleNamespace, connect: Connect | None) -> Session:
    from failberry.aws.session import Session  # boto3 takes a second to import

    return Session(profile=arguments.profile, connect=connect)


def _options(words: Sequence[str] | None) -> dict[str, str] | str:
    """What ``--set`` gave; or what is wrong with it."""
    from failberry.aws.layout import OPTIONS

    options = {}
    for each in words or ():
        name, equals, value = each.partition("=")
        if not equals or name not in OPTIONS:
            return f"--set {each}: write NAME=VALUE, with the name one of {', '.join(OPTIONS)}"
        options[name] = value
    return options


def _tell_url(url: str, settings: Settings) -> None:
    if url == settings.dns.url:
        print(f"It is reached at {url}, as dns.url says.")
    else:
        print(f'It is reached at {url}. Write that into the configuration, under [dns]:\n\nurl = "{url}"\n')


def _tell_key(arguments: SimpleNamespace, *, restart: bool, rotated: bool) -> None:
    if restart:
        _tell("Now `sudo systemctl restart failberry`: a daemon that runs still has the old key.")
    if rotated:
        _tell(
            "Once that is done, `failberryctl aws deploy` takes the old key away; until then both are valid."
        )
    from failberry.aws.keyfile import KEY_FILE

    if arguments.key_file != KEY_FILE:
        _tell(f"Carry {arguments.key_file} to the Pi, as {KEY_FILE}, for root alone (mode 0600).")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return input(question).strip() == "yes"
    except EOFError:
        print()
        return False


class _Progress:
    """Tells lines with the seconds since the first."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:5.0f} s  {clean(line)}", flush=True)


def _tell(text: str) -> None:
    print("\n".join(_wrapped(text)))


def _wrapped(text: str) -> list[str]:
    return Style.of(sys.stdout, os.environ).wrap(text)


COMMANDS = {"deploy": deploy, "destroy": destroy, "policy": policy}
