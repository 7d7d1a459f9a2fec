"""What the side that asks, and must not block, makes of answers, of none, and of what is none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from failberry.control.asyncclient import ask, stream
from failberry.control.client import RefusedError, UnreachableError
from tests.unit.control.simulated import SimulatedAppliance, run, serving


@contextlib.asynccontextmanager
async def answering(path: Path, answer: bytes, *, then: asyncio.Event | None = None) -> AsyncIterator[None]:
    """Something on the socket that gives everybody this answer, and closes when told to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.write(answer)
        if then is not None:
            await then.wait()
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield


async def first(answers: Any) -> dict[str, Any]:
    async with contextlib.aclosing(answers):
        answer: dict[str, Any] = await anext(answers)
        return answer


def test_the_daemon_answers_once_or_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario() -> None:
        async with serving(path, SimulatedAppliance()) as service:
            assert (await ask(str(path), "GetStatus"))["status"]["version"]
            statuses = stream(str(path), "Watch")
            async with contextlib.aclosing(statuses):
                told = await anext(statuses)
                service.changed()
                assert told["status"]["active"] == (await ask(str(path), "GetStatus"))["status"]["active"]

    run(scenario)


def test_a_refusal_says_why(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario() -> None:
        async with serving(path, SimulatedAppliance(refusal="not now")):
            with pytest.raises(RefusedError, match="not now") as refused:
                await ask(str(path), "SendCommand", command="AT")
            assert refused.value.error == "io.failberry.Appliance.Refused"
            with pytest.raises(RefusedError) as unknown:
                await first(stream(str(path), "Dance"))
            assert unknown.value.reason == unknown.value.error == "org.varlink.service.MethodNotFound"

    run(scenario)


BOTH: list[Callable[..., Awaitable[dict[str, Any]]]] = [ask, lambda *a, **k: first(stream(*a, **k))]


@pytest.mark.parametrize("put", BOTH, ids=["ask", "stream"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed the connection"),
        (b'{"parameters":', "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\0", "not JSON"),
        (b'{"parameters":[1]}\0', "no object"),
    ],
)
def test_something_else_on_the_socket(tmp_path: Path, put: Any, answer: bytes, said: str) -> None:
    path = tmp_path / "control"

    async def scenario() -> None:
        async with answering(path, answer):
            with pytest.raises(UnreachableError, match=said) as lost:
                await put(str(path), "GetStatus")
            assert not lost.value.stopped

    run(scenario)


@pytest.mark.parametrize("put", BOTH, ids=["ask", "stream"])
def test_silence_has_an_end_and_says_so(tmp_path: Path, put: Any) -> None:
    path, enough = tmp_path / "control", asyncio.Event()

    async def scenario() -> None:
        async with answering(path, b"", then=enough):
            with pytest.raises(UnreachableError, match="no answer within 0 s") as lost:
                await put(str(path), "GetStatus", patience=0.02)
            assert isinstance(lost.value.cause, TimeoutError)
            enough.set()

    run(scenario)


def test_nobody_is_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(UnreachableError) as lost:
            await ask(str(tmp_path / "control"), "GetStatus")
        assert lost.value.stopped

    run(scenario)


def test_an_answer_may_say_nothing_but_news_may_not(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def scenario() -> None:
        async with answering(path, b"{}\0"):
            assert await ask(str(path), "Redial") == {}
            with pytest.raises(UnreachableError, match="without parameters"):
                await first(stream(str(path), "Events"))

    run(scenario)
