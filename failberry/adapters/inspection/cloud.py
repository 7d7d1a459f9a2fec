"""What of AWS concerns this machine: its key, what our function says over each line, and the rest if it may.

The whole examination (``failberryctl aws doctor``) needs an AWS key of the owner's, which seldom is on the
Pi.  Without one only the function is asked, with the Pi's own key.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from failberry.aws import layout
from failberry.aws.doctor import Finding, Level, diagnose
from failberry.aws.evidence import Evidence, Reflection, Silence, Trial
from failberry.aws.keyfile import KeyFile
from failberry.aws.reflector import Key, Reflector
from failberry.aws.settings import Settings
from failberry.config import HEALTH_PORT, Config
from failberry.core.snapshot import UplinkName
from failberry.dns.wish import wish_of
from failberry.doctor.evidence import AwsFacts, Remote
from failberry.errors import AdapterError
from failberry.naming import Dns, Publisher

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def ask(key: Path, config: Config | None) -> AwsFacts | None:
    """Everything that can be seen from here; ``None``: no house is named."""
    if config is None or config.dns is None:
        return None
    dns = config.dns
    direct = bool(layout.written_by(dns, Publisher.ROUTE53))
    boto = importlib.util.find_spec("boto3") is not None
    if os.geteuid() != 0:
        return AwsFacts(boto=boto or not direct)
    problem, secret = "", None
    if layout.written_by(dns, Publisher.LAMBDA):
        problem, secret = _key(key)
    settings = Settings(config=config, dns=dns)
    told = _examined(settings, str(key)) if boto and _has_account() else _asked(settings, secret)
    return AwsFacts(key=problem, boto=boto or not direct, findings=tuple(_remote(told)))


def _key(path: Path) -> tuple[str, str | None]:
    try:
        secret = KeyFile(str(path)).read()
    except AdapterError as error:
        return error.evidence, None
    if secret is None:
        return f"{path} is missing, with which the daemon signs what it sends to our function", None
    return "", secret


def _has_account() -> bool:
    home = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws/credentials")
    return any(os.environ.get(each) for each in _KEYS) or home.exists()


def _examined(settings: Settings, key: str) -> list[Finding]:
    # Late: boto3 takes a second to import, and on many a house's Pi it is not there at all.
    from failberry.aws.examine import Examination
    from failberry.aws.session import Session

    try:
        seen = Examination(
            settings,
            wish_of(settings.dns, settings.config.health),
            Session(),
            key_file=KeyFile(key),
            lines=settings.lines(),
        ).look()
    except AdapterError as error:
        words, _, cure = error.evidence.rpartition("; ")
        return [Finding(level=Level.UNKNOWN, what="AWS", words=words or error.evidence, cure=cure)]
    return list(diagnose(settings.config, settings.dns, seen))


def _asked(settings: Settings, secret: str | None) -> list[Finding]:
    """What the function says of each line; nothing of what only AWS itself could tell."""
    dns = settings.dns
    if not dns.url:
        return []
    reflector, lines = Reflector(dns.url), settings.lines()
    reflections: dict[UplinkName, Reflection | Silence] = {
        line: reflector.reflect(socket) for line, socket in lines.items()
    }
    trials: dict[UplinkName, Trial | Silence] = {}
    for line, host in layout.written_by(dns, Publisher.LAMBDA).items():
        seen = reflections[line]
        if secret is not None and isinstance(seen, Reflection):
            signed = Key(name=dns.key_name, secret=bytes.fromhex(secret))
            asked = layout.port_of(dns, line) == HEALTH_PORT
            probe = layout.path_of(settings.config.health, line) if asked else ""
            trials[line] = reflector.try_update(lines[line], signed, host, seen, probe=probe)
    evidence = Evidence(stack=None, parameters={}, reflections=reflections, trials=trials)
    return [each for each in diagnose(settings.config, dns, evidence) if not _of_stack(each, dns)]


def _of_stack(finding: Finding, dns: Dns) -> bool:
    return finding.what == f"stack {dns.stack}"


def _remote(told: list[Finding]) -> Iterator[Remote]:
    for each in told:
        if each.level is not Level.GOOD:
            yield Remote(
                bad=each.level is Level.BAD,
                unknown=each.level is Level.UNKNOWN,
                what=each.what,
                words=each.words,
                cure=each.cure,
            )
