"""Small scripts that other scripts are made of: ask one thing, typed."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from failberry.at.codec import FinalResult
from failberry.at.commands import Command
from failberry.at.parse import ParseError
from failberry.core.actions import SendCommand
from failberry.core.dialogue import Step
from failberry.core.events import CommandAnswered, Event
from failberry.core.facts import PortRole
from failberry.errors import InvariantError

T = TypeVar("T")

Dialog = Generator[Step, Event | None, T]


def send(command: Command[Any], port: PortRole = PortRole.DIAL) -> Dialog[CommandAnswered]:
    """Send one command; return the whole answer."""
    answer = yield SendCommand(port=port, command=command)
    if not isinstance(answer, CommandAnswered):
        raise InvariantError(f"{command.shown} was answered by {answer!r}")
    return answer


def query(command: Command[T], port: PortRole = PortRole.DIAL) -> Dialog[tuple[T | None, FinalResult | None]]:
    """Ask, and read the answer; the value is ``None`` unless the modem said OK in words we know."""
    answer = yield from send(command, port)
    if answer.result is None or not answer.result.ok:
        return None, answer.result
    value = command.parse(answer.lines)
    return (None if isinstance(value, ParseError) else value), answer.result
