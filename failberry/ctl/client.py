"""The caller's side of the control socket, blocking: one question, or a stream of answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterator

from failberry.control import INTERFACE
from failberry.control.framing import MessageError, MessageReader, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWER_TIME = 10.0
"""Seconds in which the daemon answers, or is given up; to a watcher it speaks every five."""
MAXIMUM_ANSWER = 16 << 20


class RefusedError(Exception):
    """The daemon answered with an error; not one of :mod:`failberry.errors`, which is slow to import."""

    def __init__(self, error: str, parameters: dict[str, Any]) -> None:
        self.error = error
        self.parameters = parameters
        super().__init__(f"{error} {parameters}")


class UnreachableError(Exception):
    """The daemon could not be asked, and why."""

    def __init__(self, cause: OSError | MessageError) -> None:
        self.cause = cause
        super().__init__(str(cause))

    @property
    def stopped(self) -> bool:
        """Whether there is simply no daemon."""
        return isinstance(self.cause, FileNotFoundError | ConnectionRefusedError)


def call(path: str, method: str, *, patience: float | None = None, **parameters: Any) -> dict[str, Any]:
    """Ask one question; return the answer's parameters.

    Raises :class:`UnreachableError` (after ``patience`` seconds too, by default :data:`ANSWER_TIME`),
    :class:`RefusedError`.
    """
    patience = ANSWER_TIME if patience is None else patience
    question: dict[str, Any] = {"method": f"{INTERFACE}.{method}"}
    if parameters:
        question["parameters"] = parameters
    replies = _ask(path, question, tick=patience, patience=patience)
    try:
        return _parameters(next(each for each in replies if each is not None))
    finally:
        replies.close()


def watch(path: str, *, tick: float) -> Iterator[dict[str, Any] | None]:
    """Yield each status as it is told, and ``None`` whenever ``tick`` seconds went by without one.

    Ends only by an exception, the same as those of :func:`call`.
    """
    question = {"method": f"{INTERFACE}.Watch", "more": True}
    for reply in _ask(path, question, tick=tick, patience=ANSWER_TIME):
        yield None if reply is None else _parameters(reply)["status"]


def stream(path: str, method: str, *, tick: float, **parameters: Any) -> Iterator[dict[str, Any] | None]:
    """Yield each of many answers, and ``None`` whenever ``tick`` seconds went by without one.

    Ends only by an exception, the same as those of :func:`call`.
    """
    question = {"method": f"{INTERFACE}.{method}", "more": True, "parameters": parameters}
    for reply in _ask(path, question, tick=tick, patience=ANSWER_TIME):
        yield None if reply is None else _parameters(reply)


def listens(path: str) -> bool:
    """Whether a daemon holds the socket, even one that does not answer."""
    try:
        _connect(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _ask(
    path: str, call: dict[str, Any], *, tick: float, patience: float
) -> Generator[dict[str, Any] | None, None, None]:
    try:
        with _connect(path) as connection:
            connection.sendall(encode(call))
            yield from _replies(connection, tick=tick, patience=patience)
    except (OSError, MessageError) as error:
        raise UnreachableError(error) from None


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWER_TIME)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _replies(connection: socket.socket, *, tick: float, patience: float) -> Iterator[dict[str, Any] | None]:
    reader = MessageReader(maximum=MAXIMUM_ANSWER)
    heard = time.monotonic()
    while (left := heard + patience - time.monotonic()) > 0:
        connection.settimeout(min(tick, left))
        try:
            received = connection.recv(1 << 16)
        except TimeoutError:
            yield None
            continue
        if not received:
            raise ConnectionResetError("the daemon closed the connection")
        for reply in reader.feed(received):
            yield reply
            heard = time.monotonic()
    raise TimeoutError(f"no answer within {patience:.0f} s")


def _parameters(reply: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = reply.get("parameters") or {}
    if error := reply.get("error"):
        raise RefusedError(error, parameters)
    return parameters
