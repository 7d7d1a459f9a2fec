"""Calls and replies of Varlink: what a message means (https://varlink.org/Method-Call).

Pure.  The errors are those of ``org.varlink.service``, which every Varlink service has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failberry.control.framing import MessageError
from failberry.errors import FailberryError

SERVICE_INTERFACE = "org.varlink.service"

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    """Fully qualified: interface, dot, name."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False
    """The caller can take several replies."""
    oneway: bool = False
    """The caller wants no reply at all, not even an error."""

    @property
    def interface(self) -> str:
        """Everything before the last dot."""
        return self.method.rpartition(".")[0]


def parse_call(message: Message) -> Call:
    """Read a call; what is not one raises :class:`MessageError`, for then the peer does not speak Varlink.

    Members that the specification does not know are passed over: it allows extensions.
    """
    method, parameters = message.get("method"), message.get("parameters")
    if not isinstance(method, str):
        raise MessageError("a call without a method")
    if parameters is not None and not isinstance(parameters, dict):
        raise MessageError("parameters are not an object")
    flags = {name: message.get(name) for name in ("more", "oneway", "upgrade")}
    if not all(flag is None or isinstance(flag, bool) for flag in flags.values()):
        raise MessageError("a flag is neither true nor false")
    if flags["upgrade"]:
        raise MessageError("this service has no other protocol to change to")
    return Call(
        method=method, parameters=parameters or {}, more=bool(flags["more"]), oneway=bool(flags["oneway"])
    )


def reply(parameters: Message, *, continues: bool = False) -> Message:
    """Make a reply; with ``continues`` another one will follow to the same call."""
    return {"parameters": parameters, "continues": True} if continues else {"parameters": parameters}


class CallError(FailberryError):
    """A call is answered with this error; it becomes a reply, never more."""

    def __init__(self, error: str, **parameters: Any) -> None:
        self.error = error
        self.parameters = parameters
        super().__init__(f"{error} {parameters}")

    def reply(self) -> Message:
        """Return the message for the caller."""
        return {"error": self.error, "parameters": self.parameters}


def interface_not_found(interface: str) -> CallError:
    """Nobody here speaks that interface."""
    return CallError(f"{SERVICE_INTERFACE}.InterfaceNotFound", interface=interface)


def method_not_found(method: str) -> CallError:
    """The interface has no such method."""
    return CallError(f"{SERVICE_INTERFACE}.MethodNotFound", method=method)


def invalid_parameter(parameter: str) -> CallError:
    """A parameter is missing, unknown or of the wrong type."""
    return CallError(f"{SERVICE_INTERFACE}.InvalidParameter", parameter=parameter)


def permission_denied() -> CallError:
    """The caller may not do that."""
    return CallError(f"{SERVICE_INTERFACE}.PermissionDenied")


def expected_more() -> CallError:
    """The method makes sense only for callers that can take several replies."""
    return CallError(f"{SERVICE_INTERFACE}.ExpectedMore")
