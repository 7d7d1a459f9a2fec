"""``failberryctl aws``: set up our functions in the owner's account, look after them, take them away.

These ask AWS themselves, with the credentials of whoever runs them; the daemon is not asked, and holds none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

from failberry.ctl import ATTENTION, CONFIG, CONFIG_FILE, OK, USAGE
from failberry.ctl.commands import refuse
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems
from failberry.errors import AdapterError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.adapters.pinned import Line
    from failberry.aws.doctor import Finding
    from failberry.aws.session import Connect, Session
    from failberry.aws.settings import Settings
    from failberry.core.snapshot import UplinkName
    from failberry.naming import Dns

    Command = Callable[[SimpleNamespace, Settings, Connect | None], int]

_PACKAGES = {"boto3", "botocore"}


def deploy(arguments: SimpleNamespace, connect: Connect | None = None) -> int:
    """Make the functions at AWS as the configuration says."""
    return _with_settings(arguments, _deploy, connect)


def destroy(arguments: SimpleNamespace, connect: Connect | None = None) -> int:
    """Take them away."""
    return _with_settings(arguments, _destroy, connect)


def policy(arguments: SimpleNamespace) -> int:
    """Print what a key may do at the least."""
    return _in_words(lambda: _policy(arguments))


def _with_settings(arguments: SimpleNamespace, command: Command, connect: Connect | None) -> int:
    from failberry.aws import settings as reading

    def act() -> int:
        settings = reading.load(arguments.config or CONFIG_FILE)
        return command(arguments, replace(settings, dns=_placed(settings.dns, arguments.region)), connect)

    return _in_words(act)


def _placed(dns: Dns, region: str | None) -> Dns:
    return dns if region is None else replace(dns, region=region)


def _in_words(act: Callable[[], int]) -> int:
    try:
        return act()
    except ConfigError as error:
        print(config_problems(error, style=Style.of(sys.stderr, os.environ)), file=sys.stderr)
        return CONFIG
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
            "Now `failberryctl dns apply`: it has the health checks read the settings of their alarms anew."
        )
    if plan.keys.secret is not None:
        _tell_key(arguments, rotated=arguments.rotate_key)
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


def _policy(arguments: SimpleNamespace) -> int:
    from failberry.aws import policy as policies
    from failberry.aws import settings as reading

    config = reading.read(arguments.config or CONFIG_FILE)
    dns = config.dns and _placed(config.dns, arguments.region)
    scope = policies.Scope(account=arguments.account, checks=tuple(arguments.check or ()))
    document = policies.policy(arguments.role, dns, scope, topics=reading.topics(config))
    print(json.dumps(document, indent=2))
    if (size := policies.size(document)) > policies.ROOM:
        words = f"IAM takes {policies.ROOM} characters, and these are {size}: make two policies of it"
        print(f"note: {words}, half of the statements in each.", file=sys.stderr)
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


def _tell_key(arguments: SimpleNamespace, *, rotated: bool) -> None:
    from failberry.aws.keyfile import KEY_FILE

    if arguments.key_file != KEY_FILE:
        _tell(f"Carry {arguments.key_file} to the Pi, as {KEY_FILE}, for root alone (mode 0600).")
    _tell("Then `sudo systemctl restart failberry` on the Pi, which reads its key when it starts.")
    if rotated:
        _tell("After that `failberryctl aws deploy` takes the old key away; until then both are valid.")


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


def doctor(
    arguments: SimpleNamespace,
    connect: Connect | None = None,
    lines: Mapping[UplinkName, Line] | None = None,
) -> int:
    """Look whether everything fits together."""

    def look(arguments: SimpleNamespace, settings: Settings, connect: Connect | None) -> int:
        return _doctor(arguments, settings, connect, lines)

    return _with_settings(arguments, look, connect)


def _doctor(
    arguments: SimpleNamespace,
    settings: Settings,
    connect: Connect | None,
    lines: Mapping[UplinkName, Line] | None,
) -> int:
    from failberry.aws.doctor import Level, diagnose
    from failberry.aws.examine import Examination
    from failberry.aws.keyfile import KeyFile
    from failberry.aws.recordcare import look_at_addresses, look_at_costs, look_at_records
    from failberry.dns.wish import wish_of

    desired = wish_of(settings.dns, settings.config.health)
    evidence = Examination(
        settings,
        desired,
        _session(arguments, connect),
        key_file=KeyFile(arguments.key_file),
        lines=lines or settings.lines(),
    ).look()
    findings = [
        *diagnose(settings.config, settings.dns, evidence),
        *look_at_records(desired, evidence.found),
        *look_at_addresses(desired, evidence.found, evidence.reflections),
        *look_at_costs(desired),
    ]
    if arguments.json:
        print(json.dumps([_document(each) for each in findings], indent=2))
    else:
        style = Style.of(sys.stdout, os.environ)
        print("\n".join(line for each in findings for line in _shown(each, style)))
    return OK if all(each.level is Level.GOOD for each in findings) else ATTENTION


def _document(finding: Finding) -> dict[str, str]:
    return {name: str(getattr(finding, name)) for name in ("level", "what", "words", "cure")}


_SIGNS = {"good": "ok", "attention": "!", "bad": "!!", "unknown": "?"}
_TONES = {"attention": "attention", "bad": "bad", "unknown": "attention"}


def _shown(finding: Finding, style: Style) -> list[str]:
    words = clean(f"{finding.what}: {finding.words}")
    lines = style.wrap(words, first=f"{_SIGNS[finding.level]:3}", rest="   ")
    if finding.cure:
        lines += style.wrap(clean(finding.cure), first=f"   {style.arrow} ", rest="     ")
    tone = _TONES.get(finding.level)
    return [style.paint(each, tone) for each in lines] if tone is not None else lines


COMMANDS = {"deploy": deploy, "destroy": destroy, "doctor": doctor, "policy": policy}
