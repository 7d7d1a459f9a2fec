"""Signal, operator and technology, asked on the second AT port; it also keeps that port drained."""

from __future__ import annotations

from failberry.at import commands
from failberry.core.ask import Dialog, query, send
from failberry.core.dialogue import Wait
from failberry.core.events import SessionUp
from failberry.core.facts import PortRole
from failberry.core.modem_known import Desk
from failberry.core.modem_state import ModemState
from failberry.core.search import ask_registration

FIRST_POLL = 4.0
"""Seconds after the ports were opened; the dial goes first, and a session's start ends the wait."""
SILENCES = 3
"""Rounds without any answer after which the port is left alone until the next dial."""

_STATUS = PortRole.STATUS


def poll(desk: Desk) -> Dialog[None]:
    """Ask round after round; give up on a port that is silent."""
    yield Wait(seconds=FIRST_POLL, until=(SessionUp,))
    # Echo and error format are settings of the port, not of the modem.
    yield from send(commands.ECHO_OFF_VERBOSE, _STATUS)
    yield from send(commands.NUMERIC_ERRORS, _STATUS)
    silences = 0
    named = False
    while silences < SILENCES:
        answered = yield from _round(desk, ask_identity=not named)
        named = named or answered
        silences = 0 if answered else silences + 1
        yield Wait(seconds=desk.config.modem.poll_interval)
    desk.known.silent = True


def _round(desk: Desk, *, ask_identity: bool) -> Dialog[bool]:
    known = desk.known
    signal, result = yield from query(commands.QUERY_SIGNAL, _STATUS)
    if result is None:
        return False
    if signal is not None:
        known.signal.dbm = None if signal.rssi is None else round(signal.rssi)
        known.signal.heard = desk.now
    yield from send(commands.SET_OPERATOR_FORMAT, _STATUS)
    operator, _ = yield from query(commands.QUERY_OPERATOR, _STATUS)
    if operator is not None:
        known.signal.operator = operator.name or None
        known.signal.technology = operator.technology or known.signal.technology
    yield from ask_registration(desk, _STATUS)
    if known.quirk.technology is not None:
        technology, _ = yield from query(known.quirk.technology, _STATUS)
        known.signal.technology = technology or known.signal.technology
    if ask_identity and known.iccid is None and desk.state is not ModemState.LOCKED:
        for command in known.quirk.iccid:
            iccid, _ = yield from query(command, _STATUS)
            if iccid:
                known.iccid = iccid
                break
    return True
