"""``failberryctl notify``: what waits for whom, and a test of each way."""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from failberry.control.client import RefusedError, UnreachableError, call
from failberry.ctl import ATTENTION, OK, UNREACHABLE
from failberry.ctl.screen import view
from failberry.ctl.style import Style, clean
from failberry.ctl.words import count
from failberry.notify import INTERFACE
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.notify.answers import ChannelView, NotifyView, TestView

_TEST_PATIENCE = 130.0
_LARGEST = 1 << 20


def run(arguments: SimpleNamespace) -> int:
    """Ask, print, and return the exit code."""
    part = arguments.words.split()[-1]
    style = Style.of(sys.stdout, os.environ)
    try:
        return _status(arguments, style) if part == "status" else _test(arguments, style)
    except UnreachableError as error:
        print("\n".join(_unreachable(arguments.notifier, error, style)), file=sys.stderr)
        return UNREACHABLE
    except RefusedError as refused:
        print("\n".join(_refused(refused, arguments, style)), file=sys.stderr)
        return ATTENTION


def _status(arguments: SimpleNamespace, style: Style) -> int:
    document = call(arguments.notifier, "GetStatus", interface=INTERFACE, largest=_LARGEST)["notify"]
    told: NotifyView = view(document)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(_lines(told, style, time.time())))
    return ATTENTION if told.problems or any(each.failures for each in told.channels) else OK


def _test(arguments: SimpleNamespace, style: Style) -> int:
    asked = {"channel": arguments.channel} if arguments.channel else {}
    if not arguments.json:
        print("Sending a test; a slow receiver takes up to two minutes.", file=sys.stderr, flush=True)
    document = call(
        arguments.notifier, "Test", interface=INTERFACE, patience=_TEST_PATIENCE, largest=_LARGEST, **asked
    )
    if arguments.json:
        print(json.dumps({"version": 1} | document, indent=2))
    else:
        print("\n".join(_tested([view(each) for each in document["tests"]], style)))
    return OK if all(each["sent"] for each in document["tests"]) else ATTENTION


def _lines(told: NotifyView, style: Style, now: float) -> list[str]:
    online = {True: "a line works", False: "no line works", None: "whether a line works is not known"}
    following = "Follows the history" if told.following else "Cannot read the history now"
    lines = [f"{following}; {online[told.online]}."]
    if told.held:
        lines += style.wrap(
            f"{count(told.held, 'message is', 'messages are')} held: it may be over in moments."
        )
    for each in told.channels:
        text = style.wrap(f"{clean(each.name)} ({each.via}): {_words(each, now)}", first="  ", rest="    ")
        lines += [style.paint(line, "attention") for line in text] if each.failures else text
    if not told.channels:
        lines += style.wrap("Nobody is told anything: there is no [[receiver]], and no hook.")
    for problem in told.problems:
        lines += [style.paint(line, "attention") for line in style.wrap(f"! {clean(problem)}", rest="  ")]
    return lines


def _words(each: ChannelView, now: float) -> str:
    parts = []
    if each.last_sent is not None:
        parts.append(f"last sent {duration(max(0.0, now - each.last_sent))} ago, {each.sent} in 24 h")
    else:
        parts.append("nothing was sent yet")
    if each.waiting and each.oldest is not None:
        parts.append(
            f"{count(each.waiting, 'message waits', 'messages wait')}, the oldest from "
            f"{duration(max(0.0, now - each.oldest))} ago{f' ({each.held_back})' if each.held_back else ''}"
        )
    if each.last_failure:
        parts.append(f"failed: {clean(each.last_failure)}")
    if each.next_in is not None:
        parts.append(f"again in {duration(each.next_in)}")
    if each.dropped:
        parts.append(f"{each.dropped} dropped")
    return "; ".join(parts)


def _tested(tests: list[TestView], style: Style) -> list[str]:
    lines = []
    for each in tests:
        said = "sent" if each.sent else "not sent"
        text = style.wrap(f"{clean(each.channel)} ({each.via}): {said}: {clean(each.words)}", rest="  ")
        lines += [style.paint(line, "good" if each.sent else "bad") for line in text]
    return lines or ["There is nobody to test: no [[receiver]], and no hook."]


def _refused(refused: RefusedError, arguments: SimpleNamespace, style: Style) -> list[str]:
    if refused.error.endswith("PermissionDenied"):
        return style.wrap("A test costs something, so root alone may send one: put `sudo` in front.")
    if refused.error.endswith("InvalidParameter"):
        asked = clean(str(arguments.channel))
        return style.wrap(f"Nobody is called {asked}; `failberryctl notify status` lists them.")
    return style.wrap(f"failberry-notify refused: {clean(refused.error)}")


def _unreachable(path: str, error: UnreachableError, style: Style) -> list[str]:
    if isinstance(error.cause, PermissionError):
        return style.wrap(
            f"You may not ask: {path} is for root and the group failberry. Put `sudo` in front."
        )
    if not error.stopped:
        journal = "`journalctl -u failberry-notify -n 30`"
        return style.wrap(f"failberry-notify could not be asked on {path}: {error.cause}. Look at {journal}.")
    return [
        *style.wrap("failberry-notify is not running."),
        *style.wrap(
            "Without a [[receiver]] in the configuration, or a hook in /etc/failberry/hooks.d, it has "
            "nothing to do. With one: `sudo systemctl start failberry-notify`, or see why it stopped: "
            "`journalctl -u failberry-notify -n 30`",
            first=f"  {style.arrow} ",
            rest="    ",
        ),
    ]
