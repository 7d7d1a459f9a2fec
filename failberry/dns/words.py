"""A plan, printed like a diff.  No secret path is ever in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from failberry.dns.changes import (
    Act,
    Change,
    ChangeRecords,
    CreateHealthCheck,
    DeleteHealthCheck,
    Edit,
    Plan,
    TagHealthCheck,
    UpdateHealthCheck,
)
from failberry.dns.costs import Costs, Figure
from failberry.dns.records import CheckSettings, Record

NOTHING = "nothing to change"


def render(plan: Plan) -> str:
    """All of it, each line with its end; what is wrong, or the numbered steps, then the notes."""
    lines: list[str] = [f"! {each}" for each in plan.problems]
    if not plan.problems and not plan.changes:
        lines.append(NOTHING)
    for number, change in enumerate(plan.changes, 1):
        lines += [f"# {number}. {headline(change)}", *details(change)]
    lines += [f"note: {each}" for each in plan.notes]
    return "".join(f"{each}\n" for each in lines)


def render_costs(costs: Costs) -> str:
    """The figures, each with how it comes about."""
    lines = ["A month costs:"]
    lines += [
        f"  {_range(each, '${:.2f}')} {each.what}: {each.words}" for each in (*costs.dollars, costs.total)
    ]
    lines.append("A month of health checks takes of each line:")
    lines += [f"  {_range(each, '{:.0f} MB')} {line}: {each.words}" for line, each in costs.megabytes.items()]
    lines.append("Seconds until:")
    times = (*costs.dead.values(), costs.moved, costs.back)
    lines += [f"  {_range(each, '{:.0f}')} {each.what}: {each.words}" for each in times]
    lines += [f"note: {each}" for each in costs.notes]
    return "".join(f"{each}\n" for each in lines)


def _range(figure: Figure, form: str) -> str:
    low, high = form.format(figure.low), form.format(figure.high)
    return low if low == high else f"{low} to {high}"


def headline(change: Change) -> str:
    """What a change does and why, in a line."""
    match change:
        case CreateHealthCheck(line=line, reason=reason):
            return f"create the health check of the {line} line: {reason}"
        case TagHealthCheck(line=line, reason=reason):
            return f"tag the health check of the {line} line: {reason}"
        case ChangeRecords(zone=zone, reason=reason):
            return f"change {zone}, all or nothing: {reason}"
        case UpdateHealthCheck(line=line, reason=reason):
            return f"update the health check of the {line} line: {reason}"
        case DeleteHealthCheck(line=line, reason=reason):
            return f"delete a health check of the {line} line: {reason}"
        case _:
            assert_never(change)


def details(change: Change) -> Iterator[str]:
    """What comes (+) and what goes (-) with a change, a line each."""
    match change:
        case CreateHealthCheck(reference=reference, settings=settings):
            yield f"+ check {reference}: {asked(settings)}"
        case TagHealthCheck(check=check, add=add, remove=remove):
            yield from (f"- tag of {check}: {key}" for key in remove)
            yield from (f"+ tag of {check}: {key}={value}" for key, value in add)
        case ChangeRecords(edits=edits):
            for edit in edits:
                yield from _edit(edit)
        case UpdateHealthCheck(check=check, before=before, after=after):
            yield from _difference(check, before, after)
        case DeleteHealthCheck(check=check, settings=settings):
            yield f"- check {check}: {asked(settings)}"
        case _:
            assert_never(change)


def _edit(edit: Edit) -> Iterator[str]:
    if edit.was is not None:
        yield f"- {described(edit.was)}"
    yield f"{'-' if edit.act is Act.DELETE else '+'} {described(edit.record)}"


def described(record: Record) -> str:
    """One record, as in a zone file, and what makes it special after it."""
    if record.alias is not None:
        words = f"{record.name} {record.type} alias of {record.alias.name}"
    else:
        words = f"{record.name} {record.ttl} {record.type} {' '.join(record.values)}"
    if record.role is not None:
        words += f", {record.role}"
    if record.identifier:
        words += f", id {record.identifier}"
    if record.check:
        words += f", check {record.check}"
    return f"{words}, {record.more}" if record.more else words


def _difference(check: str, before: CheckSettings, after: CheckSettings) -> Iterator[str]:
    old, new = _fields(before), _fields(after)
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key) or (key == "path" and before.path != after.path):
            yield from (f"- check {check}: {key} {each[key]}" for each in (old,) if key in each)
            another = "another " if key == "path" and old.get(key) == new.get(key) else ""
            yield from (f"+ check {check}: {key} {another}{each[key]}" for each in (new,) if key in each)
    if before == after:
        yield f"~ check {check}: alarm {new.get('alarm', '')}, read anew"


def asked(settings: CheckSettings) -> str:
    """What a health check asks, and how it is set, without its secret path."""
    return ", ".join(f"{key} {value}" for key, value in _fields(settings).items())


def _fields(settings: CheckSettings) -> dict[str, str]:
    fields = {"type": settings.type}
    if settings.alarm is not None:
        region, name = settings.alarm
        fields |= {"alarm": f"{name} in {region}", "without figures": settings.insufficient}
    if settings.ip is not None:
        fields["ip"] = str(settings.ip)
    if settings.name:
        fields["name"] = settings.name
    if settings.port is not None:
        fields["port"] = str(settings.port)
    if settings.path:
        fields["path"] = "/" if settings.path == "/" else "(secret)"
    if settings.interval is not None:
        fields["interval"] = f"{settings.interval} s"
    if settings.threshold is not None:
        fields["threshold"] = str(settings.threshold)
    if settings.type != "CLOUDWATCH_METRIC":
        fields["regions"] = " ".join(settings.regions) or "all"
    fields["state"] = _STATES[settings.disabled, settings.inverted]
    return fields


_STATES = {
    (False, False): "asked",
    (True, False): "always healthy",
    (True, True): "always unhealthy",
    (False, True): "asked, and turned round",
}
