"""What is asked of the child, and what it answers: JSON, one object a line.

A request is one line.  The answer is any number of :class:`Progress`, then the result of that request or a
:class:`Refusal`.  Both are read strictly: what is missing, unknown or of another type is an error, because
both ends are of the same version.  Pure.

The child's socket is root's alone, because a wish holds the secret paths of the health checks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck
from failberry.errors import AdapterReason, FailberryError, Problem

SOCKET = "/run/failberry-dns/socket"
VERSION = 1
REQUEST_LIMIT = 64 << 10
"""Bytes of a request, its line end included."""
ANSWER_LIMIT = 1 << 20
"""Bytes of one line of an answer."""
DEADLINE = 60.0
"""Seconds in which whoever cannot wait gives the child up.  The child itself lives for 180 at most."""

Address = IPv4Address | IPv6Address
T = TypeVar("T")


class MessageError(FailberryError):
    """Not a message; says where it differs, and holds nothing of its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAddress:
    """What the daemon says that it keeps at a line's own name."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """Tell what would change.  Changes nothing."""

    wish: Desired
    nonce: str
    """As of :func:`failberry.dns.plan.plan`."""
    adopt: bool = False
    removal: bool = False
    """Whether it is the way back that is meant: that of :class:`DestroyRequest`."""
    kept: tuple[KeptAddress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """Carry out exactly the plan that was shown."""

    wish: Desired
    nonce: str
    """That of the plan."""
    fingerprint: str
    """Of the plan: if it would be another by now, nothing is done."""
    adopt: bool = False
    kept: tuple[KeptAddress, ...] = ()
    """As for the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyRequest:
    """Give the zone back as it was found: exactly as was shown."""

    wish: Desired
    fingerprint: str
    kept: tuple[KeptAddress, ...] = ()
    """As for the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """Tell what Route 53 holds.  Changes nothing."""

    wish: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """Have these addresses at a line's own name.  A family that is not among them stays as it is."""

    zone: str
    name: str
    ttl: int
    addresses: tuple[Address, ...]
    """One of each family at most."""
    zone_id: str = ""
    """Empty: looked up by the zone's name, which costs a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRequest:
    """Hold the house's name on a line, whatever the health checks say; None: they decide."""

    wish: Desired
    forced: UplinkName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TellRequest:
    """Publish a message to a topic of SNS.  On a socket of its own, where nothing else is taken."""

    topic: str
    """ARN."""
    region: str
    subject: str
    text: str
    name: str
    """Of the delivery: an attribute of the message, by which a repetition can be known."""


Request = (
    PlanRequest | ApplyRequest | DestroyRequest | StatusRequest | PublishRequest | MoveRequest | TellRequest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a plan, in words."""

    headline: str
    details: tuple[str, ...]
    """As in a diff: what comes begins with +, what goes with -."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """What would be done."""

    fingerprint: str
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    """Where there are some, nothing is done."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneResult:
    """All of the plan was done, and every name server knows it."""

    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStanding:
    """What stands in Route 53 for one line."""

    line: UplinkName
    name: str
    addresses: tuple[Address, ...]
    """Of the simple records at its own name."""
    check: str
    """Id of the health check that the pair uses; empty: none."""
    asked: str
    """What that check asks, and what it is set to, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """What Route 53 says that it would answer now (TestDNSAnswer)."""

    type: str
    code: str
    """As NOERROR."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResult:
    """What the API holds."""

    zone_id: str
    servers: tuple[str, ...]
    """Names of the zone's name servers."""
    pair: tuple[str, ...]
    """The records that fail over, as in a zone file; empty: never applied, or given back."""
    forced: UplinkName | None
    """The line on which the house's name is held."""
    lines: tuple[LineStanding, ...]
    answers: tuple[DnsAnswer, ...]
    """Empty where Route 53 would not tell."""
    due: int
    """How many changes `apply` would make."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """The records are as asked, at Route 53 at least; its name servers follow within a minute."""

    changed: bool
    change: str
    """Id of the change; empty: nothing had to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveResult:
    """The switches are as asked."""

    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TellResult:
    """SNS took it."""

    message: str
    """Its id there."""


Result = PlanResult | DoneResult | StatusResult | PublishResult | MoveResult | TellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Something is about to be done."""

    progress: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """It was not done, or not all of it; asking again does no harm."""

    reason: AdapterReason
    evidence: str
    """Why, and what to do; holds no secret."""


_REQUESTS: Mapping[str, type[Request]] = {
    "plan": PlanRequest,
    "apply": ApplyRequest,
    "destroy": DestroyRequest,
    "status": StatusRequest,
    "publish": PublishRequest,
    "move": MoveRequest,
    "tell": TellRequest,
}
_RESULTS: Mapping[type[Request], type[Result]] = {
    PlanRequest: PlanResult,
    ApplyRequest: DoneResult,
    DestroyRequest: DoneResult,
    StatusRequest: StatusResult,
    PublishRequest: PublishResult,
    MoveRequest: MoveResult,
    TellRequest: TellResult,
}
_KINDS: Mapping[type, str] = {HttpCheck: "http", AlarmCheck: "ping"}
"""What tells one from the other where either may stand."""


def encode_request(request: Request) -> bytes:
    """One line.  Raises MessageError: it is longer than the child reads."""
    do = next(name for name, kind in _REQUESTS.items() if kind is type(request))
    line = _line({"v": VERSION, "do": do} | _encode(request))
    if len(line) > REQUEST_LIMIT:
        raise MessageError(f"the request has {len(line)} bytes, where {REQUEST_LIMIT} is the most")
    return line


def decode_request(line: bytes) -> Request:
    """Read one.  Raises MessageError."""
    if len(line) > REQUEST_LIMIT:
        raise MessageError(f"the request is longer than {REQUEST_LIMIT} bytes")
    document = _object(line)
    version, do = document.pop("v", None), document.pop("do", None)
    if version != VERSION:
        raise MessageError(f"the request is not of version {VERSION}: both ends must be of one package")
    if not isinstance(do, str) or do not in _REQUESTS:
        raise MessageError(f"the request asks for none of {', '.join(_REQUESTS)}")
    return decode(_REQUESTS[do], document)


def encode_answer(answer: Progress | Refusal | Result) -> bytes:
    """One line."""
    match answer:
        case Progress():
            return _line(_encode(answer))
        case Refusal():
            return _line({"problem": _encode(answer)})
        case _:
            return _line({"result": _encode(answer)})


def decode_answer(line: bytes, asked: type[Request]) -> Progress | Refusal | Result:
    """Read a line of the answer to such a request.  Raises MessageError."""
    document = _object(line)
    match document:
        case {"progress": _}:
            return decode(Progress, document)
        case {"problem": problem} if len(document) == 1:
            return decode(Refusal, problem)
        case {"result": result} if len(document) == 1:
            answer: Result = decode(_RESULTS[asked], result)
            return answer
        case _:
            raise MessageError("the answer is neither progress nor result nor problem")


def encode(value: object) -> dict[str, Any]:
    """A frozen dataclass of this module as a JSON object."""
    document: dict[str, Any] = _encode(value)
    return document


def decode(kind: type[T], value: object) -> T:
    """Read it back.  Raises MessageError, which names places and no values."""
    decoded: T = _decode(kind, value, "$")
    return decoded


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        # Without the original, which quotes what it could not read.
        raise MessageError("what came is not JSON") from None
    if not isinstance(document, dict):
        raise MessageError("what came is not a JSON object")
    return document


def _encode(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, IPv4Address | IPv6Address):
        return str(value)
    if isinstance(value, tuple):
        return [_encode(each) for each in value]
    if is_dataclass(value):
        kind = {"kind": _KINDS[type(value)]} if type(value) in _KINDS else {}
        return kind | {each.name: _encode(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _decode(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is UnionType or isinstance(kind, UnionType):
        return _decode_union(get_args(kind), value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise MessageError(f"{where} is not a list")
        return tuple(_decode(get_args(kind)[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    if is_dataclass(kind):
        return _decode_object(kind, value, where)
    if issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in list(kind):
            raise MessageError(f"{where} is none of {', '.join(kind)}")
        return kind(value)
    # Not isinstance: to Python, true is an integer.
    if type(value) is not kind:
        raise MessageError(f"{where} is not of type {kind.__name__}")
    return value


def _decode_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if set(kinds) == {IPv4Address, IPv6Address}:
        try:
            # From a number it would make an address, too.
            return ip_address(value if isinstance(value, str) else "")
        except ValueError:
            raise MessageError(f"{where} is not an IP address") from None
    if NoneType in kinds:
        [inner] = (each for each in kinds if each is not NoneType)
        return None if value is None else _decode(inner, value, where)
    told = value.get("kind") if isinstance(value, dict) else None
    for kind in kinds:
        if told == _KINDS[kind]:
            return _decode_object(kind, {key: each for key, each in value.items() if key != "kind"}, where)
    raise MessageError(f"{where} is of no kind that is known")


def _decode_object(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise MessageError(f"{where} is not an object")
    types = _hints(kind)
    if types.keys() != value.keys():
        raise MessageError(f"{where} has other members than a {kind.__name__}")
    return kind(**{name: _decode(types[name], value[name], f"{where}.{name}") for name in types})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
