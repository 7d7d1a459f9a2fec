"""Pages of the reference that follow from code: ``python -m failberry.referencedoc states|varlink|exit-codes``.

What it prints is what ``docs/reference/`` holds; a test keeps them the same.
"""

# ruff: noqa: E501 -- lines of pages, not of code

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise

from failberry.control import INTERFACE
from failberry.control.service import description
from failberry.core.failover import CALM, LONGEST_HOLD, Stage
from failberry.core.modem_state import MAX_STAY, NEXT_STEP, TRANSITIONS, ModemState
from failberry.core.recovery import LADDER, Budget
from failberry.ctl import EXIT_CODES
from failberry.units import duration

FAILOVER: Mapping[tuple[Stage, Stage], str] = {
    (Stage.HOME, Stage.SUSPECT): "questions stay unanswered, and the mobile line works",
    (Stage.HOME, Stage.AWAY): "the silence is confirmed, no link, or the owner's word",
    (Stage.SUSPECT, Stage.AWAY): "the silence is confirmed",
    (Stage.SUSPECT, Stage.HOME): f"it has answered for {CALM:.0f} s, or the mobile line died",
    (Stage.AWAY, Stage.HOME): "it has been good for failover.failback_after, or the mobile line died",
}
"""How a house leaves the wired line, and comes back: each step that is possible, and what it takes."""
_STAGES = {
    Stage.HOME: "wired line",
    Stage.SUSPECT: "new connections on the mobile line, open ones wait",
    Stage.AWAY: "mobile line, lost connections are cut",
}


def states() -> str:
    """Diagrams of the modem, of a failover, and of the recovery."""
    lines = ["# States", "", "<!-- Generated: python3 -m failberry.referencedoc states -->", ""]
    lines += ["## The modem", "", "From every state it may go back to `unknown`: start over.", ""]
    lines += ["```mermaid", "stateDiagram-v2", "    [*] --> unknown"]
    lines += [f"    {state} --> {each}" for state in ModemState for each in sorted(TRANSITIONS[state])]
    lines += ["```", "", "| state | what follows in it | it may last |", "|---|---|---|"]
    for state in ModemState:
        stay = MAX_STAY[state]
        lines.append(f"| `{state}` | {NEXT_STEP[state]} | {duration(stay) if stay else 'by its own rules'} |")
    lines += ["", "A state that lasts longer than it may is given up, and the dial starts over.", ""]
    lines += ["## A failover", "", "```mermaid", "stateDiagram-v2", "    [*] --> home"]
    lines += [f"    {stage}: {stage} - {words}" for stage, words in _STAGES.items()]
    lines += [f"    {start} --> {end}: {words}" for (start, end), words in FAILOVER.items()]
    lines += [
        "```",
        "",
        "A line that fails again soon after the house came back must be good for twice as long",
    ]
    lines += [f"the next time, up to {duration(LONGEST_HOLD)}.", ""]
    return "\n".join([*lines, *_ladder()])


def _ladder() -> list[str]:
    lines = ["## The recovery of the mobile line", ""]
    lines += [
        "Up one rung when the tries of the one below are used up; which rungs a fault leaves out stands in"
    ]
    lines += ["[how it decides](../explanation/how-it-decides.md#the-ladder).", ""]
    lines += ["```mermaid", "flowchart TB"]
    lines += [f'    {spec.rung}["{spec.words}"]' for spec in LADDER]
    lines += [f"    {low.rung} --> {high.rung}" for low, high in pairwise(LADDER)]
    lines += ["```", "", "| step | tries | budget while no line works | budget while the wired line works |"]
    lines += ["|---|---|---|---|"]
    for spec in LADDER:
        patient = "not at all" if spec.patient is None else _budgets(spec.patient)
        lines.append(f"| `{spec.rung}`: {spec.words} | {spec.tries} | {_budgets(spec.urgent)} | {patient} |")
    return [*lines, "", "Budgets are kept on the disk, and outlive restarts and reboots.", ""]


def _budgets(budgets: tuple[Budget, ...]) -> str:
    return ", ".join(f"{each.count} in {_span(each.span)}" for each in budgets) or "none: growing waits"


def _span(seconds: float) -> str:
    hours = round(seconds / 3600)
    return "an hour" if hours == 1 else "a day" if hours == 24 else f"{hours} hours"


def varlink() -> str:
    """The methods on the socket."""
    text = description(INTERFACE)
    found = re.findall(
        r"((?:^#[^\n]*\n)+)^method (\w+)\((.*?)\) -> \((.*?)\n?\)$", text, re.MULTILINE | re.DOTALL
    )
    lines = [
        "# The Varlink interface",
        "",
        "<!-- Generated: python3 -m failberry.referencedoc varlink -->",
        "",
    ]
    lines += [
        f"`{INTERFACE}` on `/run/failberry/control`, as [Varlink](https://varlink.org) has it: JSON, each message",
        "ended by a zero byte. The types are in the [definition](../../failberry/control/io.failberry.Appliance.varlink),",
        "which the daemon tells itself (`varlinkctl introspect unix:/run/failberry/control`); the answers as JSON",
        "schemas are in [schema/](../schema/status.json). Who may open the socket may look; what changes something is",
        "for root, with the exceptions that stand at the head of the definition.",
        "",
        "| method | takes | gives | for |",
        "|---|---|---|---|",
    ]
    methods = {name: (words, takes, gives) for words, name, takes, gives in found}
    for name, (_, takes, gives) in methods.items():
        who = "root" if name in _changing() else "the group"
        lines.append(f"| [`{name}`](#{name.lower()}) | {_code(takes)} | {_code(gives)} | {who} |")
    for name, (words, _, _) in methods.items():
        text = " ".join(line.lstrip("# ") for line in words.splitlines())
        lines += ["", f"## {name}", "", text]
    errors = re.findall(r"((?:^#.*\n)+)^error (\w+)", description(INTERFACE), re.MULTILINE)
    lines += ["", "## Errors", "", "| error | meaning |", "|---|---|"]
    for words, name in errors:
        lines.append(
            f"| `{INTERFACE}.{name}` | {' '.join(line.lstrip('# ') for line in words.splitlines())} |"
        )
    lines += ["| `org.varlink.service.PermissionDenied` | the method is for root |", ""]
    return "\n".join(lines)


def _changing() -> set[str]:
    """Those for root, as the head of the definition lists them; a test holds that against the service."""
    head = " ".join(
        line.lstrip("# ") for line in description(INTERFACE).split("\ninterface ")[0].splitlines()
    )
    (listed,) = re.findall(r"Methods that change something \(([^)]*)\)", head)
    return set(re.split(r"[,\s]+", listed))


def _code(text: str) -> str:
    return f"`{' '.join(text.split())}`" if text.strip() else ""


def exit_codes() -> str:
    """What scripts may rely on."""
    lines = ["# Exit status of failberryctl", ""]
    lines += [
        "<!-- Generated: python3 -m failberry.referencedoc exit-codes -->",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    lines += ["| 130 | Ctrl-C ended it; other signals likewise with 128 and their number |", ""]
    lines += ["All commands: [failberryctl](../failberryctl.md).", ""]
    return "\n".join(lines)


PAGES: Mapping[str, Callable[[], str]] = {"states": states, "varlink": varlink, "exit-codes": exit_codes}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"usage: python3 -m failberry.referencedoc {'|'.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
