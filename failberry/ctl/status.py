"""``failberryctl status``, and what shows a part of the same document: once, or live."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import ATTENTION, systemscreen
from failberry.ctl.screen import screen, verdict, view
from failberry.ctl.style import WIDEST, Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.ctl.live import Heard

DOCUMENT_VERSION = 1


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
    """For terminals: one screen that is redrawn in place and outlives a restart of the daemon."""
    from failberry.ctl import live  # late: it is for terminals alone

    # The first answer comes before the screen is taken: what is wrong stays readable, with its exit status.
    document = client.call(arguments.socket, "GetStatus")["status"]
    if not understood(document):
        return ATTENTION
    whole = face is Face
    draw = _whole if whole else partial(_part, face)
    return live.run(arguments, document, draw, style, history=whole)


def _whole(heard: Heard, style: Style, height: int, clock: float) -> list[str]:
    """The picture of everything."""
    from failberry.ctl.picture import Scene, picture  # late, as above

    samples = heard.samples
    scene = Scene(
        view(heard.document),
        wired=samples["wired"],
        cellular=samples["cellular"],
        events=heard.events,
        lost=heard.lost,
    )
    return picture(scene, style=style, height=height, clock=clock)


def _part(face: Any, heard: Heard, style: Style, height: int, clock: float) -> list[str]:
    """What other commands show, as far as there is room."""
    narrow = Style(width=min(style.width, WIDEST), utf8=style.utf8, colour=style.colour)
    lines = (
        [style.paint(each, "bad") for each in narrow.wrap(f"{heard.lost} Trying again.")]
        if heard.lost
        else []
    )
    lines += face.text(heard.document, narrow, clock)
    if len(lines) >= height:
        lines = [*lines[: height - 2], "…" if style.utf8 else "..."]
    lines += [""] * (height - 1 - len(lines))
    return [*lines, style.paint("q ends", "dim")]
