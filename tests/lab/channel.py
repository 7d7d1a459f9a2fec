"""Two JSON conversations with a virtual machine: QEMU's monitor (QMP) and the guest agent inside it (QGA)."""

import base64
import json
import random
import select
import socket
import time
from pathlib import Path
from typing import Any

from .cache import LabError

SYNC_MARK = b"\xff"  # guest-sync-delimited: what follows this byte is an answer to us and to nobody before us


class Conversation:
    """One JSON object per line, question and answer, over a unix socket; each wait has a deadline (s)."""

    def __init__(self, path: Path, *, deadline: float) -> None:
        self._socket = _connect(path, deadline)
        self._socket.settimeout(0)
        self._pending = b""

    def close(self) -> None:
        self._socket.close()

    def ask(self, command: str, /, *, deadline: float, **arguments: object) -> Any:
        """The ``return`` of one command. LabError on a refusal, TimeoutError when the time is over."""
        question: dict[str, object] = {"execute": command}
        if arguments:
            question["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._converse(json.dumps(question).encode() + b"\n", command, time.monotonic() + deadline)

    def synchronise(self, *, deadline: float) -> None:
        """Throw away whatever an earlier conversation left in the guest agent's channel (QGA only).

        Raises TimeoutError when the agent has not answered in time.
        """
        give_up = time.monotonic() + deadline
        while True:
            # A guest that is still booting, or just resumed, may have lost the question: ask every second.
            # Answers come in order: after the one to the last question nothing older can come.
            token = random.randrange(1 << 31)  # noqa: S311 - names a question, guards nothing
            question = {"execute": "guest-sync-delimited", "arguments": {"id": token}}
            self._send(SYNC_MARK + json.dumps(question).encode() + b"\n", give_up)
            try:
                while json.loads(
                    self._line("guest-sync-delimited", min(give_up, time.monotonic() + 1.0))
                ) != {"return": token}:
                    pass
            except TimeoutError:
                if time.monotonic() > give_up:
                    raise
            else:
                return

    def _converse(self, question: bytes, name: str, give_up: float) -> Any:
        self._send(question, give_up)
        while True:
            answer = json.loads(self._line(name, give_up))
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise LabError(f"{name}: {answer['error'].get('desc', answer['error'])}")

    def _send(self, data: bytes, give_up: float) -> None:
        while data:
            _wait(self._socket, "write", give_up)
            data = data[self._socket.send(data) :]

    def _line(self, name: str, give_up: float) -> bytes:
        while b"\n" not in self._pending:
            try:
                _wait(self._socket, "read", give_up)
                received = self._socket.recv(1 << 16)
            except TimeoutError:
                raise TimeoutError(f"{name}: no answer") from None
            except ConnectionError:
                received = b""
            if not received:
                raise LabError(f"{name}: the virtual machine is gone")
            self._pending = (self._pending + received).rpartition(SYNC_MARK)[2]
        line, _, self._pending = self._pending.partition(b"\n")
        return line


def _connect(path: Path, deadline: float) -> socket.socket:
    give_up = time.monotonic() + deadline
    while True:
        candidate = socket.socket(socket.AF_UNIX)
        try:
            candidate.connect(str(path))
        except OSError:
            candidate.close()
            if time.monotonic() > give_up:
                raise LabError(f"{path}: nobody listens after {deadline:.0f} s") from None
            time.sleep(0.05)
        else:
            return candidate


def _wait(endpoint: socket.socket, direction: str, give_up: float) -> None:
    if endpoint.fileno() < 0:
        raise LabError("the virtual machine was switched off")
    left = give_up - time.monotonic()
    reading, writing = ([endpoint], []) if direction == "read" else ([], [endpoint])
    if left <= 0 or not any(select.select(reading, writing, [], left)):
        raise TimeoutError(direction)


def decoded(answer: dict[str, Any], field: str) -> bytes:
    """The bytes of a base64 field of a guest agent's answer; the agent leaves an empty one out."""
    return base64.b64decode(answer.get(field, ""))
