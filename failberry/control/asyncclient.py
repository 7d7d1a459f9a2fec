"""The caller's side of the control socket, for those who must not block; :mod:`.client` is for the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from failberry.control import INTERFACE
from failberry.control.client import ANSWER_TIME, MAXIMUM_ANSWER, UnreachableError, parameters_of
from failberry.control.framing import MessageError, MessageReader, encode


async def ask(path: str, method: str, *, patience: float = ANSWER_TIME, **parameters: Any) -> dict[str, Any]:
    """Ask one question; return the answer's parameters.

    Raises UnreachableError (after ``patience`` seconds too), RefusedError.
    """
    question = {"method": f"{INTERFACE}.{method}", "parameters": parameters}
    async with contextlib.aclosing(_answers(path, question)) as answers:
        return await _in_time(answers, patience)


async def stream(
    path: str, method: str, *, patience: float = ANSWER_TIME, **parameters: Any
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield one answer after the other; each has ``patience`` seconds to come.

    Ends only by an exception, the same as those of :func:`ask`.
    """
    question = {"method": f"{INTERFACE}.{method}", "parameters": parameters, "more": True}
    async with contextlib.aclosing(_answers(path, question)) as answers:
        while True:
            answer = await _in_time(answers, patience)
            if not answer:
                raise UnreachableError(MessageError("an answer without parameters"))
            yield answer


async def _in_time(answers: AsyncGenerator[dict[str, Any], None], patience: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(patience):
            return await anext(answers)
    except TimeoutError:
        raise UnreachableError(TimeoutError(f"no answer within {patience:.0f} s")) from None
    except (OSError, MessageError) as error:
        raise UnreachableError(error) from None


async def _answers(path: str, question: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(encode(question))
        await writer.drain()
        messages = MessageReader(maximum=MAXIMUM_ANSWER)
        while received := await reader.read(1 << 16):
            for reply in messages.feed(received):
                yield parameters_of(reply)
        raise ConnectionResetError("the daemon closed the connection")
    finally:
        # Not waited for: what is closed needs no more of our time.
        writer.close()
