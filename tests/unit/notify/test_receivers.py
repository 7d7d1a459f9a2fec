"""Each way to tell somebody, against a server of that kind."""
# ruff: noqa: S106 -- the secrets are made up

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.core.actions import Severity
from failberry.notify import hooks, mail, render
from failberry.notify import web as pages
from failberry.notify.messages import Message, Topic
from failberry.notify.outbox import Delivery, Result
from failberry.notifying import Receiver, Via
from tests.receivers import Post, Web, certificate, post, web
from tests.unit.control.simulated import run

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def message(number: int = 1, **fields: object) -> Message:
    values: dict[str, object] = {
        "id": f"h-{number}-failover",
        "event": number,
        "correlation": number,
        "time": 1_800_000_000.0 + number,
        "synced": True,
        "topic": Topic.FAILOVER,
        "severity": Severity.NOTICE,
        "title": "The house is on the mobile line",
        "text": "The wired line: no answer – für 5 s.",
        "cure": "back when it is good",
    }
    return Message(**(values | fields))  # type: ignore[arg-type]


def delivery(*messages: Message, **fields: object) -> Delivery:
    return Delivery(id="d1", channel="x", messages=messages or (message(),), **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    yield certificate(tmp_path_factory.mktemp("tls"), "DNS:localhost", "IP:127.0.0.1")


def test_ntfy(house: tuple[Path, Path]) -> None:
    with web(Web(token="tk_1"), tls=house) as server:
        receiver = Receiver(
            name="phone",
            via=Via.NTFY,
            to=f"https://localhost:{server.port}/topic",
            secret="tk_1",
            ca=str(house[0]),
        )
        told = pages.to_ntfy(receiver, delivery(), "pi")
        assert (told.result, told.words) == (Result.SENT, "localhost took it (200)")
        [came] = server.came
        assert came["topic"] == "topic"
        assert came["title"] == "pi: The house is on the mobile line"
        assert "no answer – für 5 s.\nNext: back when it is good." in came["message"]
        assert came["sequence_id"] == "d1"
        untrusted = Receiver(name="phone", via=Via.NTFY, to=receiver.to, secret="tk_1")
        told = pages.to_ntfy(untrusted, delivery(), "pi")
        assert told.result is Result.REFUSED
        assert "does not prove who it is" in told.words
        wrong = Receiver(name="phone", via=Via.NTFY, to=receiver.to, secret="tk_2", ca=str(house[0]))
        told = pages.to_ntfy(wrong, delivery(), "pi")
        assert told.result is Result.REFUSED
        assert told.words == "localhost answered 403 Forbidden: no such thing"
        assert len(server.came) == 1


def test_ntfy_gets_no_more_than_it_takes() -> None:
    """Longer messages become attachments, or are refused; longer JSON is not read."""
    long = [message(each, text='"ü" ' * 150, cure='"ü" ' * 150, title=f"Title {each}") for each in range(20)]
    endless = message(title='"😀' * 400, text="😀" * 900)
    with web(Web()) as server:
        receiver = Receiver(name="phone", via=Via.NTFY, to=f"http://127.0.0.1:{server.port}/topic")
        for each in (delivery(*long, dropped=7), delivery(endless), delivery(message())):
            assert pages.to_ntfy(receiver, each, "pi").result is Result.SENT
    assert max(server.sizes) < 8192
    digest, cut, whole = (each["message"] for each in server.came)
    titles = [line.rpartition(": ")[2] for line in digest.splitlines() if "Title" in line]
    assert titles == [f"Title {each}" for each in range(20)]
    assert digest.splitlines()[-3].startswith('"ü"'), "the last one has kept its cause"
    assert cut.endswith("…")
    assert "…" not in whole
    for each in server.came:
        assert len(each["message"].encode()) < 4096
        assert len(each["title"].encode()) <= 1024
        assert len(each["sequence_id"]) <= 64


def test_webhook() -> None:
    with web(Web(key=KEY)) as server:
        receiver = Receiver(
            name="hook", via=Via.WEBHOOK, to=f"http://127.0.0.1:{server.port}/a?b=c", secret=KEY
        )
        both = delivery(message(1), message(2, over=True), dropped=3)
        assert pages.to_webhook(receiver, both, "pi").result is Result.SENT
        [came] = server.came
        assert (came["host"], came["dropped"], [each["id"] for each in came["messages"]]) == (
            "pi", 3, ["h-1-failover", "h-2-failover"],
        )  # fmt: skip
        forged = Receiver(name="hook", via=Via.WEBHOOK, to=receiver.to, secret="something else")
        assert pages.to_webhook(forged, both, "pi").result is Result.REFUSED
        server.status = 503
        assert pages.to_webhook(receiver, both, "pi").result is Result.FAILED
        server.status, server.silent = 200, True
        assert pages.to_webhook(receiver, both, "pi").result is Result.UNKNOWN  # it may have been taken
    told = pages.to_webhook(receiver, both, "pi")
    assert (told.result, told.words) == (Result.FAILED, "127.0.0.1: Connection refused")


def test_a_signature_as_standard_webhooks_gives_it() -> None:
    """The example of the specification, github.com/standard-webhooks."""
    body = b'{"test": 2432232314}'
    told = pages.signature(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_mail(house: tuple[Path, Path]) -> None:
    server = Post(password="geheim")
    with post(server, tls=house) as port:
        receiver = Receiver(
            name="mail", via=Via.MAIL, to="me@example.net, you@example.net", sender="pi@example.net",
            server=f"127.0.0.1:{port}", secret="geheim", ca=str(house[0]),
        )  # fmt: skip
        told = mail.send(receiver, delivery(message(1), message(2)), "pi")
        assert (told.result, told.words) == (Result.SENT, "127.0.0.1 took it")
        [came] = server.came
        assert came["Subject"] == "pi: 2 messages; last: The house is on the mobile line"
        assert came["Message-ID"] == "<d1@example.net>"
        assert "für 5 s." in came.get_content()
        assert server.recipients == ["me@example.net", "you@example.net"]
        assert server.secured == [True]
        wrong = Receiver(
            name="mail", via=Via.MAIL, to="me@example.net", sender="pi@example.net",
            server=f"127.0.0.1:{port}", secret="falsch", ca=str(house[0]),
        )  # fmt: skip
        told = mail.send(wrong, delivery(), "pi")
        assert told.result is Result.REFUSED
        assert "refused the password" in told.words
        server.answer = "451 later"
        assert mail.send(receiver, delivery(), "pi").result is Result.FAILED
        server.answer = "554 never"
        assert mail.send(receiver, delivery(), "pi").result is Result.REFUSED
        assert len(server.came) == 1


def test_a_mail_server_without_tls_gets_neither_mail_nor_password() -> None:
    server = Post()
    with post(server) as port:
        receiver = Receiver(
            name="mail", via=Via.MAIL, to="me@example.net", sender="pi@example.net",
            server=f"127.0.0.1:{port}", secret="geheim",
        )  # fmt: skip
        told = mail.send(receiver, delivery(), "pi")
        assert told.result is Result.REFUSED
        assert "STARTTLS" in told.words
        assert not server.came


# --- hooks -----------------------------------------------------------------------------------------


def hook(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def owner(path: Path) -> int:
    return path.stat().st_uid


def test_a_hook_is_told_in_its_environment_and_on_its_input(tmp_path: Path) -> None:
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    path = hook(folder, "10-lamp", f"env | grep ^FAILBERRY_ | sort >{out}; cat >>{out}; echo done")

    async def scenario() -> None:
        told = await hooks.run(str(folder), "10-lamp", delivery(attempt=2), "pi", owner=owner(path))
        assert (told.result, told.words) == (Result.SENT, "hook 10-lamp: exit status 0: done")

    run(scenario)
    lines = out.read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if line.startswith("FAILBERRY_")]
    assert names == sorted(f"FAILBERRY_{name}" for name in render.ENVIRONMENT)
    assert "FAILBERRY_TOPIC=failover" in lines
    assert "FAILBERRY_ATTEMPT=2" in lines
    assert lines[-1].startswith('{"version": 1, "id": "d1"')


@pytest.mark.parametrize(
    ("text", "result"), [("exit 0", Result.SENT), ("exit 75", Result.FAILED), ("exit 3", Result.LOST)]
)
def test_the_exit_status_of_a_hook_decides(tmp_path: Path, text: str, result: Result) -> None:
    path = hook(tmp_path / "d", "a", text)

    async def scenario() -> None:
        told = await hooks.run(str(path.parent), "a", delivery(), "pi", owner=owner(path))
        assert told.result is result

    run(scenario)


def test_a_hook_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "DEADLINE", 0.3)
    monkeypatch.setattr(hooks, "GRACE", 0.3)
    path = hook(tmp_path / "d", "a", f"trap '' TERM; sleep 60 & echo $! >{tmp_path}/child; wait; wait")

    async def scenario() -> None:
        told = await hooks.run(str(path.parent), "a", delivery(), "pi", owner=owner(path))
        assert told.result is Result.LOST

    run(scenario)
    child = Path("/proc", (tmp_path / "child").read_text().strip())
    assert not child.exists() or "Z" in (child / "stat").read_text()


def test_only_what_is_root_s_alone_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    path = hook(folder, "good", "")
    hook(folder, "writable", "", 0o777)
    hook(folder, "not-for-all", "", 0o700)
    hook(folder, "with space", "")
    hook(folder, "old.dpkg-old", "")
    (folder / "link").symlink_to(path)
    good, oddities = hooks.found(str(folder), owner=owner(path))
    assert good == ("good",)
    assert [each.split(":")[0] for each in oddities] == [
        "hook link", "hook not-for-all", "hook with space", "hook writable",
    ]  # fmt: skip
    assert hooks.found(str(folder), owner=owner(path) + 1)[0] == ()
    folder.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    assert hooks.found(str(folder), owner=owner(path))[0] == ()
    assert hooks.found(str(tmp_path / "none")) == ((), ())
