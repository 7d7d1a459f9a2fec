"""The child as a process of its own, with the real SDK, against the kit's AWS by HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from failberry.dns import messages
from failberry.dns.messages import (
    ApplyRequest,
    MoveRequest,
    PlanRequest,
    PlanResult,
    Progress,
    Refusal,
    Request,
    Result,
)
from failberry.errors import AdapterReason
from tests.awskit.account import simple
from tests.awskit.endpoint import Endpoint
from tests.awskit.strict import Document
from tests.awskit.web import background
from tests.unit.dns import world as errands
from tests.unit.dns.wishes import WISH

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIplantedSecretKEY"
HIDDEN = "w-5f0c7e"
CHILD = [sys.executable, "-m", "failberry.dns"]
MAIL = simple("mail.example.com", "A", "9.8.7.6")


class World:
    """An account, a file with a key, and children."""

    def __init__(self, url: str, endpoint: Endpoint, errands: errands.World, keys: Path) -> None:
        self.endpoint, self.errands = endpoint, errands
        keys.write_text(f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": url,
            "AWS_SHARED_CREDENTIALS_FILE": str(keys),
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.heard = ""
        """Everything that any child ever said, answers and journal, and how it was called."""
        self.killed_by = ""
        """The operation after which the child dies, before it hears the answer."""
        self.child = 0
        endpoint.services["route53"] = self.carry_out

    def carry_out(self, _: str, operation: str, parameters: Document) -> Document:
        answer = self.endpoint.api.call(operation, parameters)
        if operation == self.killed_by:
            self.heard += Path(f"/proc/{self.child}/cmdline").read_text()
            os.kill(self.child, signal.SIGKILL)
            self.killed_by = ""
        return answer

    def start(self, request: Request | bytes) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        child = subprocess.Popen(CHILD, env=self.environment, **pipes)
        self.child = child.pid
        assert child.stdin is not None
        child.stdin.write(request if isinstance(request, bytes) else messages.encode_request(request))
        child.stdin.flush()
        return child

    def ask(self, request: Request | bytes) -> tuple[list[str], Result | Refusal]:
        child = self.start(request)
        out, err = child.communicate(timeout=30)
        self.heard += (out + err).decode()
        assert child.returncode == 0, err
        kind = PlanRequest if isinstance(request, bytes) else type(request)
        *told, last = (messages.decode_answer(line, kind) for line in out.splitlines())
        assert not isinstance(last, Progress)
        return [each.progress for each in told if isinstance(each, Progress)], last

    def plan(self, nonce: str) -> PlanResult:
        """Without a process, which would only cost time."""
        return self.errands.do(PlanRequest(wish=WISH, nonce=nonce), PlanResult)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    inner = errands.World(MAIL)
    endpoint = Endpoint(inner.api)
    with background(endpoint) as url:
        yield World(url, endpoint, inner, tmp_path / "credentials")


def test_killed_twice_and_asked_again_it_comes_to_its_end_and_says_nothing_secret(world: World) -> None:
    for number, (operation, steps, lines) in enumerate(
        [("change_tags_for_resource", 5, 2), ("change_resource_record_sets", 3, 3)]
    ):
        shown = world.plan(f"n{number}")
        assert (len(shown.steps), shown.problems) == (steps, ())
        # It is carried out, and the child dies before it hears of it.
        world.killed_by = operation
        child = world.start(ApplyRequest(wish=WISH, nonce=f"n{number}", fingerprint=shown.fingerprint))
        out, err = child.communicate(timeout=30)
        world.heard += (out + err).decode()
        assert (child.returncode, out.count(b"\n")) == (-signal.SIGKILL, lines)
    _, told = world.ask(PlanRequest(wish=WISH, nonce="n9"))
    assert isinstance(told, PlanResult)
    assert (told.steps, told.problems) == ((), ())
    assert len(world.endpoint.api.checks) == 2
    assert world.endpoint.api.records["mail.example.com", "A", ""] == MAIL
    assert "3 of 3: change example.com" in world.heard
    for each in (KEY, SECRET, HIDDEN):
        assert each not in world.heard


def test_without_a_key_it_says_so(world: World) -> None:
    Path(world.environment["AWS_SHARED_CREDENTIALS_FILE"]).write_text("")
    _, told = world.ask(MoveRequest(wish=WISH, forced=None))
    assert isinstance(told, Refusal)
    assert (told.reason, "there is no AWS key" in told.evidence) == (AdapterReason.DENIED, True)


def test_without_boto3_it_says_which_package(world: World, tmp_path: Path) -> None:
    # A folder before all others in which boto3 is not there.
    (tmp_path / "boto3.py").write_text("raise ModuleNotFoundError('no boto3', name='boto3')\n")
    world.environment["PYTHONPATH"] = str(tmp_path)
    _, told = world.ask(MoveRequest(wish=WISH, forced=None))
    assert isinstance(told, Refusal)
    assert told.reason is AdapterReason.UNSUPPORTED
    assert told.evidence == "the Python package boto3 is missing; `sudo apt install python3-boto3`"


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"x" * (messages.REQUEST_LIMIT + 10)])
def test_what_is_no_request_is_answered_all_the_same(world: World, line: bytes) -> None:
    _, told = world.ask(line)
    assert isinstance(told, Refusal)
    assert told.reason is AdapterReason.REFUSED


def test_a_fault_of_ours_is_told_without_its_words(world: World, tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text(f"raise RuntimeError('{HIDDEN}')\n")
    world.environment["PYTHONPATH"] = str(tmp_path)
    _, told = world.ask(MoveRequest(wish=WISH, forced=None))
    assert isinstance(told, Refusal)
    assert told.evidence == "a fault of failberry-dns, RuntimeError in boto3.py:1; please report it"
    assert HIDDEN not in world.heard


def test_whoever_goes_away_stops_it_between_two_changes(world: World) -> None:
    shown = world.plan("n1")
    world.endpoint.order([{"operation": "create_health_check", "code": "Throttling"}])
    child = world.start(ApplyRequest(wish=WISH, nonce="n1", fingerprint=shown.fingerprint))
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    said = child.stderr.read().decode()
    assert child.wait(timeout=30) == 0
    assert "nobody waits for the answer" in said
    assert world.endpoint.api.records.keys() == {
        ("example.com", "NS", ""),
        ("example.com", "SOA", ""),
        ("mail.example.com", "A", ""),
    }
