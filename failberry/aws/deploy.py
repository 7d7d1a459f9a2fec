"""Our functions at AWS: what differs from the configuration, making it so, and taking all of it away.

The order is such that whoever is interrupted anywhere runs it again: first the keys at AWS, then the file on
the Pi, then the stack, then the code.  A plan that is not carried out is discarded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from failberry.aws import layout
from failberry.aws.archive import Code
from failberry.aws.functions import Functions
from failberry.aws.keyfile import KeyFile
from failberry.aws.keys import SECRET_BYTES, KeyPlan, plan_keys
from failberry.aws.session import Session
from failberry.aws.settings import Settings
from failberry.aws.stack import Draft, Stack, Stacks, Tell
from failberry.aws.zone import find, find_zone_id
from failberry.core.snapshot import UplinkName
from failberry.dns.wish import alarm_name, wish_of
from failberry.errors import AdapterError, AdapterReason
from failberry.naming import Publisher

_LINE_ALARMS = {"WiredAlarm", "MobileAlarm"}
"""Resources that a health check of Route 53 copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done, and all that is needed to do exactly that."""

    stack: Stack | None
    draft: Draft | None
    keys: KeyPlan
    outdated: tuple[str, ...]
    """Functions that take new code."""
    lines: tuple[str, ...]
    """As a diff; empty: nothing differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What there is now."""

    url: str
    alarms: bool
    """Whether alarms that health checks copy were changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What would be taken away."""

    stack: Stack | None
    keys: bool
    local: bool
    lines: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


class Deployment:
    """The functions of one configuration, in one account.  Everything raises AdapterError."""

    def __init__(
        self,
        settings: Settings,
        aws: Session,
        *,
        key_file: KeyFile,
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._dns, self._health = settings.dns, settings.config.health
        self._aws, self._key_file, self._token = aws, key_file, token
        self._stacks = Stacks(aws, region=self._dns.region, name=self._dns.stack)
        self._functions = Functions(aws, region=self._dns.region, stack=self._dns.stack)

    def plan(self, code: Code, *, options: Mapping[str, str], rotate: bool) -> Plan:
        """Compare with what is there.  Changes nothing but a draft at CloudFormation."""
        dns = self._dns
        if not layout.is_needed(dns):
            words = "no line's source is lambda, and no line's check is ping: there is nothing for it to do"
            raise AdapterError(AdapterReason.UNSUPPORTED, f"{words}; set one of them in [dns]")
        keys = self._plan_keys(rotate=rotate)
        stack = self._stacks.find()
        parameters = layout.parameters(
            dns,
            self._health,
            zone_id=self._zone_id(),
            before={} if stack is None else stack.parameters,
            chosen=options,
        )
        made = stack is not None and stack.is_made
        outdated = self._functions.outdated(code.digest) if made else layout.functions(dns.stack)
        draft = self._stacks.draft(
            stack,
            template=code.template,
            parameters=parameters,
            nonce=self._token(6),
            secrets=self._secrets(parameters["PingEvent"]),
        )
        return Plan(
            stack=stack,
            draft=draft,
            keys=keys,
            outdated=outdated,
            lines=(
                *_stack_lines(draft),
                *(f"~ code of {each}: {len(code.archive) / 1000:.0f} kB" for each in outdated),
                *keys.words,
            ),
        )

    def discard(self, plan: Plan) -> None:
        """Forget a plan."""
        if plan.draft is not None:
            self._stacks.discard(plan.draft)

    def carry_out(self, plan: Plan, code: Code, tell: Tell) -> Deployed:
        """Do what was planned, and only that."""
        try:
            self._write_keys(plan.keys, tell)
        except AdapterError:
            self.discard(plan)
            raise
        if plan.draft is not None:
            self._stacks.execute(plan.draft, tell)
        # Not those of the plan: a function that the stack made anew has the template's placeholder again.
        for name in self._functions.outdated(code.digest):
            tell(f"the code of {name} is uploaded")
            self._functions.upload(name, code.archive)
        touched = {each.name for each in (plan.draft.changes if plan.draft is not None else ())}
        return Deployed(url=self.url(), alarms=bool(touched & _LINE_ALARMS))

    def _write_keys(self, keys: KeyPlan, tell: Tell) -> None:
        # At AWS first: a file without its key there would lock the Pi out.
        if keys.document is not None:
            tell(f"the keys are written to {layout.keys_parameter(self._dns.stack)}")
            self._functions.write_keys(keys.document, secrets=keys.secrets)
        if keys.secret is not None:
            tell(f"the key is written to {self._key_file.path}")
            self._key_file.write(keys.secret)

    def url(self) -> str:
        """Where the function is reached."""
        return self._functions.url()[0]

    def plan_removal(self, *, forget_key: bool) -> Removal:
        """What there is to be taken away.  Changes nothing."""
        stack, keys = self._stacks.find(), self._functions.keys() is not None
        local = forget_key and self._has_local()
        resources = self._stacks.resources(stack) if stack is not None else ()
        lines = [f"- {name} ({kind})" for name, kind in resources]
        if stack is not None and not resources:
            lines.append(f"- the empty stack {stack.id}")
        if keys:
            lines.append(f"- parameter {layout.keys_parameter(self._dns.stack)}, with all keys")
        if local:
            lines.append(f"- {self._key_file.path}")
        notes = tuple(self._followers()) if stack is not None else ()
        return Removal(stack=stack, keys=keys, local=local, lines=tuple(lines), notes=notes)

    def remove(self, removal: Removal, tell: Tell) -> None:
        """Take it away: the stack first, so that nobody misses the keys."""
        if removal.stack is not None:
            self._stacks.delete(removal.stack, tell)
        if removal.keys:
            tell("the keys are removed")
            self._functions.delete_keys()
        if removal.local:
            tell(f"{self._key_file.path} is removed")
            self._key_file.remove()

    def _plan_keys(self, *, rotate: bool) -> KeyPlan:
        hosts = sorted(layout.written_by(self._dns, Publisher.LAMBDA).values())
        if not hosts:
            return KeyPlan()
        plan = plan_keys(
            name=self._dns.key_name,
            hosts=hosts,
            found=self._functions.keys(),
            local=self._key_file.read(),
            fresh=self._token(SECRET_BYTES),
            rotate=rotate,
            place=self._key_file.path,
        )
        if plan.secret is not None:
            self._key_file.see_that_it_can_be_written()
        return plan

    def _has_local(self) -> bool:
        try:
            return self._key_file.read() is not None
        except AdapterError as error:
            # Something is there, whatever it is.
            if error.reason is AdapterReason.DENIED:
                raise
            return True

    def _zone_id(self) -> str:
        if self._dns.zone_id:
            return self._dns.zone_id
        return find_zone_id(self._aws, self._dns.zone)

    def _secrets(self, event: str) -> tuple[str, ...]:
        paths = (layout.path_of(self._health, line) for line in UplinkName)
        return tuple(each for each in (event, *paths) if len(each) > 1)

    def _followers(self) -> Iterator[str]:
        """Health checks that would be left without their alarm."""
        alarms = {(self._dns.region, alarm_name(self._dns.stack, line)) for line in UplinkName}
        try:
            found = find(self._aws, wish_of(self._dns, self._health))
        except AdapterError as error:
            yield f"it is not known whether a health check follows its alarms: {error.evidence}"
            return
        for check in found.checks:
            if check.settings.alarm in alarms:
                name = (check.settings.alarm or ("", ""))[1]
                yield (
                    f"the health check {check.id} follows the alarm {name}, and would never know again how "
                    "the line is: run `failberryctl dns destroy` first, or choose another check in [dns]"
                )


def _stack_lines(draft: Draft | None) -> Iterator[str]:
    if draft is not None:
        yield from (each.line() for each in draft.changes)
        if not draft.changes:
            yield "~ parameters and outputs of the stack, no resource"
