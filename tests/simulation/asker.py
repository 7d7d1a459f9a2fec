"""Who asks over the wired line, in virtual time, by the contract of :mod:`failberry.core.probing`.

Pings in turn, one per family and interval, volleys, a miss after the timeout and an answer whenever it comes,
names, pages, the canary.

*Stretches in which nothing happens are skipped.*  Once a condition is steady (nothing is lost by chance), the
core has come to its verdict on it and wants nothing else asked, every further answer, or miss, is the same as
the one before, and the core's own deadlines tell when it would act.  So the prober falls asleep; before the
condition changes, or the core asks for something else, it tells the last few answers of the stretch, of every
target, so that windows end as they would have.  What is not steady is never skipped.
"""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from failberry.core import events as ev
from failberry.core.detector import Finding
from failberry.core.facts import Address
from failberry.core.probing import LATE, VOLLEY_GAP, Kind, ProbePlan
from failberry.core.snapshot import UplinkName
from tests.simulation.condition import Names

if TYPE_CHECKING:
    from tests.simulation.street import Street

WIRED = UplinkName.WIRED
SETTLING = 3.0
"""Seconds that a condition, and the plan, must have been the same before a stretch is skipped."""
CANARY_EVERY, CANARY_ASLEEP = 1.0, 3.0
"""The core believes a canary for longer than that: of a steady stream of answers two in three are skipped."""
PAGE = IPv4Address("192.0.2.80")


class Asker:
    """Goes by one plan over the wired line of one street."""

    def __init__(self, street: Street) -> None:
        self.street, self.world, self.rng = street, street.world, street.rng
        self._token = 0
        """Of the beat that is to come: those of before are dropped."""
        self.restart()

    def restart(self) -> None:
        """Forget everything: the daemon begins anew."""
        self.plan: ProbePlan | None = None
        self.asleep = False
        self._token += 1
        self._stirred = self._slept = self.world.now
        self._turn = {4: 0, 6: 0}
        self._ping_at = self._name_at = self._page_at = self._canary_at = self.world.now
        self._portals = 0
        """Pages in a row for which a portal spoke; -1: the last one came as it should."""

    def apply(self, plan: ProbePlan | None) -> None:
        """Go by this plan from now on."""
        before, self.plan = self.plan, plan
        self._stirred = self.world.now
        if plan is None:
            self._token += 1
            self.asleep = False
            return
        if before is None:
            self._ping_at = self._name_at = self._page_at = self._canary_at = self.world.now
            self._schedule(0.0)
            return
        if plan.volley > before.volley:
            for gap in (0.0, VOLLEY_GAP):
                self.world.later(gap, partial(self._volley, plan.targets), daemon=True)
        if plan.page_interval < before.page_interval:
            self._page_at = min(self._page_at, self.world.now + plan.page_interval)
        if self.asleep:
            self.wake()

    def wake(self) -> None:
        """Tell how the stretch that is skipped has ended, and go on asking."""
        self._stirred = self.world.now
        plan = self.plan
        if not self.asleep or plan is None:
            return
        self.asleep = False
        now = self.world.now
        phase = self.rng.random() * plan.interval
        stretch = now - self._slept
        for family in (4, 6):
            targets = [each for each in plan.targets if each.version == family]
            if targets and self.fate(targets[0]) is not None and stretch > 10.0:
                # The detector may be told of many answers in one, so that its windows are as full as ever.
                detector = self.world.appliance.wired.families[family].detector
                last, rtt = now - 5.0, self.street.condition.rtt
                detector.answered(
                    targets[0], sent=last - rtt, rtt=rtt, now=last, count=int((stretch - 5.0) / plan.interval)
                )
            for back in range(2 * len(targets) - 1, -1, -1):
                self._ping(targets[back % len(targets)], now - phase - back * plan.interval, plan)
        for each in plan.servers:
            self._name(each, now - self.rng.random() * plan.name_interval)
        if self._page_at <= now:
            self._page_at = now + self.rng.random() * plan.page_interval
        self._name_at = now + self.rng.random() * plan.name_interval
        self._ping_at = self._canary_at = now - phase + plan.interval
        self._schedule(max(0.0, self._ping_at - now))

    def _schedule(self, seconds: float) -> None:
        self._token += 1
        token = self._token

        def beat() -> None:
            if token == self._token:
                self._beat()

        self.world.later(seconds, beat, daemon=True)

    def _beat(self) -> None:
        plan, now = self.plan, self.world.now
        assert plan is not None
        soon = now + 1e-6
        self.street.read_filter()
        if self._ping_at <= soon:
            self._ping_at = now + plan.interval
            for family in (4, 6):
                targets = [each for each in plan.targets if each.version == family]
                if targets:
                    self._turn[family] += 1
                    self._ping(targets[self._turn[family] % len(targets)], now, plan)
        if self._name_at <= soon and plan.servers and plan.name:
            self._name_at = now + plan.name_interval
            for server in plan.servers:
                self._name(server, now)
        if self._page_at <= soon and plan.pages:
            self._page_at = now + plan.page_interval
            self._page(plan)
        if plan.canary is not None and self._canary_at <= soon:
            self._canary_at = now + CANARY_EVERY
            self._canary(plan.canary)
        if now >= self._stirred + SETTLING and self._digested(plan):
            self._sleep()
            return
        due = min(
            self._ping_at,
            self._name_at if plan.servers else self._ping_at,
            self._page_at if plan.pages else self._ping_at,
            self._canary_at if plan.canary is not None else self._ping_at,
        )
        self._schedule(max(0.0, due - now))

    def _digested(self, plan: ProbePlan) -> bool:
        """Whether nothing is left to chance, and the core's verdict says all that further answers would."""
        condition, wired = self.street.condition, self.world.appliance.wired
        if 0.0 < condition.loss < 1.0 or condition.unreached or condition.rtt > plan.timeout:
            return False
        for number, family in wired.families.items():
            detector = family.detector
            if not any(each.version == number for each in plan.targets):
                continue
            answered = self.fate(next(each for each in plan.targets if each.version == number)) is not None
            if answered and (detector.finding is not Finding.UP or detector.silent_since is not None):
                return False
            if not answered and detector.finding is not Finding.DOWN:
                return False
            if answered and (detector.lossy or detector.slow):
                return False
        for server in plan.servers:
            told = wired._servers.get(server)
            if told is None or self._resolves(server) != (told.missed == 0) or 0 < told.missed < 4:
                return False
        return not plan.pages or self._portals < 0 or self._portals >= 2 or not condition.portal

    def _sleep(self) -> None:
        self.asleep, self._slept = True, self.world.now
        self._token += 1
        plan = self.plan
        assert plan is not None
        if plan.pages and self._portals != (2 if self.street.condition.portal else -1) and self._pages_pass:
            # The page that will tell something new is fetched in its time.
            token = self._token

            def turn() -> None:
                if token == self._token:
                    self.wake()
                    self._page_at = self.world.now

            self.world.later(max(0.0, self._page_at - self.world.now), turn, daemon=True)
        if plan.canary is not None and self.street.router.uses_us:
            self._doze(plan.canary, self._token)

    def _doze(self, canary: Address, token: int) -> None:
        if token == self._token:
            self._canary(canary)
            self.world.later(CANARY_ASLEEP, partial(self._doze, canary, token), daemon=True)

    # --- questions and their fate ----------------------------------------------------------------

    def fate(self, peer: Address) -> float | None:
        """Seconds to the answer of a ping, chance aside; ``None``: there is none."""
        condition = self.street.condition
        if not self.street.reaches_router:
            return None
        if self.street.router.uses_us:
            # The router masquerades it and sends it to us: only the guard keeps it from the stick.
            return None if peer in self.street.guards or not self.street.mobile_passes else 0.1
        if condition.broken is not None or peer in condition.unreached:
            return None
        return None if peer.version == 6 and condition.broken6 else condition.rtt

    def _volley(self, targets: tuple[Address, ...]) -> None:
        if self.plan is not None:
            for each in targets:
                self._ping(each, self.world.now, self.plan)

    def _ping(self, peer: Address, sent: float, plan: ProbePlan) -> None:
        rtt = self.fate(peer)
        if rtt is not None:
            if self.street.condition.loss and self.rng.random() < self.street.condition.loss:
                rtt = None
            else:
                rtt *= self.rng.uniform(0.9, 1.2)
        past = self.world.now - sent
        if rtt is None or rtt > plan.timeout:
            missed = ev.ProbeMissed(line=WIRED, kind=Kind.ECHO, peer=peer, sent=sent)
            self.world.answer(max(0.0, plan.timeout - past), missed)
        if rtt is not None and rtt <= LATE:
            answered = ev.ProbeAnswered(line=WIRED, kind=Kind.ECHO, peer=peer, sent=sent, rtt=rtt)
            self.world.answer(max(0.0, rtt - past), answered)

    def _resolves(self, server: Address) -> bool:
        condition = self.street.condition
        if not self.street.reaches_router:
            return False
        if self.street.router.uses_us:
            return self.street.mobile_passes
        if not condition.passes or condition.names is Names.NONE:
            return False
        return condition.names is Names.ALL or server not in self.street.servers

    def _name(self, server: Address, sent: float) -> None:
        plan = self.plan
        assert plan is not None
        past = self.world.now - sent
        if self._resolves(server) and self.rng.random() >= self.street.condition.loss:
            rtt = 0.03
            answered = ev.ProbeAnswered(line=WIRED, kind=Kind.NAME, peer=server, sent=sent, rtt=rtt)
            self.world.answer(max(0.0, rtt - past), answered)
        else:
            missed = ev.ProbeMissed(line=WIRED, kind=Kind.NAME, peer=server, sent=sent)
            self.world.answer(max(0.0, plan.name_timeout - past), missed)

    @property
    def _pages_pass(self) -> bool:
        condition = self.street.condition
        return condition.passes and condition.names is not Names.NONE and not self.street.router.uses_us

    def _page(self, plan: ProbePlan) -> None:
        page, sent, world = PAGE, self.world.now, self.world
        if self.street.router.uses_us and self.street.mobile_passes:
            world.answer(0.2, ev.ProbeAnswered(line=WIRED, kind=Kind.PAGE, peer=page, sent=sent, rtt=0.2))
        elif not self._pages_pass:
            problem = "no name server answered" if self.street.condition.names is Names.NONE else "no answer"
            missed = ev.ProbeMissed(line=WIRED, kind=Kind.PAGE, peer=None, sent=sent, problem=problem)
            world.answer(plan.page_timeout, missed)
        elif self.street.condition.portal:
            self._portals = max(0, self._portals) + 1
            words = "redirected to http://portal.example/login"
            missed = ev.ProbeMissed(
                line=WIRED, kind=Kind.PAGE, peer=page, sent=sent, problem=words, portal=True
            )
            world.answer(0.05, missed)
        else:
            self._portals = -1
            world.answer(0.05, ev.ProbeAnswered(line=WIRED, kind=Kind.PAGE, peer=page, sent=sent, rtt=0.05))

    def _canary(self, canary: Address) -> None:
        street, sent = self.street, self.world.now
        if not street.router.uses_us or not street.redirects or not street.reaches_router:
            return
        answered = ev.ProbeAnswered(
            line=WIRED, kind=Kind.ECHO, peer=canary, sent=sent, rtt=0.002, canary=True
        )
        self.world.answer(0.002, answered)
