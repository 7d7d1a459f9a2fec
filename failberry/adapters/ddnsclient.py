"""Asks our function at AWS, over a given line: which address it sees, and to publish one (lambda/README.md).

The clock that counts is the function's: what its signed answers tell is remembered for the next request.

Measured, as IP counts it, with certificates as large as those of AWS (tests/netns/test_names_published.py): a
first update 5.3 kB; with the TLS session resumed 3.1 kB, and the reflector 2.7 kB.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from failberry import __version__
from failberry.adapters import pages
from failberry.adapters.dnsmessage import Kind
from failberry.adapters.pinned import Line
from failberry.adapters.questions import resolve
from failberry.adapters.secured import Secured, secured
from failberry.core.facts import Address
from failberry.dns import protocol
from failberry.dns.calls import Failed, Publish, Published, Reflect, Reflected, Trouble, Verdict

FIRST_SECOND = 1_735_689_600.0
"""2025-01-01: a clock before it was not set."""
ANSWER = 4096
"""Bytes of an answer that are read."""
CREDENTIAL = "ddns-key"
_AGENT = f"failberry/{__version__}"
_ADDRESSES = 2
"""Of the function, that are tried."""
_NAMES = 250
"""Bytes of asking one resolver, by estimate."""
_NOT_YET, _EXPIRED = 9, 10
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (x509_vfy.h)"""

Outcome = Published | Reflected | Failed
_Talk = Callable[[Secured], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where our function is, and who we are to it."""

    url: str
    key: str

    @property
    def authority(self) -> str:
        """Host, with its port if the URL names one."""
        return urlsplit(self.url).netloc.lower()

    @property
    def host(self) -> str:
        """Name to resolve, and to be proven."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port."""
        return urlsplit(self.url).port or 443


class DdnsClient:
    """Used from one event loop; never raises."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str] = os.environ,
        wall: Callable[[], float] = time.time,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._environment = environment
        self._wall = wall
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        self._sessions: dict[tuple[str, int], ssl.SSLSession] = {}
        """TLS sessions to resume, by interface and family."""
        self._ahead = 0
        """Milliseconds that the function's clock is ahead of ours."""
        self._last = 0
        """The time stamp that was used last."""

    async def reflect(self, call: Reflect, endpoint: Endpoint) -> Reflected | Failed:
        """Learn which address the function sees."""
        if (trouble := self._clock(call.number)) is not None:
            return trouble
        request = protocol.request_text(authority=endpoint.authority, agent=_AGENT)
        answer = await self._converse(
            call, endpoint, call.family, None, lambda them: self._reflection(call, them, request)
        )
        assert not isinstance(answer, Published)  # noqa: S101  (for mypy)
        return answer

    async def publish(self, call: Publish, endpoint: Endpoint) -> Published | Failed:
        """Have the address published."""
        if (trouble := self._clock(call.number)) is not None:
            return trouble
        secret, why = self._secret()
        if secret is None:
            return Failed(number=call.number, trouble=Trouble.KEY, evidence=why)
        answer = await self._converse(
            call,
            endpoint,
            call.address.version,
            call.address if call.own else None,
            lambda them: self._update(call, them, endpoint, secret),
        )
        assert not isinstance(answer, Reflected)  # noqa: S101  (for mypy)
        return answer

    # --- the conversation ------------------------------------------------------------------------

    async def _converse(
        self, call: Publish | Reflect, endpoint: Endpoint, family: int, source: Address | None, talk: _Talk
    ) -> Outcome:
        line, servers = Line(interface=call.over.interface), call.over.servers
        them: Secured | None = None
        octets = _NAMES * len(servers)
        trouble, words = Trouble.SILENT, ""
        try:
            async with asyncio.timeout(call.timeout):
                if self._context is None:
                    # It reads all certificates of this machine: a tenth of a second on a Pi.
                    self._context = await asyncio.to_thread(self._make_context)
                kind = Kind.A if family == 4 else Kind.AAAA
                for peer in (await resolve(line, servers, endpoint.host, kind))[:_ADDRESSES]:
                    try:
                        async with secured(
                            line,
                            peer,
                            endpoint.port,
                            host=endpoint.host,
                            context=self._context,
                            session=self._sessions.get((line.interface, family)),
                            source=source,
                        ) as them:
                            outcome = await talk(them)
                            self._remember(line.interface, family, them)
                            return outcome
                    except ssl.SSLError as failure:
                        trouble, words = _distrusted(failure)
                        self._sessions.pop((line.interface, family), None)
                        break
                    except OSError as failure:
                        words = failure.strerror or str(failure)
        except TimeoutError:
            words = f"no answer in {call.timeout:g} s"
        except OSError as failure:
            words = failure.strerror or str(failure)
        octets += them.octets if them is not None else 0
        evidence = f"{endpoint.host} over {line.interface}: {words}"
        return Failed(number=call.number, trouble=trouble, evidence=evidence, octets=octets)

    def _remember(self, interface: str, family: int, them: Secured) -> None:
        if them.session is not None:
            self._sessions[interface, family] = them.session

    async def _reflection(self, call: Reflect, them: Secured, request: bytes) -> Outcome:
        answer = await them.exchange(request, limit=ANSWER)
        told = protocol.parse_reflection(answer.body) if answer.status == 200 else None
        octets = them.octets + _NAMES * len(call.over.servers)
        if told is None or told[0].version != call.family:
            return _refused(call.number, answer, "dns.url leads to something else than our function", octets)
        return Reflected(number=call.number, address=told[0], octets=octets)

    async def _update(self, call: Publish, them: Secured, endpoint: Endpoint, secret: bytes) -> Outcome:
        for last in (False, False, True):
            stamp = self._stamp()
            update = protocol.Update(
                key=endpoint.key,
                host=call.name,
                address=call.address,
                ts=stamp,
                nonce=secrets.token_urlsafe(12),
                probe=call.probe,
            )
            request = protocol.signed(update, secret=secret, authority=endpoint.authority)
            text = protocol.request_text(authority=endpoint.authority, agent=_AGENT, signed=request)
            answer = await them.exchange(text, limit=ANSWER)
            octets = them.octets + _NAMES * len(call.over.servers)
            read = protocol.parse_told(answer.body)
            signature = answer.headers.get(protocol.SIGNATURE_HEADER, "")
            if not signature or read is None:
                return _unsigned(call, endpoint, answer, read, octets)
            told = read
            if not protocol.genuine(
                secret, request, status=answer.status, body=answer.body, signature=signature
            ):
                why = "the answer is not signed with our key: somebody on the way has changed it"
                return Failed(number=call.number, trouble=Trouble.REFUSED, evidence=why, octets=octets)
            # The right time, then perhaps one later than a request's of before.
            if not self._learn(told, stamp) or last:
                break
        return _outcome(call, told, octets)

    def _learn(self, told: protocol.Told, used: int) -> bool:
        """Take the function's clock; whether another try with it would be another."""
        if told.server_time is None:
            return False
        self._ahead = told.server_time - round(self._wall() * 1000)
        if told.word == "replay" and told.newest is not None:
            ahead = told.newest - told.server_time
            if used <= told.newest and ahead < protocol.WINDOW:
                self._last = max(self._last, told.newest)
                return True
        if told.word == "clock" and abs(told.server_time - used) > protocol.WINDOW:
            # What was used in the future by a wrong clock does not bind any more.
            self._last = 0
            return True
        return False

    def _stamp(self) -> int:
        self._last = max(self._last + 1, round(self._wall() * 1000) + self._ahead)
        return self._last

    def _clock(self, number: int) -> Failed | None:
        now = self._wall()
        if now >= FIRST_SECOND:
            return None
        day = time.strftime("%Y-%m-%d", time.gmtime(max(0.0, now)))
        why = f"the clock of this machine says {day}: it was not set"
        return Failed(number=number, trouble=Trouble.NO_CLOCK, evidence=why)

    def _secret(self) -> tuple[bytes | None, str]:
        folder = self._environment.get("CREDENTIALS_DIRECTORY", "")
        file = Path(folder, CREDENTIAL)
        try:
            text = file.read_text(encoding="ascii", errors="replace") if folder else ""
        except OSError:
            text = ""
        secret = protocol.parse_secret(text[:200])
        if secret is None:
            what = "holds no key (64 hexadecimal digits)" if text.strip() else "is missing or empty"
            return None, f"/etc/failberry/ddns.key {what}"
        return secret, ""


def _distrusted(failure: ssl.SSLError) -> tuple[Trouble, str]:
    if isinstance(failure, ssl.SSLCertVerificationError):
        if failure.verify_code == _NOT_YET:
            return Trouble.CLOCK, "its certificate is not yet valid: the clock of this machine is behind"
        late = ", or the clock of this machine is ahead" if failure.verify_code == _EXPIRED else ""
        return Trouble.TLS, f"its certificate is not to be trusted: {failure.verify_message}{late}"
    return Trouble.TLS, f"TLS failed: {failure.reason or failure}"


def _refused(number: int, answer: pages.Answer, words: str, octets: int) -> Failed:
    trouble = Trouble.BUSY if answer.status in (429, 500, 502, 503, 504) else Trouble.REFUSED
    return Failed(number=number, trouble=trouble, evidence=f"HTTP {answer.status}: {words}", octets=octets)


def _unsigned(
    call: Publish, endpoint: Endpoint, answer: pages.Answer, told: protocol.Told | None, octets: int
) -> Failed:
    """What comes without a signature: from AWS itself, or to somebody whom the function does not know."""
    word = told.word if told is not None else "no answer of our function"
    if answer.status == 401:
        why = f"our function does not know the key {endpoint.key!r}, or its secret is another"
        return Failed(number=call.number, trouble=Trouble.DENIED, evidence=why, octets=octets)
    if answer.status == 403:
        why = f"AWS lets nobody call our function ({word}); see `failberryctl aws doctor`"
        return Failed(number=call.number, trouble=Trouble.DENIED, evidence=why, octets=octets)
    if answer.status == 200:
        return Failed(
            number=call.number, trouble=Trouble.REFUSED, evidence="the answer is not signed", octets=octets
        )
    return _refused(call.number, answer, word, octets)


_TROUBLES = {
    "host": (Trouble.DENIED, "the key may not change this name"),
    "explicit": (Trouble.OTHER_SOURCE, "our function sees another address than {address}"),
    "address": (Trouble.ADDRESS, "{reason}"),
    "clock": (Trouble.CLOCK, "the clock of this machine is wrong, and the function's did not help"),
    "replay": (Trouble.BUSY, "a later request was seen before"),
    "record": (Trouble.RECORD, "{reason}"),
    "cooldown": (Trouble.BUSY, "it was changed just now"),
    "cloud": (Trouble.BUSY, "AWS did not do it: {reason}"),
}


def _outcome(call: Publish, told: protocol.Told, octets: int) -> Published | Failed:
    if told.word in list(Verdict):
        return Published(
            number=call.number,
            verdict=Verdict(told.word),
            reachable=told.reachable,
            probe=told.probe,
            octets=octets,
        )
    trouble, words = _TROUBLES.get(told.word, (Trouble.REFUSED, f"our function says {told.word!r}"))
    evidence = words.replace("{address}", str(call.address)).replace("{reason}", told.reason or told.word)
    return Failed(
        number=call.number,
        trouble=trouble,
        evidence=evidence,
        retry_after=told.retry_after,
        octets=octets,
    )
