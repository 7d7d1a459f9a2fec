"""A message to SNS: by the child as a process of its own, with the real SDK, on moto by HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from failberry.dns.messages import PublishRequest, Refusal, TellRequest, decode_answer, encode_request
from failberry.errors import AdapterReason
from failberry.notify import sns
from failberry.notify.outbox import Delivery, Result
from failberry.notifying import Receiver, Via
from tests.unit.notify.test_receivers import message

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}


@pytest.fixture
def environment(moto: str, tmp_path: Path) -> dict[str, str]:
    keys = tmp_path / "credentials"
    keys.write_text("[default]\naws_access_key_id=test\naws_secret_access_key=test\n")
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": moto,
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@asynccontextmanager
async def listening(path: Path, environment: dict[str, str]) -> AsyncIterator[None]:
    """Start a child for each connection, as systemd does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends: Any = writer.get_extra_info("socket")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "failberry.dns", "sns", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        assert ends is not None
        out, _ = await child.communicate(await reader.readline())
        writer.write(out)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    async with server:
        yield


def tell(path: Path, environment: dict[str, str], topic: str) -> Any:
    async def scene() -> Any:
        receiver = Receiver(name="aws", via=Via.SNS, to=topic)
        delivery = Delivery(id="d1", channel="aws", messages=(message(), message(2)))
        async with asyncio.timeout(30), listening(path, environment):
            return await sns.send(str(path), receiver, delivery, "pi")

    return asyncio.run(scene())


def test_a_message_arrives_at_the_topic_s_subscribers(
    moto: str, environment: dict[str, str], tmp_path: Path
) -> None:
    topics, queues = (boto3.client(name, endpoint_url=moto, **KEYS) for name in ("sns", "sqs"))
    topic = topics.create_topic(Name="house")["TopicArn"]
    queue = queues.create_queue(QueueName="q")["QueueUrl"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:q")
    told = tell(tmp_path / "socket", environment, topic)
    assert (told.result, told.words) == (Result.SENT, "SNS took it")
    [came] = queues.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(came["Body"])
    assert body["Subject"] == "pi: 2 messages; last: The house is on the mobile line"
    assert body["Message"].count("für 5 s.") == 2
    assert body["MessageAttributes"]["failberry-id"]["Value"] == "d1"


def test_a_topic_that_is_not_there_is_told_in_words(environment: dict[str, str], tmp_path: Path) -> None:
    told = tell(tmp_path / "socket", environment, "arn:aws:sns:eu-central-1:123456789012:none")
    assert told.result is Result.REFUSED
    assert "there is no such topic: correct the receiver's `to`" in told.words
    assert "123456789012" not in told.words


@pytest.mark.parametrize("arguments", [["sns"], []])
def test_each_socket_takes_its_own_requests_and_no_others(
    arguments: list[str], environment: dict[str, str]
) -> None:
    """Whoever may have a message published may not change the zone, and the other way round."""
    publish = PublishRequest(zone="example.com", name="a.example.com", ttl=60, addresses=())
    topic = "arn:aws:sns:eu-central-1:123456789012:x"
    ours = TellRequest(topic=topic, region="eu-central-1", subject="s", text="t", name="n")
    request = publish if arguments else ours

    async def scene() -> bytes:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "failberry.dns", *arguments, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        out, _ = await child.communicate(encode_request(request))
        return out

    answer = decode_answer(asyncio.run(scene()), type(request))
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.evidence) == (AdapterReason.DENIED, "this socket is not for that")
