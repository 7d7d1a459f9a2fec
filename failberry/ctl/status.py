"""``failberryctl status``, and what shows a part of the same document: once, or live."""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from failberry.ctl import ATTENTION, client, systemscreen
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


class Face:
    """One way to look at the document; this one shows all of it."""

    @staticmethod
    def text(document: Any, style: Style, clock: float) -> list[str]:
        """For people; ``clock`` is the time of day, in seconds since the epoch."""
        return screen(view(document), style=style, clock=clock, system=systemscreen.row())

    @staticmethod
    def part(document: Any) -> Any:
        """For programs."""
        return document

    @staticmethod
    def code(document: Any) -> int:
        """What it means, as an exit code."""
        return verdict(view(document))


def run(arguments: SimpleNamespace, face: type[Face] | Any = Face) -> int:
    """Print the status; return what it means as an exit code."""
    style = Style.of(sys.stdout, os.environ)
    if arguments.watch:
        live = sys.stdout.isatty() and not arguments.json
        return _live(arguments, style, face) if live else _stream(arguments, style, face)
    document = client.call(arguments.socket, "GetStatus")["status"]
    if arguments.json:
        print(json.dumps(face.part(document), indent=2))
    elif understood(document):
        print("\n".join(face.text(document, style, time.time())))
    return int(face.code(document)) if document["version"] == DOCUMENT_VERSION else ATTENTION


def understood(document: Any) -> bool:
    """Whether this is a document of our time; says so if it is not."""
    if document["version"] == DOCUMENT_VERSION:
        return True
    print(
        f"failberryd {document['failberry']} writes version {document['version']} of the status; this "
        f"failberryctl reads version {DOCUMENT_VERSION}. Install both from the same package, and restart "
        "the daemon. Meanwhile `failberryctl status --json` shows it raw.",
        file=sys.stderr,
    )
    return False


def _stream(arguments: SimpleNamespace, style: Style, face: Any) -> int:
    """For pipes: one block, or one line of JSON, for each report of the daemon."""
    for document in client.watch(arguments.socket, tick=client.ANSWER_TIME):
        if document is None:
            continue
        if arguments.json:
            print(json.dumps(face.part(document)), flush=True)
        else:
            if not understood(document):
                return ATTENTION
            print("\n".join([*face.text(document, style, time.time()), ""]), flush=True)
    raise AssertionError("a watch ends only by an exception")


def _live(arguments: SimpleNamespace, style: Style, face: Any) -> int:
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
                    if not understood(document):
                        return ATTENTION
                if document is not None:
                    _draw(face.text(older(document, time.monotonic() - heard), style, time.time()))
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
