"""Text messages in PDU mode (3GPP TS 27.005 clauses 3.2.3 and 3.5.1, TS 23.040 clause 9.2.2.2)."""

from functools import partial
from typing import TYPE_CHECKING

from . import radio
from .reply import Reply
from .syntax import Command, frame

if TYPE_CHECKING:
    from .modem import SimModem
    from .port import Port

CTRL_Z, ESCAPE = 0x1A, 0x1B
PROMPT = b"\r\n> "
SIM_MISSING, SIM_PIN, NO_SERVICE, BAD_PDU, NOT_SUPPORTED = 310, 311, 331, 304, 303
MOST = 400  # bytes of a body that are kept


def cmgf(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    """Only PDU mode is there."""
    if command.op == "?":
        return Reply(lines=("+CMGF: 0",))
    if command.op == "=" and command.number() != 0:
        return refusal(NOT_SUPPORTED)
    return Reply()


def cmgs(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    """Ask for the message."""
    if command.op != "=":
        return Reply()
    if radio.sim_status(modem, now) != "READY":
        return refusal(SIM_PIN if radio.sim_error(modem, "sim", now) is None else SIM_MISSING)
    if not radio.registered(modem, now):
        return refusal(NO_SERVICE)
    length = command.number()
    if length is None or not 8 <= length <= 164:
        return refusal(BAD_PDU)
    return Reply(final="", then=partial(_prompt, modem, port, length))


def refusal(code: int) -> Reply:
    """A failure of a message has names of its own."""
    return Reply(final=f"+CMS ERROR: {code}")


def _prompt(modem: "SimModem", port: "Port", length: int, now: float) -> None:
    port.wanted = length
    port.line.clear()
    modem.write(port, PROMPT)


def take(modem: "SimModem", port: "Port", data: bytes, now: float) -> bytes:
    """Bytes of a body; returns those behind its end."""
    for place, byte in enumerate(data):
        if byte == ESCAPE:
            port.wanted = None
            port.line.clear()
            modem.write(port, frame("OK"))
            return data[place + 1 :]
        if byte == CTRL_Z:
            body, port.wanted_then = bytes(port.line), port.wanted
            port.line.clear()
            port.wanted = None
            _sent(modem, port, body, now)
            return data[place + 1 :]
        if len(port.line) < MOST:
            port.line.append(byte)
    return b""


def _sent(modem: "SimModem", port: "Port", body: bytes, now: float) -> None:
    try:
        pdu = bytes.fromhex(body.decode("ascii").strip())
    except ValueError:
        pdu = b""
    centre = pdu[0] + 1 if pdu else 0
    if not pdu or len(pdu) - centre != port.wanted_then or pdu[centre] & 3 != 1:
        modem.write(port, frame(f"+CMS ERROR: {BAD_PDU}"))
        return
    modem.counters["texts"] += 1
    modem.texts.append({"at": now, "port": port.number, "pdu": pdu.hex().upper()})
    modem.write(port, frame(f"+CMGS: {modem.counters['texts'] % 256}") + frame("OK"))
