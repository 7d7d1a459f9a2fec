"""``failberryctl events``: what has happened, as stories; or as it happens."""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import OK
from failberry.ctl.screen import view
from failberry.ctl.stories import is_detail, line, told
from failberry.ctl.style import Style
from failberry.ctl.words import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.control.answers import EventView

LIMIT, MOST = 200, 1000
"""Events unless asked otherwise; where a beginning is named, and at most."""
FEW = 10
"""Events that come first, before those that follow."""
RECONNECT = 600.0
"""Seconds for which a follower waits for a daemon that went away."""
PAUSE = 1.0
_QUIET = "deed"


def run(arguments: SimpleNamespace) -> int:
    """Print them; return the exit code."""
    style = Style.of(sys.stdout, os.environ)
    if arguments.follow:
        return _follow(arguments, style)
    asked = _asked(arguments, LIMIT if arguments.since is None else MOST)
    answer = client.call(arguments.socket, "Events", **asked)
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return OK
    events = answer["events"]
    lines = told(view(events), style, details=arguments.details or bool(arguments.kind))
    print("\n".join(lines or ["Nothing happened, as far as the history tells."]))
    if len(events) == asked["limit"]:
        print(f"\nThese are the last {len(events)} events; --limit and --since choose others.")
    return OK


def _asked(arguments: SimpleNamespace, limit: int) -> dict[str, Any]:
    kinds = arguments.kind
    if not kinds and not arguments.details and not arguments.json:
        from failberry.ctl.kinds import KINDS  # late: the names alone, for those who leave one out

        kinds = [each for each in KINDS if each != _QUIET]
    asked = {
        "since": arguments.since,
        "limit": min(MOST, limit if arguments.limit is None else arguments.limit),
        "kinds": kinds or None,
        "severity": arguments.severity,
    }
    return {name: each for name, each in asked.items() if each is not None}


def _follow(arguments: SimpleNamespace, style: Style) -> int:
    """Go on, also after a restart of the daemon."""
    asked = _asked(arguments, FEW if arguments.since is None else MOST)
    before: EventView | None = None
    history, give_up = "", None
    while True:
        try:
            for answer in client.stream(arguments.socket, "Events", tick=client.ANSWER_TIME, **asked):
                if answer is None:
                    continue
                give_up = time.monotonic() + RECONNECT
                for event in answer["events"]:
                    before = _print(event, before, arguments, style)
                if history and answer["history"] != history:
                    print("The history has begun anew.", file=sys.stderr)
                history = answer["history"]
                asked = {name: each for name, each in asked.items() if name not in ("since", "limit")}
                asked["after"] = answer["last"]
        except client.UnreachableError as lost:
            if give_up is None or time.monotonic() > give_up:
                raise
            if lost.stopped and before is not None:
                words = unreachable(arguments.socket, lost.cause, style=style).splitlines()[0]
                print(f"{words} Waiting for it.", file=sys.stderr)
                before = None
            time.sleep(PAUSE)


def _print(
    event: Any, before: EventView | None, arguments: SimpleNamespace, style: Style
) -> EventView | None:
    if arguments.json:
        print(json.dumps(event), flush=True)
        return None
    seen: EventView = view(event)
    if is_detail(seen) and not arguments.details and not arguments.kind:
        return before
    print("\n".join(line(seen, before, style)), flush=True)
    return seen
