"""One CloudFormation stack: what it is, what would change, and doing it while telling how it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from failberry.aws.session import AwsError, Document, Session
from failberry.errors import AdapterError, AdapterReason

PATIENCE = 900.0
"""Seconds for a whole change; it takes one to three minutes."""
_DRAFTING = 120.0
_POLL = 2.0
_PAGES = 20
"""Of a listing; a stack of ours has some twenty resources."""
_UNCHANGED = ("didn't contain changes", "No updates are to be performed")
_READY = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
_EMPTY = "REVIEW_IN_PROGRESS"
"""Of a stack that was drafted, and never made."""

Tell = Callable[[str], None]
"""Takes one line about how it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The stack as it is."""

    id: str
    status: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether there is anything of it."""
        return self.status != _EMPTY

    @property
    def is_whole(self) -> bool:
        """Whether it is neither being changed nor broken."""
        return self.status in _READY


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """What becomes of one resource."""

    act: str
    """``Add``, ``Modify``, ``Remove``, in CloudFormation's words."""
    name: str
    type: str
    replaced: str = "False"
    """``True``, ``False`` or ``Conditional``: whether it is made anew."""
    what: tuple[str, ...] = ()
    """The properties."""

    def line(self) -> str:
        """As a line of a diff."""
        sign = {"Add": "+", "Remove": "-"}.get(self.act, "~")
        words = f"{sign} {self.name} ({self.type})"
        if self.what:
            words += f": {', '.join(self.what)}"
        anew = {"True": ", made anew", "Conditional": ", perhaps made anew"}
        return words + anew.get(self.replaced, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A change set: what would be done, and can be done exactly so."""

    id: str
    stack_id: str
    creates: bool
    changes: tuple[ResourceChange, ...]


class Stacks:
    """CloudFormation, for one stack of one region.  Everything raises AdapterError."""

    def __init__(self, aws: Session, *, region: str, name: str) -> None:
        self._aws, self._region, self.name = aws, region, name

    def find(self, stack_id: str = "") -> Stack | None:
        """The stack; by its id even after it was deleted."""
        try:
            told = self._ask("describe_stacks", {"StackName": stack_id or self.name}, "reading the stack")
        except AwsError as error:
            if error.code == "ValidationError" and "does not exist" in error.words:
                return None
            raise
        stack = told["Stacks"][0]
        return Stack(
            id=stack["StackId"],
            status=stack["StackStatus"],
            parameters={
                each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", ())
            },
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())},
        )

    def draft(
        self,
        stack: Stack | None,
        *,
        template: str,
        parameters: Mapping[str, str],
        nonce: str,
        secrets: tuple[str, ...] = (),
    ) -> Draft | None:
        """Have CloudFormation compare; None: nothing differs.  ``secrets`` are in the parameters."""
        creates = stack is None or not stack.is_made
        if stack is not None and stack.is_made and not stack.is_whole:
            raise AdapterError(AdapterReason.BUSY, f"the stack {self.name} is {stack.status}; {_cure(stack)}")
        wanted = {
            "StackName": self.name,
            "ChangeSetName": f"failberry-{nonce}",
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Capabilities": ["CAPABILITY_IAM"],
            "TemplateBody": template,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
            ],
        }
        made = self._ask("create_change_set", wanted, "comparing", secrets=secrets)
        place = {"ChangeSetName": made["Id"], "StackName": made["StackId"]}
        told = self._drafted(place)
        changes = tuple(self._changes(told, place))
        draft = Draft(id=made["Id"], stack_id=made["StackId"], creates=creates, changes=changes)
        if told["Status"] == "FAILED":
            self.discard(draft)
            why = str(told.get("StatusReason", ""))
            if any(each in why for each in _UNCHANGED):
                return None
            raise AdapterError(AdapterReason.REFUSED, f"comparing: {why}; correct [dns], and try again")
        return draft

    def _drafted(self, place: Document) -> Document:
        deadline = self._aws.clock() + _DRAFTING
        while (told := self._ask("describe_change_set", place, "comparing"))["Status"] in {
            "CREATE_PENDING",
            "CREATE_IN_PROGRESS",
        }:
            self._wait(deadline, "comparing")
        return told

    def _changes(self, told: Document, place: Document) -> Iterator[ResourceChange]:
        for _ in range(_PAGES):
            for each in told.get("Changes", ()):
                change = each["ResourceChange"]
                targets = [detail.get("Target", {}) for detail in change.get("Details", ())]
                names = (target.get("Name") or target.get("Attribute", "") for target in targets)
                yield ResourceChange(
                    act=change["Action"],
                    name=change["LogicalResourceId"],
                    type=change["ResourceType"],
                    replaced=change.get("Replacement", "False"),
                    what=tuple(dict.fromkeys(filter(None, names))),
                )
            if not told.get("NextToken"):
                return
            told = self._ask("describe_change_set", {**place, "NextToken": told["NextToken"]}, "comparing")

    def discard(self, draft: Draft) -> None:
        """Forget a draft, and the empty stack that was made for it."""
        self._ask(
            "delete_change_set", {"ChangeSetName": draft.id, "StackName": draft.stack_id}, "cleaning up"
        )
        if draft.creates:
            self._ask("delete_stack", {"StackName": draft.stack_id}, "cleaning up")

    def execute(self, draft: Draft, tell: Tell) -> Stack:
        """Carry out the draft; returns once the stack is as drafted."""
        seen = {each["EventId"] for each in self._events(draft.stack_id, set())}
        place = {"ChangeSetName": draft.id, "StackName": draft.stack_id}
        self._ask("execute_change_set", place, "changing the stack", once=True)
        good = "CREATE_COMPLETE" if draft.creates else "UPDATE_COMPLETE"
        return self._follow(draft.stack_id, seen, tell, good=good, place="changing the stack")

    def delete(self, stack: Stack, tell: Tell) -> None:
        """Remove it, with everything that it made."""
        seen = {each["EventId"] for each in self._events(stack.id, set())}
        self._ask("delete_stack", {"StackName": stack.id}, "removing the stack")
        self._follow(stack.id, seen, tell, good="DELETE_COMPLETE", place="removing the stack")

    def resources(self, stack: Stack) -> tuple[tuple[str, str], ...]:
        """Names and types of what it made."""
        found: list[tuple[str, str]] = []
        place: Document = {"StackName": stack.id}
        for _ in range(_PAGES):
            told = self._ask("list_stack_resources", place, "reading the stack")
            found += [
                (each["LogicalResourceId"], each["ResourceType"])
                for each in told.get("StackResourceSummaries", ())
                if each["LogicalResourceId"] and each.get("ResourceStatus") != "DELETE_COMPLETE"
            ]
            if not told.get("NextToken"):
                break
            place = {"StackName": stack.id, "NextToken": told["NextToken"]}
        return tuple(found)

    def _follow(self, stack_id: str, seen: set[str], tell: Tell, *, good: str, place: str) -> Stack:
        deadline = self._aws.clock() + PATIENCE
        failures: list[str] = []
        while True:
            stack = self.find(stack_id)
            for event in reversed(list(self._events(stack_id, seen))):
                seen.add(event["EventId"])
                line = _event_line(event)
                tell(line)
                if event["ResourceStatus"].endswith("_FAILED"):
                    failures.append(line)
            if stack is None and good == "DELETE_COMPLETE":
                return Stack(id=stack_id, status=good)
            if stack is not None and stack.status == good:
                return stack
            if stack is None or not stack.status.endswith("_IN_PROGRESS"):
                status = "gone" if stack is None else stack.status
                # What came first is why the rest was cancelled.
                why = failures[0] if failures else "it does not say why"
                cure = "see lambda/README.md for what it makes" if stack is None else _cure(stack)
                raise AdapterError(AdapterReason.REFUSED, f"{place}: it is {status}: {why}; {cure}")
            self._wait(deadline, place)

    def _events(self, stack_id: str, seen: set[str]) -> Iterator[Document]:
        """Newest first, down to the first that was seen."""
        place: Document = {"StackName": stack_id}
        for _ in range(_PAGES):
            told = self._ask("describe_stack_events", place, "reading the stack")
            for each in told.get("StackEvents", ()):
                if each["EventId"] in seen:
                    return
                yield each
            if not told.get("NextToken"):
                return
            place = {"StackName": stack_id, "NextToken": told["NextToken"]}

    def _wait(self, deadline: float, place: str) -> None:
        if self._aws.clock() >= deadline:
            words = "CloudFormation takes too long; look at the stack in the console, then run this again"
            raise AdapterError(AdapterReason.TIMEOUT, f"{place}: {words}")
        self._aws.pause(_POLL)

    def _ask(
        self,
        operation: str,
        parameters: Document,
        doing: str,
        *,
        secrets: tuple[str, ...] = (),
        once: bool = False,
    ) -> Document:
        place = f"{doing}, {self.name} in {self._region}"
        return self._aws.ask(
            "cloudformation", operation, parameters, place, region=self._region, secrets=secrets, once=once
        )


def _event_line(event: Document) -> str:
    status = str(event["ResourceStatus"]).lower().replace("_", " ")
    reason = f": {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
    return f"{event['LogicalResourceId']}: {status}{reason}"


def _cure(stack: Stack) -> str:
    if stack.status.endswith("_IN_PROGRESS"):
        return "somebody is changing it: wait, then run this again"
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return "continue its rollback in the console, then run this again"
    return "mend what it names, then `failberryctl aws destroy` and `failberryctl aws deploy`"
