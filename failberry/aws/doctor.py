"""Whether functions, key and lines fit together, in words.  Pure.

:mod:`.examine` asks, :mod:`.recordcare` looks at the records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.aws.evidence import Checkers, Evidence, Reflection, Silence, Trial
from failberry.aws.keys import KeyPlan
from failberry.config import HEALTH_PORT, Config, Mode
from failberry.core.snapshot import UplinkName
from failberry.dns.checks import unreachable
from failberry.naming import Dns

_DEPLOY = "run `failberryctl aws deploy`"
_HIDDEN = {"PingEvent"}
"""Parameters that CloudFormation does not show."""
_SKEW, _REFUSED = 30.0, 240.0
"""Seconds that a clock may be off before it is said; and before AWS, which wants 300, may refuse."""
_ENOUGH = 0.18
"""Share of checkers that keeps a line healthy (Developer Guide, "How Route 53 determines whether…")."""


class Level(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    words: str
    cure: str = ""


def diagnose(config: Config, dns: Dns, evidence: Evidence) -> Iterator[Finding]:
    """Everything about functions, key and lines."""
    yield from _stack(dns, evidence)
    if evidence.stack is not None:
        yield from _url(dns, evidence)
        yield from _key(evidence)
    for line, reflection in evidence.reflections.items():
        yield from _reflected(line, reflection, config)
    for line, trial in evidence.trials.items():
        yield _trial(line, trial)
        if isinstance(trial, Trial) and trial.probe:
            yield _probe(line, trial, config)
    for line, figure in evidence.figures.items():
        yield _figure(line, figure, config)
    for line, told in evidence.checkers.items():
        yield _asked(line, told, config)


def _stack(dns: Dns, evidence: Evidence) -> Iterator[Finding]:
    stack, what = evidence.stack, f"stack {dns.stack}"
    if stack is None or not stack.is_made:
        yield Finding(level=Level.BAD, what=what, words=f"is not there, in {dns.region}", cure=_DEPLOY)
        return
    if not stack.is_whole:
        yield Finding(
            level=Level.BAD, what=what, words=f"is {stack.status}", cure=f"{_DEPLOY}, which says what to do"
        )
    differing = sorted(
        name
        for name, value in evidence.parameters.items()
        if name not in _HIDDEN and stack.parameters.get(name) != value
    )
    if differing:
        words = f"differs from the configuration: {', '.join(differing)}"
        yield Finding(level=Level.ATTENTION, what=what, words=words, cure=_DEPLOY)
    if evidence.outdated:
        words = f"another version of it is in {' and '.join(evidence.outdated)}"
        yield Finding(level=Level.ATTENTION, what="code", words=words, cure=_DEPLOY)
    if stack.is_whole and not differing and not evidence.outdated:
        yield Finding(level=Level.GOOD, what=what, words="is as configured, and has the code of this version")


def _url(dns: Dns, evidence: Evidence) -> Iterator[Finding]:
    again = "run `failberryctl aws destroy`, then `failberryctl aws deploy`"
    if not evidence.url:
        yield Finding(level=Level.BAD, what="URL", words="the function has none", cure=again)
        return
    if evidence.auth != "NONE":
        words = f"its auth type is {evidence.auth}, and our requests bring no AWS signature"
        yield Finding(level=Level.BAD, what="URL", words=words, cure=again)
    lacking = [action for action in _PERMISSIONS if not _is_allowed(evidence.statements, action)]
    for action in lacking:
        words = f"the function's policy does not let everybody {action}, and so AWS answers 403"
        yield Finding(level=Level.BAD, what="URL", words=words, cure=again)
    if dns.url != evidence.url:
        words = f"dns.url is {dns.url or 'empty'}, and the function is at {evidence.url}"
        cure = f'write url = "{evidence.url}" under [dns]'
        yield Finding(level=Level.BAD, what="URL", words=words, cure=cure)
    elif not lacking and evidence.auth == "NONE":
        words = "is that of the configuration, and both permissions are there"
        yield Finding(level=Level.GOOD, what="URL", words=words)


_PERMISSIONS: Mapping[str, tuple[str, str]] = {
    "lambda:InvokeFunctionUrl": ("lambda:FunctionUrlAuthType", "none"),
    "lambda:InvokeFunction": ("lambda:InvokedViaFunctionUrl", "true"),
}
"""What everybody must be allowed since October 2025, and under which condition it is given."""


def _is_allowed(statements: tuple[Mapping[str, Any], ...], action: str) -> bool:
    key, wanted = _PERMISSIONS[action]
    for each in statements:
        conditions = {
            name.lower(): str(value).lower()
            for operator in each.get("Condition", {}).values()
            for name, value in operator.items()
        }
        everybody = each.get("Principal") in ("*", {"AWS": "*"})
        fits = conditions.get(key.lower(), wanted) == wanted
        if each.get("Effect") == "Allow" and everybody and each.get("Action") == action and fits:
            return True
    return False


def _key(evidence: Evidence) -> Iterator[Finding]:
    match evidence.keys:
        case None:
            return
        case Silence(why=why, cure=cure):
            yield Finding(level=Level.UNKNOWN, what="key", words=why, cure=cure)
        case KeyPlan(words=()):
            yield Finding(level=Level.GOOD, what="key", words="AWS and the Pi have the same one")
        case KeyPlan(words=words):
            level = Level.ATTENTION if evidence.has_key else Level.BAD
            yield Finding(level=level, what="key", words=f"differs: {'; '.join(words)}", cure=_DEPLOY)


def _reflected(line: UplinkName, told: Reflection | Silence, config: Config) -> Iterator[Finding]:
    if isinstance(told, Silence):
        yield _silent(f"{line} line", told)
        return
    yield _clock(line, told)
    yield _translation(line, told, config)


def _clock(line: UplinkName, told: Reflection) -> Finding:
    trip = told.received - told.sent
    offset = told.server - (told.sent + told.received) / 2
    # Nobody knows how the time on the way divides.
    surely = max(0.0, abs(offset) - trip / 2)
    where = f"this machine's clock is {abs(offset):.1f} s {'behind' if offset > 0 else 'ahead'}"
    words = f"{where}, as asked over the {line} line in {trip:.2f} s"
    if surely <= _SKEW:
        return Finding(level=Level.GOOD, what="clock", words=words)
    level = Level.BAD if surely > _REFUSED else Level.ATTENTION
    cure = "see `timedatectl`; AWS refuses what is five minutes off"
    return Finding(level=level, what="clock", words=words, cure=cure)


def _translation(line: UplinkName, told: Reflection, config: Config) -> Finding:
    what = f"{line} line"
    if told.source == told.seen:
        words = f"the Internet sees its own address {told.seen}"
        return Finding(level=Level.GOOD, what=what, words=words)
    why = unreachable(told.source) or f"{told.source} is not what the Internet sees"
    words = f"{why}; the Internet sees {told.seen}"
    if line is UplinkName.WIRED and config.mode is Mode.STANDBY_GATEWAY:
        return Finding(level=Level.GOOD, what=what, words=f"is behind the router: {words}")
    if line is UplinkName.WIRED:
        cure = "put the box before it into bridge mode, or have it forward what shall come in"
        return Finding(
            level=Level.ATTENTION, what=what, words=f"is behind another router: {words}", cure=cure
        )
    cure = "ask the carrier for a public address; often another cellular.apn gives one"
    return Finding(level=Level.BAD, what=what, words=f"nobody reaches it: {words}", cure=cure)


_REFUSALS = {
    "signature": "the function knows no such key; it takes a new one after a minute, else " + _DEPLOY,
    "host": f"the key may not change this name; {_DEPLOY}",
    "explicit": "send `auto`, or let the key be explicit",
    "clock": "see `timedatectl`",
    "replay": "another request overtook it; try again",
    "overtaken": "another request overtook it; try again",
    "record": "`failberryctl dns plan` shows what stands in the way",
    "address": "ask the carrier for a public address; often another cellular.apn gives one",
    "keys": f"the function cannot read its keys; {_DEPLOY}",
    "cloud": "try again; then look at the function's log in CloudWatch",
}


def _trial(line: UplinkName, trial: Trial | Silence) -> Finding:
    what = f"key over the {line} line"
    if isinstance(trial, Silence):
        return _silent(what, trial)
    match trial.word:
        case "unchanged":
            return Finding(level=Level.GOOD, what=what, words="works; the record is right")
        case "cooldown":
            return Finding(level=Level.GOOD, what=what, words="works; the record was changed just now")
        case "would_change":
            words = "works; the record is another, or not there yet: the daemon will write it"
            return Finding(level=Level.GOOD, what=what, words=words)
    why = f": {trial.reason}" if trial.reason else ""
    cure = _REFUSALS.get(trial.word, "look at the function's log in CloudWatch")
    words = f"an update is refused with {trial.status} {trial.word}{why}"
    return Finding(level=Level.BAD, what=what, words=words, cure=cure)


def _probe(line: UplinkName, trial: Trial, config: Config) -> Finding:
    what = f"port {HEALTH_PORT} of the {line} line"
    if trial.reachable:
        return Finding(level=Level.GOOD, what=what, words="answers our function at AWS")
    if trial.reachable is None:
        return Finding(level=Level.UNKNOWN, what=what, words=f"was not tried: {trial.probe}")
    words = f"does not answer our function at AWS: {trial.probe}"
    return Finding(level=Level.BAD, what=what, words=words, cure=_opening(line, config))


def _figure(line: UplinkName, figure: float | Silence | None, config: Config) -> Finding:
    what = f"pings of the {line} line"
    match figure:
        case Silence():
            return _silent(what, figure)
        case None:
            cure = "look whether its schedule runs, and at the function's log in CloudWatch"
            return Finding(level=Level.BAD, what=what, words="none for ten minutes", cure=cure)
        case value if value >= 1:
            return Finding(level=Level.GOOD, what=what, words="the last one was answered")
    words = "the last one was not answered"
    return Finding(level=Level.BAD, what=what, words=words, cure=_opening(line, config))


def _asked(line: UplinkName, told: Checkers | Silence, config: Config) -> Finding:
    what = f"health checkers of the {line} line"
    if isinstance(told, Silence):
        return _silent(what, told)
    words = f"{told.content} of {told.asked} are content"
    if told.asked and told.content / told.asked > _ENOUGH:
        return Finding(level=Level.GOOD, what=what, words=words)
    example = f"; one says: {told.example}" if told.example else ""
    return Finding(level=Level.BAD, what=what, words=f"{words}{example}", cure=_opening(line, config))


def _opening(line: UplinkName, config: Config) -> str:
    """How the health server is reached from outside."""
    if line is UplinkName.CELLULAR:
        return "see `failberryctl status`: is the line up, and its address public? Then health.cellular_path"
    if config.mode is Mode.STANDBY_GATEWAY:
        return f"have the router forward TCP port {HEALTH_PORT} to the Pi, then compare health.wired_path"
    return "see `failberryctl status`: is the line up? Then compare health.wired_path"


def _silent(what: str, silence: Silence) -> Finding:
    return Finding(level=Level.UNKNOWN, what=what, words=silence.why, cure=silence.cure)
