"""CloudFormation as it fails, refuses and takes its time; and what the stack is told."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from ping import endpoints

from failberry.aws import archive, layout
from failberry.aws.session import Session
from failberry.aws.stack import Draft, ResourceChange, Stack, Stacks
from failberry.config import Health
from failberry.dns.wish import ALARM_PERIODS, wish_of
from failberry.errors import AdapterError, AdapterReason
from failberry.naming import Ask, Dns, Publisher

DNS = Dns(
    zone="example.com",
    name="home.example.com",
    wired_name="wired.example.com",
    wired_check=Ask.PING,
    wired_port=9001,
    cellular_name="mobile.example.com",
)
HEALTH = Health(wired_path="/w-5f0c7e", cellular_path="/c-91ab42")


class Script:
    """CloudFormation, answering what is written down; the last answer of each operation for ever."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Any:
        def ask(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            told = self.answers[operation]
            answer = told.pop(0) if len(told) > 1 else told[0]
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": "Stack does not exist"}}, operation)
            return answer

        return ask


class Clock:
    """Time that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> float:
        return self.now


def stacks(script: Script, clock: Clock | None = None) -> Stacks:
    clock = clock or Clock()
    aws = Session(connect=lambda *_: script, pause=clock.wait, clock=clock.read)
    return Stacks(aws, region="eu-central-1", name="failberry")


def described(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackId": "arn:stack", "StackStatus": status}]}


def event(number: int, name: str, status: str, reason: str = "") -> dict[str, Any]:
    told = {"EventId": str(number), "LogicalResourceId": name, "ResourceStatus": status}
    return told | ({"ResourceStatusReason": reason} if reason else {})


DRAFT = Draft(id="arn:set", stack_id="arn:stack", creates=True, changes=())


def test_progress_is_told_once_and_in_order() -> None:
    began, one, two, done = (
        event(1, "failberry", "REVIEW_IN_PROGRESS"),
        event(2, "DdnsRole", "CREATE_IN_PROGRESS"),
        event(3, "DdnsRole", "CREATE_COMPLETE"),
        event(4, "failberry", "CREATE_COMPLETE"),
    )
    script = Script(
        describe_stack_events=[
            {"StackEvents": [began]},
            {"StackEvents": [one, began]},
            {"StackEvents": [two, one, began]},
            {"StackEvents": [done, two], "NextToken": "more"},
            {"StackEvents": [one, began]},
        ],
        execute_change_set=[{}],
        describe_stacks=[
            described("CREATE_IN_PROGRESS"),
            described("CREATE_IN_PROGRESS"),
            described("CREATE_COMPLETE"),
        ],
    )
    told: list[str] = []
    assert stacks(script).execute(DRAFT, told.append).is_whole
    assert told == ["DdnsRole: create in progress", "DdnsRole: create complete", "failberry: create complete"]


def test_a_failure_is_told_by_its_first_cause() -> None:
    script = Script(
        describe_stack_events=[
            {"StackEvents": []},
            {
                "StackEvents": [
                    event(3, "failberry", "ROLLBACK_COMPLETE"),
                    event(2, "PingFunction", "CREATE_FAILED", "Resource creation cancelled"),
                    event(1, "DdnsFunction", "CREATE_FAILED", "unreserved concurrency below its minimum"),
                ]
            },
        ],
        execute_change_set=[{}],
        describe_stacks=[described("ROLLBACK_COMPLETE")],
    )
    with pytest.raises(
        AdapterError, match=r"DdnsFunction: create failed: unreserved .*; mend .* aws destroy"
    ):
        stacks(script).execute(DRAFT, lambda _: None)


def test_it_does_not_wait_for_ever() -> None:
    script = Script(
        describe_stack_events=[{"StackEvents": []}],
        execute_change_set=[{}],
        describe_stacks=[described("CREATE_IN_PROGRESS")],
    )
    clock = Clock()
    with pytest.raises(AdapterError, match="takes too long") as told:
        stacks(script, clock).execute(DRAFT, lambda _: None)
    assert (told.value.reason, 900 <= clock.now < 910) == (AdapterReason.TIMEOUT, True)


def test_a_lost_answer_to_the_execution_is_not_repeated() -> None:
    class Lost(Script):
        def execute_change_set(self, **_: Any) -> Any:
            self.asked.append(("execute_change_set", {}))
            raise ReadTimeoutError(endpoint_url="https://cloudformation")

    script = Lost(describe_stack_events=[{"StackEvents": []}])
    with pytest.raises(AdapterError, match="AWS did not answer"):
        stacks(script).execute(DRAFT, lambda _: None)
    assert [name for name, _ in script.asked].count("execute_change_set") == 1


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("UPDATE_IN_PROGRESS", "wait"),
        ("ROLLBACK_COMPLETE", "aws destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback"),
    ],
)
def test_a_stack_that_cannot_be_changed_now_is_left_alone(status: str, cure: str) -> None:
    script = Script()
    with pytest.raises(AdapterError, match=cure):
        stacks(script).draft(Stack(id="arn:stack", status=status), template="", parameters={}, nonce="n")
    assert script.asked == []


@pytest.mark.parametrize(
    "why",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_where_nothing_differs_nothing_is_left_behind(why: str) -> None:
    script = Script(
        create_change_set=[{"Id": "arn:set", "StackId": "arn:stack"}],
        describe_change_set=[
            {"Status": "CREATE_IN_PROGRESS"},
            {"Status": "FAILED", "StatusReason": why},
        ],
        delete_change_set=[{}],
    )
    made = Stack(id="arn:stack", status="UPDATE_COMPLETE")
    assert stacks(script).draft(made, template="", parameters={}, nonce="n") is None
    assert [name for name, _ in script.asked][-1] == "delete_change_set"


def test_a_refused_draft_says_why_and_takes_the_empty_stack_away() -> None:
    script = Script(
        create_change_set=[{"Id": "arn:set", "StackId": "arn:stack"}],
        describe_change_set=[{"Status": "FAILED", "StatusReason": "Invalid template"}],
        delete_change_set=[{}],
        delete_stack=[{}],
    )
    with pytest.raises(AdapterError, match="Invalid template"):
        stacks(script).draft(None, template="", parameters={}, nonce="n")
    assert [name for name, _ in script.asked][-2:] == ["delete_change_set", "delete_stack"]


def test_a_draft_is_a_diff() -> None:
    change = {
        "Action": "Modify",
        "LogicalResourceId": "DdnsTable",
        "ResourceType": "AWS::DynamoDB::Table",
        "Replacement": "True",
        "Details": [
            {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
            {"Target": {"Attribute": "Tags"}},
            {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
        ],
    }
    added = {"Action": "Add", "LogicalResourceId": "Topic", "ResourceType": "AWS::SNS::Topic"}
    script = Script(
        create_change_set=[{"Id": "arn:set", "StackId": "arn:stack"}],
        describe_change_set=[
            {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change}], "NextToken": "more"},
            {"Changes": [{"ResourceChange": added}]},
        ],
    )
    made = Stack(id="arn:stack", status="CREATE_COMPLETE")
    draft = stacks(script).draft(made, template="", parameters={}, nonce="n")
    assert draft is not None
    assert [each.line() for each in draft.changes] == [
        "~ DdnsTable (AWS::DynamoDB::Table): KeySchema, Tags, made anew",
        "+ Topic (AWS::SNS::Topic)",
    ]
    assert ResourceChange(act="Remove", name="T", type="X").line() == "- T (X)"


def test_a_stack_that_is_not_there() -> None:
    assert stacks(Script(describe_stacks=["ValidationError"])).find() is None
    with pytest.raises(AdapterError, match="check the AWS key"):
        stacks(Script(describe_stacks=["AccessDenied"])).find()


def test_a_removal_ends_when_nobody_knows_the_stack_any_more() -> None:
    script = Script(
        describe_stack_events=[{"StackEvents": []}],
        delete_stack=[{}],
        describe_stacks=[described("DELETE_IN_PROGRESS"), "ValidationError"],
    )
    stacks(script).delete(Stack(id="arn:stack", status="CREATE_COMPLETE"), lambda _: None)


# What it is told.


def told(dns: Dns = DNS, **more: Any) -> dict[str, str]:
    return layout.parameters(
        dns, HEALTH, zone_id="Z1", before=more.get("before", {}), chosen=more.get("chosen", {})
    )


LINES = [
    (Ask.PING, Ask.PING, "both"),
    (Ask.PING, Ask.HTTP, "wired"),
    (Ask.HTTP, Ask.PING, "mobile"),
    (Ask.HTTP, Ask.HTTP, "none"),
]


@pytest.mark.parametrize(("wired", "cellular", "which"), LINES)
def test_each_pinged_line_has_an_endpoint_named_as_its_alarm(wired: Ask, cellular: Ask, which: str) -> None:
    dns = replace(DNS, wired_check=wired, cellular_check=cellular, stack="barn")
    parameters = told(dns)
    assert parameters["PingLines"] == which
    assert bool(parameters["PingEvent"]) is (which != "none")
    if parameters["PingEvent"]:
        # By the function's own reading.
        asked = endpoints.read(json.loads(parameters["PingEvent"])).endpoints
        urls = {each.name: each.url.geturl() for each in asked}
        wanted = {
            "barn-wired": "http://wired.example.com:9001/w-5f0c7e",
            "barn-mobile": "http://mobile.example.com:9000/c-91ab42",
        }
        names = {"both": {*wanted}, "wired": {"barn-wired"}, "mobile": {"barn-mobile"}}[which]
        assert urls == {name: wanted[name] for name in names}
        desired = wish_of(dns, HEALTH)
        alarms = {getattr(each.check, "alarm", None) for each in (desired.wired, desired.cellular)}
        assert alarms - {None} == names


def test_parameters_say_what_the_configuration_says_and_keep_what_the_owner_chose() -> None:
    parameters = told(before={"NotifyEmail": "me@example.com", "RecordTtl": "1"}, chosen={"DynDns2": "on"})
    assert parameters["NotifyEmail"] == "me@example.com"
    assert parameters["DynDns2"] == "on"
    assert (parameters["RecordTtl"], parameters["RecordNames"]) == ("60", "mobile.example.com")
    assert parameters["AlarmPeriods"] == str(ALARM_PERIODS)


def test_the_archive_is_the_same_bytes_each_time() -> None:
    code = archive.read()
    assert code == archive.read()
    with zipfile.ZipFile(io.BytesIO(code.archive)) as packed:
        names = packed.namelist()
        assert names == sorted(names)
        assert {"ddns/handler.py", "ping/handler.py"} <= {*names}
        assert {each.date_time for each in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {each.compress_type for each in packed.infolist()} == {zipfile.ZIP_STORED}
        assert {each.external_attr >> 16 for each in packed.infolist()} == {0o100644}
    assert len(code.template.encode()) < archive.BODY_LIMIT


def test_where_there_is_no_code_the_cure_is_told(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="install the package failberry again"):
        archive.read(tmp_path)


def test_names_are_of_whoever_writes_them() -> None:
    assert set(layout.written_by(DNS, Publisher.LAMBDA).values()) == {"mobile.example.com"}
    assert set(layout.written_by(DNS, Publisher.ELSEWHERE).values()) == {"wired.example.com"}
