"""ITU-T V.250 command lines: how a line falls into commands, and how an answer is put on the wire."""

import re
from dataclasses import dataclass

MAX_LINE = 2048  # bytes kept of a line with no end

_EXTENDED = re.compile(r"([+^*$%#][A-Z0-9]+)\s*(=\?|\?|=)?", re.IGNORECASE)
_REGISTER = re.compile(r"S(\d+)\s*(?:=\s*(\d*)|(\?))", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Z])\s*(\d*)", re.IGNORECASE)

# V.250 table 1, for modems that were told ATV0.
RESULT_CODES = {
    "OK": 0,
    "CONNECT": 1,
    "NO CARRIER": 3,
    "ERROR": 4,
    "NO DIALTONE": 6,
    "BUSY": 7,
    "NO ANSWER": 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a line. ``op`` is "", "?", "=" or "=?"; ``text`` is all that followed it."""

    name: str
    op: str = ""
    text: str = ""

    @property
    def args(self) -> tuple[str, ...]:
        """The comma-separated values, without their quotes."""
        parts, quoted, current = [], False, ""
        for character in self.text:
            if character == '"':
                quoted = not quoted
            elif character == "," and not quoted:
                parts.append(current.strip())
                current = ""
            else:
                current += character
        return (*parts, current.strip())

    def number(self, index: int = 0) -> int | None:
        """The value at that place, or None where there is no number."""
        args = self.args
        return int(args[index]) if index < len(args) and args[index].isdecimal() else None

    @property
    def key(self) -> str:
        """The command as it is written, for tables."""
        return self.name + self.op + self.text


def body_of(line: str) -> str | None:
    """Return what follows the first AT of a line, or None where there is none (V.250 5.2.1)."""
    at = re.search("AT", line, re.IGNORECASE)
    return line[at.end() :] if at else None


def _end_of_values(text: str) -> int:
    quoted = False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            return index
    return len(text)


def parse(body: str) -> list[Command]:
    """Split the body of a command line into commands (V.250 5.3, 5.4). ValueError at what is none."""
    commands: list[Command] = []
    rest = body.lstrip(" ;")
    while rest:
        if match := _EXTENDED.match(rest):
            op = match[2] or ""
            end = _end_of_values(rest[match.end() :]) if op == "=" else 0
            text = rest[match.end() : match.end() + end].strip()
            commands.append(Command(name=match[1].upper(), op=op, text=text))
            rest = rest[match.end() + end :]
        elif rest[0] in "Dd":
            end = _end_of_values(rest)
            commands.append(Command(name="D", text=rest[1:end].strip()))
            rest = rest[end:]
        elif match := _REGISTER.match(rest):
            commands.append(Command(name=f"S{int(match[1])}", op=match[3] or "=", text=match[2] or ""))
            rest = rest[match.end() :]
        elif match := _BASIC.match(rest):
            commands.append(Command(name=match[1].upper(), text=match[2]))
            rest = rest[match.end() :]
        else:
            raise ValueError(f"not a command: {rest!r}")
        rest = rest.lstrip(" ;")
    return commands


def frame(text: str, *, drop: str = "") -> bytes:
    """One line of an answer as V.250 5.7.1 frames it, less what ``Faults.drop_crlf`` loses."""
    line = text.replace("\n", "\r\n").encode("latin-1", "replace")
    before = {"cr": b"\n", "crlf": b""}.get(drop, b"\r\n")
    return before + line + (b"\r" if drop == "lf" else b"\r\n")


def hdlc(payload: bytes) -> bytes:
    """One PPP frame in HDLC-like framing, control characters escaped (RFC 1662 4.2, appendix C)."""
    fcs = 0xFFFF
    for byte in payload:
        fcs ^= byte
        for _ in range(8):
            fcs = (fcs >> 1) ^ 0x8408 if fcs & 1 else fcs >> 1
    fcs ^= 0xFFFF
    escaped = bytearray()
    for byte in payload + fcs.to_bytes(2, "little"):
        escaped += bytes((0x7D, byte ^ 0x20)) if byte < 0x20 or byte in (0x7D, 0x7E) else bytes((byte,))
    return b"\x7e" + bytes(escaped) + b"\x7e"


# LCP Configure-Request, identifier 1, Magic-Number (RFC 1661 5.1, 6.4).
LCP_REQUEST = hdlc(b"\xff\x03\xc0\x21\x01\x01\x00\x0a\x05\x06\x4d\x6f\x64\x65")
