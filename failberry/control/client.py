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
        self.reason = str(parameters.get("reason") or error)
        """In its words, if it has any."""
        super().__init__(self.reason)


class UnreachableError(Exception):
    """The daemon could not be asked, and why."""

    def __init__(self, cause: OSError | MessageError) -> None:
        self.cause = cause
        super().__init__(str(cause))

    @property
    def stopped(self) -> bool:
        """Whether there is simply no daemon."""
        return isinstance(self.cause, FileNotFoundError | ConnectionRefusedError)


def call(
    path: str,
    method: str,
    *,
    interface: str = INTERFACE,
    patience: float | None = None,
    largest: int = MAXIMUM_ANSWER,
    **parameters: Any,
) -> dict[str, Any]:
    """Ask one question; return the answer's parameters.

    ``largest``: bytes of an answer, at the most.
    Raises :class:`UnreachableError` (after ``patience`` seconds too, by default :data:`ANSWER_TIME`),
    :class:`RefusedError`.
    """
    patience = ANSWER_TIME if patience is None else patience
    question: dict[str, Any] = {"method": f"{interface}.{method}"}
    if parameters:
        question["parameters"] = parameters
    replies = _ask(path, question, tick=patience, patience=patience, largest=largest)
    try:
        return parameters_of(next(each for each in replies if each is not None))
    finally:
        replies.close()


def watch(path: str, *, tick: float) -> Iterator[dict[str, Any] | None]:
    """Yield each status as it is told, and ``None`` whenever ``tick`` seconds went by without one.

    Ends only by an exception, the same as those of :func:`call`.
    """
    question = {"method": f"{INTERFACE}.Watch", "more": True}
    for reply in _ask(path, question, tick=tick, patience=ANSWER_TIME):
        yield None if reply is None else parameters_of(reply)["status"]


def stream(path: str, method: str, *, tick: float, **parameters: Any) -> Iterator[dict[str, Any] | None]:
    """Yield each of many answers, and ``None`` whenever ``tick`` seconds went by without one.

    Ends only by an exception, the same as those of :func:`call`.
    """
    question = {"method": f"{INTERFACE}.{method}", "more": True, "parameters": parameters}
    for reply in _ask(path, question, tick=tick, patience=ANSWER_TIME):
        yield None if reply is None else parameters_of(reply)


class Conversation:
    """One connection for who waits for other things, too: a question now, its answers when they come."""

    def __init__(self, path: str, *, patience: float = ANSWER_TIME) -> None:
        try:
            self._socket = _connect(path, patience)
        except OSError as error:
            raise UnreachableError(error) from None
        self._reader = MessageReader(maximum=MAXIMUM_ANSWER)

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def ask(self, method: str, *, more: bool = False, **parameters: Any) -> None:
        """Ask; ``more``: for one answer after the other."""
        question = {"method": f"{INTERFACE}.{method}", "more": more, "parameters": parameters}
        try:
            self._socket.sendall(encode(question))
        except OSError as error:
            raise UnreachableError(error) from None

    def hear(self) -> list[dict[str, Any]]:
        """Return the answers that have come; to be asked when there is something to read.

        Raises :class:`UnreachableError`, :class:`RefusedError`.
        """
        try:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionResetError("the daemon closed the connection")
            return [parameters_of(each) for each in self._reader.feed(received)]
        except (OSError, MessageError) as error:
            raise UnreachableError(error) from None


def parameters_of(reply: dict[str, Any]) -> dict[str, Any]:
    """What an answer says; raises :class:`RefusedError`, and MessageError for what is none."""
    parameters = reply.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise MessageError("parameters that are no object")
    if error := reply.get("error"):
        raise RefusedError(str(error), parameters)
    return parameters


def listens(path: str) -> bool:
    """Whether a daemon holds the socket, even one that does not answer."""
    try:
        _connect(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _ask(
    path: str, call: dict[str, Any], *, tick: float, patience: float, largest: int = MAXIMUM_ANSWER
) -> Generator[dict[str, Any] | None, None, None]:
    try:
        with _connect(path) as connection:
            connection.sendall(encode(call))
            yield from _replies(connection, MessageReader(maximum=largest), tick=tick, patience=patience)
    except (OSError, MessageError) as error:
        raise UnreachableError(error) from None


def _connect(path: str, patience: float = ANSWER_TIME) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(patience)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _replies(
    connection: socket.socket, reader: MessageReader, *, tick: float, patience: float
) -> Iterator[dict[str, Any] | None]:
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
