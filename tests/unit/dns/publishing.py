"""A publisher of names on the bench: lines and answers go in by hand, calls are looked at one by one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any, TypeVar

from failberry.config import MOBILE_INTERFACE, Config, Mode, Wired
from failberry.core.names import NamedLine, NamesIntent, PublishedName
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import (
    Answer,
    Call,
    Failed,
    Moved,
    Published,
    Question,
    Reflected,
    Trouble,
    Verdict,
    Verified,
)
from failberry.dns.publisher import Publisher
from failberry.naming import Dns

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
MINE, OTHER, MINE6 = "62.7.40.5", "62.7.40.6", "2a00:1450:4002::5"
HOUSE = "198.13.32.5"
T = TypeVar("T")


def config(**settings: Any) -> Config:
    wish = {
        "zone": "example.com",
        "name": "home.example.com",
        "wired_name": "wired.example.com",
        "cellular_name": "mobile.example.com",
        "url": "https://abc.lambda-url.eu-central-1.on.aws/",
        **settings,
    }
    return Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), dns=Dns(**wish))


class Bench:
    """Time stands still unless it is told to pass."""

    def __init__(self, *, seed: int = 1, **settings: Any) -> None:
        self.publisher = Publisher(seed=seed)
        self.now = 100.0
        self.config = config(**settings)
        self.lines = {
            WIRED: NamedLine(line=WIRED, interface="eth0", state=LineState.UP),
            CELLULAR: NamedLine(line=CELLULAR, interface=MOBILE_INTERFACE, state=LineState.UP, session=7),
        }
        self.active: UplinkName = WIRED
        self.forced: UplinkName | None = None
        self.calls: list[Call] = []
        """Not looked at yet."""

    def line(self, name: UplinkName, *addresses: str, **changes: Any) -> None:
        """Tell that a line has these addresses now."""
        self.lines[name] = replace(self.lines[name], addresses=tuple(map(ip_address, addresses)), **changes)
        self.tell()

    def tell(self) -> None:
        intent = NamesIntent(
            config=self.config, lines=tuple(self.lines.values()), active=self.active, forced=self.forced
        )
        self.calls += self.publisher.apply(intent, self.now)
        self.calls += self.publisher.turn(self.now)

    def expect(self, kind: type[T]) -> T:
        """The one call that was made, which must be of that kind."""
        assert [type(each) for each in self.calls] == [kind], self.calls
        call = self.calls.pop()
        assert isinstance(call, kind)
        return call

    def quiet(self) -> bool:
        return not self.calls

    def take(self, answer: Answer) -> None:
        self.publisher.take(answer, self.now)
        self.calls += self.publisher.turn(self.now)

    def verified(self, call: Question, *addresses: str) -> None:
        self.take(Verified(number=call.number, addresses=tuple(map(ip_address, addresses))))

    def published(self, call: Question, verdict: Verdict = Verdict.CHANGED, **more: Any) -> None:
        self.take(Published(number=call.number, verdict=verdict, **more))

    def reflected(self, call: Question, address: str) -> None:
        self.take(Reflected(number=call.number, address=ip_address(address)))

    def moved(self, call: Question) -> None:
        self.take(Moved(number=call.number, changed=True))

    def failed(self, call: Question, trouble: Trouble = Trouble.SILENT, **more: Any) -> None:
        self.take(Failed(number=call.number, trouble=trouble, evidence=f"it is {trouble}", **more))

    def passes(self, seconds: float) -> None:
        """Let time pass, each deadline on its way."""
        end = self.now + seconds
        while not self.calls:
            deadline = self.publisher.deadline(self.now)
            if deadline is None or deadline > end:
                self.now = end
                return
            assert deadline > self.now or self.publisher.turn(self.now) == [], "a deadline stays due"
            self.now = max(self.now, deadline)
            self.calls += self.publisher.turn(self.now)

    def until_call(self, *, within: float = 100_000.0) -> float:
        """Wait for the next call; return how long it took."""
        began = self.now
        self.passes(within)
        assert self.calls, f"nothing is asked within {within} s"
        return self.now - began

    def view(self, name: UplinkName = CELLULAR) -> PublishedName:
        view = self.publisher.view(self.now)
        assert view is not None
        return next(each for each in view.lines if each.line is name)

    def codes(self) -> list[str]:
        return [each.code for each in self.publisher.notices(self.now)]


def settled(**settings: Any) -> Bench:
    """The mobile line's address stands at its name."""
    from failberry.dns.calls import Verify

    bench = Bench(**settings)
    bench.line(CELLULAR, MINE)
    bench.verified(bench.expect(Verify), MINE)
    return bench
