"""The child: one request on standard input, answers on standard output, then it ends.

systemd starts it for each connection to its socket, as a user of no rights that alone gets the AWS keys
(``systemd/failberry-dns@.service``).  What it writes to standard error is the journal's.

With the argument ``sns`` it publishes messages to SNS and does nothing else
(``systemd/failberry-sns@.service``): who may ask for that may not ask for more.
"""

from __future__ import annotations

import os
import select
import sys
import traceback

from failberry.dns.errand import run, secrets
from failberry.dns.messages import (
    REQUEST_LIMIT,
    MessageError,
    MoveRequest,
    Progress,
    PublishRequest,
    Refusal,
    Request,
    Result,
    TellRequest,
    decode_request,
    encode_answer,
)
from failberry.errors import AdapterError, AdapterReason

PATIENCE = 10.0
"""Seconds in which the request has to come."""
_HASTE, _TIME = 45.0, 100.0
"""Seconds for one question to AWS with its repetitions: the daemon waits for 60, systemd for 180."""
_INFO, _WARNING, _ERROR = 6, 4, 3


def main() -> int:
    """Serve one request; 0 even where it is refused, for that is an answer."""
    try:
        answer = _serve()
        _say(answer)
    except BrokenPipeError:
        # Whoever asked has gone; what was done so far is found by the next plan.
        _journal(_WARNING, "nobody waits for the answer any more: stopped between two changes")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _serve() -> Result | Refusal:
    hidden: tuple[str, ...] = ()
    what = "request"
    try:
        request = decode_request(_read())
        what, hidden = type(request).__name__.removesuffix("Request").lower(), secrets(request)
        result = _done(request, hidden)
    except MessageError as error:
        refusal = Refusal(reason=AdapterReason.REFUSED, evidence=str(error))
    except AdapterError as error:
        refusal = Refusal(reason=error.reason, evidence=_clean(error.evidence, hidden))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 -- told in words that hold no secret, which its own might
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119 -- pathlib is not needed else
        words = f"a fault of failberry-dns, {type(error).__name__} in {place}; please report it"
        refusal = Refusal(reason=AdapterReason.REFUSED, evidence=words)
    else:
        _journal(_INFO, f"{what}: done")
        return result
    _journal(_ERROR, f"{what}: {refusal.reason}: {refusal.evidence}")
    return refusal


def _done(request: Request, hidden: tuple[str, ...]) -> Result:
    if isinstance(request, TellRequest) is not (sys.argv[1:] == ["sns"]):
        raise AdapterError(AdapterReason.DENIED, "this socket is not for that")
    try:
        if isinstance(request, TellRequest):
            from failberry.dns.telling import publish  # late: large, and not always installed

            return publish(request)
        from failberry.dns.route53 import Route53  # late, as above
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "failberry":
            raise
        words = f"the Python package {package} is missing; `sudo apt install python3-boto3`"
        raise AdapterError(AdapterReason.UNSUPPORTED, words) from None
    account = Route53(patience=_HASTE if isinstance(request, PublishRequest | MoveRequest) else _TIME)
    return run(request, account, lambda text: _tell(_clean(text, hidden)))


def _read() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([0], [], [], PATIENCE)
        piece = os.read(0, 1 << 16) if ready else b""
        line += piece
        if not piece or len(line) > REQUEST_LIMIT:
            break
    return line


def _tell(text: str) -> None:
    _journal(_INFO, text)
    _say(Progress(progress=text))


def _say(answer: Progress | Result | Refusal) -> None:
    line = memoryview(encode_answer(answer))
    while line:
        line = line[os.write(1, line) :]


def _clean(text: str, hidden: tuple[str, ...]) -> str:
    for each in hidden:
        text = text.replace(each, "(secret)")
    return text


def _journal(priority: int, text: str) -> None:
    """A line on standard error, as in sd-daemon(3)."""
    print(f"<{priority}>{' '.join(text.split())}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
