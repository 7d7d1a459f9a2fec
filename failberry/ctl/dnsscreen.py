"""The names of the house as a person reads them: a plan, what it costs, and how things stand.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from failberry.ctl.nameservers import House, Told
from failberry.ctl.screen import NAMES, Page
from failberry.ctl.style import Style, clean
from failberry.ctl.words import count, sentence
from failberry.dns.costs import Costs
from failberry.dns.messages import PlanResult, StatusResult
from failberry.dns.words import NOTHING, render_costs
from failberry.units import duration

LABELS = {"wired": "Wired", "cellular": "Mobile"}


def plan_lines(plan: PlanResult, style: Style) -> list[str]:
    """What would be done, as a diff with reasons; or what stands against it."""
    lines: list[str] = []
    for problem in plan.problems:
        lines += style.wrap(clean(f"{problem.key}: {problem.problem}"), first="! ", rest="  ")
        lines += style.wrap(clean(problem.hint), first=f"  {style.arrow} ", rest="    ")
    if not plan.problems and not plan.steps:
        lines += style.wrap(f"{sentence(NOTHING)}: the zone is as the configuration says.")
    for number, step in enumerate(plan.steps, 1):
        lines += style.wrap(clean(step.headline), first=f"{number}. ", rest="   ")
        for each in step.details:
            lines += _detail(clean(each), style)
    return [*lines, *note_lines(plan, style)]


def note_lines(plan: PlanResult, style: Style) -> list[str]:
    """What is worth knowing beside the changes."""
    wrapped = (style.wrap(clean(note), first="note: ", rest="      ") for note in plan.notes)
    return [line for lines in wrapped for line in lines]


def _detail(text: str, style: Style) -> list[str]:
    tone = {"+": "good", "-": "bad"}.get(text[:1], "attention")
    return [style.paint(each, tone) for each in style.wrap(text[2:], first=f"   {text[:2]}", rest="       ")]


def cost_lines(costs: Costs, style: Style) -> list[str]:
    """What it costs a month, in dollars and in megabytes of each line, and how fast it is."""
    lines: list[str] = []
    for each in render_costs(costs).splitlines():
        indent = "  " if each.startswith("  ") else ""
        rest = "      " if indent or each.startswith("note: ") else ""
        lines += style.wrap(each.strip(), first=indent, rest=rest)
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the name servers, Route 53 and the daemon say, each of which may be silent."""

    house: House
    servers: Sequence[Told]
    no_servers: str
    """Why no name server could be asked."""
    api: StatusResult | None = None
    no_api: str = ""
    """Why Route 53 could not be asked."""
    names: Mapping[str, Any] | None = None
    """The daemon's part of the status document."""
    no_names: str = ""
    may_not: bool = False
    """Whether Route 53 was not asked because only root may: no fault."""
    fixed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses that lines have for ever, by the configuration."""


def faults(standing: Standing) -> list[str]:
    """What is not as it should be, worst first; nothing: all that could be asked agree."""
    return [*server_faults(standing), *_api_faults(standing), *_daemon_faults(standing)]


def server_faults(standing: Standing) -> Iterator[str]:
    """What the name servers do not say as they should."""
    house, servers = standing.house, standing.servers
    if standing.no_servers:
        yield standing.no_servers
    for each in servers:
        if each.problem:
            yield f"{each.server}: {each.problem}"
    said = [each for each in servers if not each.problem]
    if len({(each.leads_to, frozenset(each.answer)) for each in said}) > 1:
        yield "the name servers do not agree; a change needs up to a minute to reach all of them"
    for each in said[:1]:
        if not each.leads_to:
            what = ", ".join(each.answer) or "nothing"
            yield f"{house.name} leads to {what}, which is neither line: `failberryctl dns plan` shows why"
        elif not each.lines.get(each.leads_to) and house.lines[each.leads_to] in house.asked():
            yield (
                f"{house.name} leads to the {NAMES[each.leads_to]}, and {house.lines[each.leads_to]} "
                "has no address"
            )
        for line, addresses in standing.fixed.items():
            if addresses and set(addresses) != set(each.lines.get(line, ())):
                there = ", ".join(each.lines.get(line, ())) or "no address"
                yield (
                    f"{house.lines[line]} has {there} where dns.{line}_address says {', '.join(addresses)}: "
                    "`failberryctl dns apply`"
                )


def _api_faults(standing: Standing) -> Iterator[str]:
    api = standing.api
    if standing.no_api and not standing.may_not:
        yield f"Route 53 could not be asked: {standing.no_api}"
    if api is None:
        return
    for each in api.problems:
        yield f"{each.key}: {each.problem} ({each.hint})"
    if not api.pair:
        yield f"{standing.house.name} is not set up at Route 53: `failberryctl dns apply`"
    elif api.due:
        yield f"{count(api.due, 'change is', 'changes are')} due: `failberryctl dns plan` shows what"
    heard = next((each for each in standing.servers if not each.problem), None)
    for line in api.lines if heard is not None else ():
        there = set(heard.lines.get(line.line, ())) if heard is not None else set()
        if line.addresses and there != set(map(str, line.addresses)):
            told = ", ".join(map(str, line.addresses))
            yield f"Route 53 has {told} for {line.name}, its name servers do not say so; wait a minute"


def _daemon_faults(standing: Standing) -> Iterator[str]:
    heard = next((each for each in standing.servers if not each.problem), None)
    for each in (standing.names or {}).get("lines", ()):
        state, line = each.get("state"), each.get("line")
        if state in {"failed", "absent"}:
            yield f"failberryd: {each.get('name')} {state}: {each.get('reason')}"
        elif state == "published" and heard is not None:
            missing = set(each.get("addresses", ())) - set(heard.lines.get(line, ()))
            if missing:
                told = ", ".join(sorted(missing))
                yield f"failberryd has published {told} at {each.get('name')}, the name servers do not say so"


def verify_lines(standing: Standing, style: Style) -> list[str]:
    """What each name server says."""
    page = Page(style=style, clock=0.0)
    wrong = list(server_faults(standing))
    _head(page, standing, wrong)
    for each in standing.servers:
        page.row("Server", clean(f"{each.server}: {each.problem or _leads(each)}"))
    _line_rows(page, standing)
    return page.lines


def status_lines(standing: Standing, style: Style) -> list[str]:
    """The whole screen."""
    page = Page(style=style, clock=0.0)
    _head(page, standing, faults(standing))
    said = [each for each in standing.servers if not each.problem]
    if standing.servers:
        page.row("Servers", f"{len(said)} of {len(standing.servers)} answer for {standing.house.zone}")
    _line_rows(page, standing)
    if standing.api is not None:
        _api_rows(page, standing.api)
    elif standing.may_not:
        page.row("Route 53", standing.no_api)
    if standing.no_names:
        page.row("Daemon", standing.no_names)
    for each in (standing.names or {}).get("lines", ()):
        words = f"{each.get('name')} {each.get('state')}: {each.get('reason')}{_following(each)}"
        page.row("Daemon", clean(words))
    if moved := (standing.names or {}).get("moved"):
        page.row("Daemon", f"holds the house's name on the {NAMES.get(moved, clean(moved))} (dns.fast)")
    return page.lines


def _following(name: Mapping[str, Any]) -> str:
    if not name.get("next"):
        return ""
    # Rounded up: a countdown ends at nothing, not a second before.
    wait = math.ceil(name.get("next_in") or 0)
    return f"; next: {name['next']}" + (f" in {duration(wait)}" if wait > 0 else "")


def _head(page: Page, standing: Standing, wrong: Sequence[str]) -> None:
    said = [each for each in standing.servers if not each.problem]
    lines = {each.leads_to for each in said}
    where = f"the {NAMES[line]}" if len(lines) == 1 and (line := next(iter(lines))) else "no line"
    where = "different lines" if len(lines) > 1 else where
    name = standing.house.name
    text = f"{name} leads to {where}." if said else f"{name}: nobody answers."
    if wrong:
        text += f" {count(len(wrong), 'problem', 'problems')}:"
    page.headline(text, "attention" if wrong else "good")
    for number, each in enumerate(wrong, 1):
        page.lines += page.style.wrap(clean(each), first=f"{number}. ", rest="   ")
    page.blank()


def _leads(told: Told) -> str:
    return f"{NAMES.get(told.leads_to, 'no line')}, {' '.join(told.answer) or 'no answer'}"


def _line_rows(page: Page, standing: Standing) -> None:
    heard = next((each for each in standing.servers if not each.problem), None)
    for line, name in standing.house.lines.items():
        if name not in standing.house.asked():
            page.row(LABELS[line], f"{name}, in another zone")
        elif heard is not None:
            there = " ".join(heard.lines.get(line, ())) or "no address"
            page.row(LABELS[line], clean(f"{name}: {there}"))


def _api_rows(page: Page, api: StatusResult) -> None:
    for line in api.lines:
        if line.asked:
            page.row("Check", clean(f"{NAMES[line.line]}, {line.check}: {line.asked}"))
    for answer in api.answers:
        told = " ".join(answer.values) or answer.code
        page.row("Route 53", clean(f"would answer {answer.type} {told}"))
    if api.forced is not None:
        page.row("Held", f"on the {NAMES[api.forced]}; `failberryctl failover force auto --dns` ends it")
