"""The byte stream of one AT port, cut into lines that know what they are.

Framing is ITU-T V.250 clause 5 (``<CR>`` ends a command, ``<CR><LF>text<CR><LF>`` is an answer) and 3GPP
TS 27.007 clause 4.  Real modems bend both: they echo, forget a ``<CR>``, lead with NULs, put unsolicited
lines between a command and its result, glue them behind ``OK``, and start PPP right behind ``CONNECT``.
How the bytes were split into reads never changes what comes out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_LINE: Final = 4096
"""Bytes; a longer line is garbage and is dropped whole."""

MAX_SURPLUS: Final = 4096
"""Bytes kept of what followed ``CONNECT``; PPP repeats what is lost beyond that (RFC 1661 clause 4.6)."""


class ResultKind(StrEnum):
    """What a final result code says (V.250 clause 5.7.1, 3GPP TS 27.007 clause 9, and makers' own)."""

    OK = "ok"
    CONNECT = "connect"
    ERROR = "error"
    CME_ERROR = "cme_error"
    CMS_ERROR = "cms_error"
    NO_CARRIER = "no_carrier"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NO_DIALTONE = "no_dialtone"
    DELAYED = "delayed"
    VOICE = "voice"
    FCLASS = "fclass"
    UNSUPPORTED = "unsupported"
    MODEM_ERROR = "modem_error"


@dataclass(frozen=True, slots=True)
class InfoLine:
    """One line of the pending command's answer, without its line ends."""

    text: str


@dataclass(frozen=True, slots=True)
class Urc:
    """One line that nobody asked for, or that came too late."""

    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for the body of the pending command (3GPP TS 27.005 clause 3.5.1)."""


@dataclass(frozen=True, slots=True)
class FinalResult:
    """The end of the pending command: ``text`` is the line as it came, ``code`` its number if it has one."""

    kind: ResultKind
    text: str
    code: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the command did what it was asked to."""
        return self.kind in {ResultKind.OK, ResultKind.CONNECT}


Item = InfoLine | Urc | Prompt | FinalResult

_PADDING: Final = b"\0 \t"
_LINE_END: Final = re.compile(rb"[\r\n]")
# A prompt has no line end, so it is recognised where a line starts.
_PROMPT: Final = re.compile(rb"[\0 \t]{0,8}>")
# PPP frames start with '~'; its first ones hold neither CR nor LF (RFC 1662 clause 7.1), so a CONNECT
# without a line end would never end.
_CONNECT_UNENDED: Final = re.compile(rb"[\0 \t]{0,8}CONNECT[ -}]{0,64}(?=~)")

_RESULTS: Final = {
    "OK": ResultKind.OK,
    "ERROR": ResultKind.ERROR,
    "COMMAND NOT SUPPORT": ResultKind.UNSUPPORTED,
    "NA": ResultKind.UNSUPPORTED,
}
_CALL_RESULTS: Final = {
    "CONNECT": ResultKind.CONNECT,
    "NO CARRIER": ResultKind.NO_CARRIER,
    "BUSY": ResultKind.BUSY,
    "NO ANSWER": ResultKind.NO_ANSWER,
    "NO DIALTONE": ResultKind.NO_DIALTONE,
    "NO DIAL TONE": ResultKind.NO_DIALTONE,
    "DELAYED": ResultKind.DELAYED,
    "VOICE": ResultKind.VOICE,
    "FCLASS": ResultKind.FCLASS,
}
_ERRORS: Final = {
    "+CME": ResultKind.CME_ERROR,
    "+CMS": ResultKind.CMS_ERROR,
    "MODEM": ResultKind.MODEM_ERROR,
}
_GLUED: Final = re.compile(rf"({'|'.join([*_RESULTS, *_CALL_RESULTS])})(?=[+^*%$#&!][A-Z])")
_CALL_RESULT: Final = re.compile(rf"({'|'.join(_CALL_RESULTS)})(?!\w)")
_NUMBERED: Final = re.compile(r"(\+CME|\+CMS|MODEM) ERROR:?\s*([0-9]{1,4}\b)?")
_CALL_COMMAND: Final = re.compile(r"AT(?:D|O|A|\+CGDATA\b)", re.IGNORECASE)
_OWN_NAME: Final = re.compile(r"AT([+^*%$#&!][A-Z0-9]+)", re.IGNORECASE)
_UNSOLICITED: Final = re.compile(r"[+^*%$#&!_][A-Z]\w*(?::|$)|RING\b|RDY$")

_SENDABLE: Final = re.compile(r"[ -~]+")
_SECRET: Final = re.compile(r"(?i)((?:CPIN|CPWD|CLCK|CGAUTH|AUTHDATA)\d*=).*")
_CONTROLS: Final = bytes.maketrans(bytes(range(32)) + b"\x7f", b"?????????" + b" " + b"?" * 23)
# Invisible, reordering and C1 characters that valid UTF-8 can still carry.
_INVISIBLE: Final = re.compile("[\x80-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def conceal(text: str) -> str:
    """``text`` with the value of a command that carries a PIN or a password replaced by ``****``."""
    return _SECRET.sub(r"\1****", text)


class Codec:
    """The two ends of one AT port's byte stream.

    Give :meth:`send` each command and write what it returns; give :meth:`receive` whatever was read.
    After ``CONNECT`` the stream belongs to PPP: everything more goes to :attr:`surplus` until :meth:`reset`.
    Memory is bounded by :data:`MAX_LINE` and :data:`MAX_SURPLUS`, whatever arrives.
    """

    __slots__ = (
        "_call",
        "_command",
        "_echo",
        "_online",
        "_partial",
        "_prefixes",
        "_prompted",
        "_skipping",
        "_strict",
        "_surplus",
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to command mode with nothing pending: after a hang-up, or when the port was reopened."""
        self._command: str | None = None
        self._prefixes: tuple[str, ...] = ()
        self._strict = False
        self._call = False
        self._prompted = False
        self._echo = ""
        self._partial = bytearray()
        self._skipping = False
        self._online = False
        self._surplus = bytearray()

    @property
    def pending(self) -> str | None:
        """The command that waits for its final result, safe to log, or None."""
        return None if self._command is None else conceal(self._command)

    @property
    def surplus(self) -> bytes:
        """The first :data:`MAX_SURPLUS` bytes that followed ``CONNECT``: the start of PPP."""
        return bytes(self._surplus)

    def send(self, command: str, *, prefixes: tuple[str, ...] = ()) -> bytes:
        """The bytes of ``command`` (as in ``AT+CREG?``), which is pending from now on.

        ``prefixes`` are the starts of its answer lines.  Without them every line is taken for an answer
        that bears the command's own name or does not look like an unsolicited line.  A command that was
        still pending is abandoned.  Raises ValueError for anything but one line of printable ASCII, and
        RuntimeError in data mode: hang up and :meth:`reset` first.
        """
        if self._online:
            raise RuntimeError(f"{conceal(command)!r} sent while the port carries PPP")
        if not _SENDABLE.fullmatch(command):
            raise ValueError(f"{conceal(command)!r} is not a command: use printable ASCII on one line")
        own = _OWN_NAME.match(command)
        self._command = self._echo = command.strip()
        self._prefixes = prefixes or ((f"{own[1].upper()}:",) if own else ())
        self._strict = bool(prefixes)
        self._call = _CALL_COMMAND.match(command) is not None
        self._prompted = False
        return f"{self._command}\r".encode("ascii")

    def abandon(self) -> None:
        """The pending command timed out: its late lines, its result too, are unsolicited from now on."""
        self._command = None

    def receive(self, data: bytes) -> list[Item]:
        """What ``data`` completes, in the order it was sent.  Never raises."""
        items: list[Item] = []
        start = 0
        while data and not self._online:
            end = _LINE_END.search(data, start)
            self._partial += data[start : end.start() if end else len(data)]
            if self._command is not None and not self._skipping:
                items += self._opening()
            if len(self._partial) > MAX_LINE:
                self._partial.clear()
                self._skipping = True
            if self._online:
                # The rest of this line is PPP already, and so is its end.
                start = end.start() if end else len(data)
            elif end is None:
                return items
            else:
                start = end.end()
                line = bytes(self._partial).strip(_PADDING)
                if line and not self._skipping:
                    items += self._line(line)
                self._partial.clear()
                self._skipping = False
        self._keep(data[start:])
        return items

    def _opening(self) -> Iterator[Item]:
        """What is known from the start of a line before its end has come."""
        if not self._prompted and (prompt := _PROMPT.match(self._partial)):
            self._prompted = True
            del self._partial[: prompt.end()]
            yield Prompt()
        if self._call and (connect := _CONNECT_UNENDED.match(self._partial)):
            yield self._finish(ResultKind.CONNECT, _printable(connect[0].strip(_PADDING)))
            self._keep(bytes(self._partial[connect.end() :]))
            self._partial.clear()

    def _line(self, line: bytes) -> Iterator[Item]:
        text = _printable(line)
        if self._echo and text.endswith(self._echo):
            # An unfinished unsolicited line may have been waiting where the echo was appended.
            text = text[: -len(self._echo)].rstrip()
            self._echo = ""
            if text:
                yield Urc(conceal(text))
        elif glued := _GLUED.match(text):
            yield self._classified(glued[1])
            yield Urc(conceal(text[glued.end() :]))
        else:
            yield self._classified(text)

    def _classified(self, text: str) -> Item:
        if self._command is None:
            return Urc(conceal(text))
        if (kind := _RESULTS.get(text)) is not None:
            return self._finish(kind, text)
        if error := _NUMBERED.match(text):
            return self._finish(_ERRORS[error[1]], text, int(error[2]) if error[2] else None)
        if result := _CALL_RESULT.match(text):
            # Late news of an ended call is not the answer of a command that makes no call.
            return self._finish(_CALL_RESULTS[result[1]], text) if self._call else Urc(text)
        if self._answers(text):
            self._echo = ""
            return InfoLine(conceal(text))
        return Urc(conceal(text))

    def _answers(self, text: str) -> bool:
        if text.startswith(self._prefixes):
            return True
        return not self._strict and _UNSOLICITED.match(text) is None

    def _finish(self, kind: ResultKind, text: str, code: int | None = None) -> FinalResult:
        self.abandon()
        self._echo = ""
        self._online = kind is ResultKind.CONNECT
        return FinalResult(kind, text, code)

    def _keep(self, data: bytes) -> None:
        if not self._surplus:
            data = data.lstrip(b"\r\n")
        self._surplus += data[: MAX_SURPLUS - len(self._surplus)]


def _printable(line: bytes) -> str:
    """One line of text that can be logged and shown: no control characters, no broken UTF-8."""
    return _INVISIBLE.sub("\ufffd", line.translate(_CONTROLS).decode("utf-8", "replace"))
