"""``failberryctl status``: once, or live."""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from failberry.ctl import ATTENTION, client
from failberry.ctl.screen import older, screen, verdict, view
from failberry.ctl.style import Style
from failberry.ctl.words import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DOCUMENT_VERSION = 1
TICK = 1.0
"""Seconds between two redraws of the live view while nothing happens: the countdown moves."""
RECONNECT = 600.0
"""Seconds for which the live view waits for a daemon that went away."""

_HOME, _CLEAR_LINE, _CLEAR_BELOW, _CLEAR = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"


def run(arguments: SimpleNamespace) -> int:
    """Print the status; return what it means as an exit code."""
    style = Style.of(sys.stdout, os.environ)
    if arguments.watch:
        live = sys.stdout.isatty() and not arguments.json
        return _live(arguments, style) if live else _stream(arguments, style)
    document = client.call(arguments.socket, "GetStatus")["status"]
    if arguments.json:
        print(json.dumps(document, indent=2))
    elif _understood(document):
        print("\n".join(_text(document, style)))
    return _code(document)


def _text(document: Any, style: Style) -> list[str]:
    return screen(view(document), style=style, clock=time.time())


def _code(document: Any) -> int:
    return verdict(view(document)) if document["version"] == DOCUMENT_VERSION else ATTENTION


def _understood(document: Any) -> bool:
    if document["version"] == DOCUMENT_VERSION:
        return True
    print(
        f"failberryd {document['failberry']} writes version {document['version']} of the status; this "
        f"failberryctl reads version {DOCUMENT_VERSION}. Install both from the same package, and restart "
        "the daemon. Meanwhile `failberryctl status --json` shows it raw.",
        file=sys.stderr,
    )
    return False


def _stream(arguments: SimpleNamespace, style: Style) -> int:
    """For pipes: one block, or one line of JSON, for each report of the daemon."""
    for document in client.watch(arguments.socket, tick=client.ANSWER_TIME):
        if document is None:
            continue
        if arguments.json:
            print(json.dumps(document), flush=True)
        else:
            if not _understood(document):
                return ATTENTION
            print("\n".join([*_text(document, style), ""]), flush=True)
    raise AssertionError("a watch ends only by an exception")


def _live(arguments: SimpleNamespace, style: Style) -> int:
    """For terminals: one screen, redrawn in place, that outlives a restart of the daemon."""
    give_up = None
    sys.stdout.write(_CLEAR)
    while True:
        try:
            document, heard = None, 0.0
            for told in client.watch(arguments.socket, tick=TICK):
                if told is not None:
                    document, heard = told, time.monotonic()
                    give_up = time.monotonic() + RECONNECT
                    if not _understood(document):
                        return ATTENTION
                if document is not None:
                    _draw(_text(older(document, time.monotonic() - heard), style))
        except client.UnreachableError as lost:
            if give_up is None or time.monotonic() > give_up:
                raise
            _draw(
                [unreachable(arguments.socket, lost.cause, style=style), "", "Waiting for it. Ctrl-C ends."]
            )
            time.sleep(TICK)


def _draw(lines: list[str]) -> None:
    text = "\n".join(lines).replace("\n", f"{_CLEAR_LINE}\n")
    sys.stdout.write(f"{_HOME}{text}{_CLEAR_LINE}\n{_CLEAR_BELOW}")
    sys.stdout.flush()
