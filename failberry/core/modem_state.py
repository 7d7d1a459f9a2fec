"""The modem's states, in ModemManager's names, and the ways between them.

Every state has a maximum stay.  A state that is left by nobody in that time was a mistake of the
modem or of ours; either way the dial starts over, so nothing can hang for ever.

::

    unknown ─► initializing ─► locked ─► disabled ─► enabling ─► enabled ─► searching ─► registered
       ▲            │             │                                                          │
       │            ▼             ▼                                                          ▼
       ├───────── failed ◄────────┘                        connected ◄─────────────── connecting
       │                                                      │
       └──────────────────── disconnecting ◄──────────────────┘     any state ─► unknown: start over
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ModemState(StrEnum):
    """Where the modem is on its way to a session (MMModemState)."""

    UNKNOWN = "unknown"
    """No modem, or waiting before the next dial."""
    INITIALIZING = "initializing"
    LOCKED = "locked"
    """The SIM wants its PIN."""
    DISABLED = "disabled"
    """The radio is off."""
    ENABLING = "enabling"
    ENABLED = "enabled"
    SEARCHING = "searching"
    REGISTERED = "registered"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    FAILED = "failed"
    """Only a person, another SIM or another configuration helps."""


_S = ModemState

TRANSITIONS: Mapping[ModemState, frozenset[ModemState]] = {
    # connecting, or registered in cold standby: the stick is a router of its own, with no SIM, radio or
    # network of ours to see to; connected: a session was adopted
    _S.UNKNOWN: frozenset({_S.INITIALIZING, _S.REGISTERED, _S.CONNECTING, _S.CONNECTED}),
    _S.INITIALIZING: frozenset({_S.LOCKED, _S.DISABLED, _S.ENABLED, _S.FAILED}),
    _S.LOCKED: frozenset({_S.DISABLED, _S.ENABLED, _S.FAILED}),
    _S.DISABLED: frozenset({_S.ENABLING}),
    _S.ENABLING: frozenset({_S.ENABLED, _S.FAILED}),
    _S.ENABLED: frozenset({_S.SEARCHING}),
    _S.SEARCHING: frozenset({_S.REGISTERED, _S.FAILED}),
    _S.REGISTERED: frozenset({_S.CONNECTING, _S.SEARCHING}),
    _S.CONNECTING: frozenset({_S.CONNECTED, _S.SEARCHING, _S.DISCONNECTING, _S.FAILED}),
    _S.CONNECTED: frozenset({_S.DISCONNECTING}),
    _S.DISCONNECTING: frozenset(),
    _S.FAILED: frozenset(),
}
"""From each state to those that may follow; besides, every state may go back to ``unknown``."""

MAX_STAY: Mapping[ModemState, float | None] = {
    _S.UNKNOWN: None,  # its script keeps its own time
    _S.INITIALIZING: 90.0,
    _S.LOCKED: 180.0,
    _S.DISABLED: 5.0,
    _S.ENABLING: 60.0,
    _S.ENABLED: 5.0,
    _S.SEARCHING: None,  # cellular.registration_timeout, twice
    _S.REGISTERED: None,  # may rest there for ever: roaming forbidden, cold standby
    _S.CONNECTING: 240.0,
    _S.CONNECTED: None,
    _S.DISCONNECTING: 30.0,
    _S.FAILED: None,
}
"""Seconds; ``None`` where the state may last."""

NEXT_STEP: Mapping[ModemState, str] = {
    _S.UNKNOWN: "look for the modem on the USB bus",
    _S.INITIALIZING: "prepare the modem and ask for the SIM",
    _S.LOCKED: "see whether the PIN may be entered",
    _S.DISABLED: "switch the radio on",
    _S.ENABLING: "wait for the radio",
    _S.ENABLED: "look for the network",
    _S.SEARCHING: "wait for the network",
    _S.REGISTERED: "see whether this network may be used",
    _S.CONNECTING: "dial and negotiate PPP, or ask a stick that is a router for an address",
    _S.CONNECTED: "watch the session",
    _S.DISCONNECTING: "hang up",
    _S.FAILED: "wait for a person",
}
"""What follows in each state, in words."""


def may_follow(state: ModemState, following: ModemState) -> bool:
    """Whether the table allows this step."""
    return following is ModemState.UNKNOWN or following in TRANSITIONS[state]
