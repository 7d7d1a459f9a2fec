"""The caller's side of the child's socket, blocking: progress as it comes, then the result."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from failberry.dns.messages import (
    ANSWER_LIMIT,
    MessageError,
    Progress,
    Refusal,
    Request,
    Result,
    decode_answer,
    encode_request,
)
from failberry.errors import AdapterError

PATIENCE = 190.0
"""Seconds: systemd ends the child after 180."""
UNIT = "failberry-dns.socket"

T = TypeVar("T", bound=Result)


class ChildError(Exception):
    """The child could not be asked; says why and what to do."""


def ask(
    path: str, request: Request, kind: type[T], *, tell: Callable[[str], None], patience: float = PATIENCE
) -> T:
    """Ask, and wait for the result; ``tell`` hears of progress.

    Raises AdapterError with what the child says instead, :class:`ChildError`.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience)
            connection.connect(path)
            connection.sendall(encode_request(request))
            for line in _lines(connection, patience):
                answer = decode_answer(line, type(request))
                if isinstance(answer, Progress):
                    tell(answer.progress)
                elif isinstance(answer, Refusal):
                    raise AdapterError(answer.reason, answer.evidence)
                elif isinstance(answer, kind):
                    return answer
        raise ChildError(_ended("it ended without an answer"))
    except (FileNotFoundError, ConnectionRefusedError):
        raise ChildError(
            f"Nobody listens on {path}: `sudo systemctl start {UNIT}`, which the package enables."
        ) from None
    except PermissionError:
        raise ChildError(_denied()) from None
    except (OSError, MessageError) as error:
        raise ChildError(_ended(str(error))) from None


def needs_root() -> bool:
    """Whether the socket is closed to us whatever happens."""
    return os.geteuid() != 0


def _denied() -> str:
    return "Only root may ask it, because it holds the AWS keys: put `sudo` in front."


def _ended(why: str) -> str:
    return (
        f"failberry-dns gave no answer: {why}. See `journalctl -u 'failberry-dns@*' -n 20`; "
        "asking again does no harm."
    )


def _lines(connection: socket.socket, patience: float) -> Iterator[bytes]:
    until, heard = time.monotonic() + patience, b""
    while (left := until - time.monotonic()) > 0 and len(heard) <= ANSWER_LIMIT:
        connection.settimeout(left)
        piece = connection.recv(1 << 16)
        if not piece:
            return
        *lines, heard = (heard + piece).split(b"\n")
        yield from lines
    raise TimeoutError(f"it took longer than {patience:.0f} s")
