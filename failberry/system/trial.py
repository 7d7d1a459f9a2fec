"""``python3 -m failberry.system.trial``: at every boot, settle what ``slot.env`` says; judge a slot on trial.

Should this program hang or crash, ``failberry-trial-deadline`` restarts the machine, and U-Boot counts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Protocol

from failberry.control import SOCKET, client
from failberry.system import slots, trialnotes
from failberry.system.card import Card, Places, now
from failberry.system.ledger import Ledger
from failberry.system.slots import Finding, Slot, SlotEnv
from failberry.system.trialwatch import Judgement, Outcome, Trial, seen

LOOK_EVERY = 5.0
WRITE_EVERY = 300.0
"""Seconds between two notes on the card of what a trial waits for; for the slot that comes after it."""
REBOOT_DEADLINE = 60.0


class TrialWorld(Protocol):
    """What a trial asks of the machine."""

    def env(self) -> SlotEnv | None:
        """Read ``slot.env``; ``None``: it is damaged."""

    def write_env(self, env: SlotEnv) -> None:
        """Replace ``slot.env``, durably."""

    def ledger(self) -> Ledger:
        """Read ``state.json``."""

    def write_ledger(self, ledger: Ledger) -> None:
        """Replace it, durably."""

    def take_note(self) -> str:
        """Return why the last watch was cut off, once."""

    def tell(self, **progress: object) -> None:
        """Show how it goes."""


def settle(world: TrialWorld, running: Slot, *, at: str) -> Finding:
    """Take note of what the boot loader has done; return what was found.

    The reason is written before ``slot.env``: cut off in between, the next boot finds the same again.
    """
    boot = slots.boot(world.env(), running)
    before = world.ledger()
    after = trialnotes.at_boot(boot, before, running, at=at, note=world.take_note())
    if after != before:
        world.write_ledger(after)
    if boot.writes:
        world.write_env(boot.env)
    return boot.finding


def commit(world: TrialWorld, running: Slot, *, at: str, reason: str) -> None:
    """Keep the slot that runs.  ``slot.env`` first: what it says is what counts."""
    world.write_env(slots.commit(world.env() or SlotEnv(), running))
    world.write_ledger(trialnotes.committed(world.ledger(), running, at=at, reason=reason))


def give_up(world: TrialWorld, running: Slot, *, at: str, reason: str) -> None:
    """Have the next boot take the old slot.  The reason first: once that runs, nobody knows it."""
    world.write_ledger(trialnotes.gave_up(world.ledger(), running, at=at, reason=reason))
    world.write_env(slots.commit(world.env() or SlotEnv(), running.other))


def watch(world: TrialWorld, running: Slot, *, socket: str = SOCKET) -> Judgement:
    """Look at the daemon until there is a verdict."""
    began = time.monotonic()
    trial, written, said = Trial(began), began, ""
    while True:
        try:
            judgement = trial.status(seen(client.call(socket, "GetStatus")["status"]), time.monotonic())
        except (client.UnreachableError, client.RefusedError, KeyError) as error:
            judgement = trial.silence(str(error), time.monotonic())
        if judgement.outcome is not Outcome.WATCH:
            return judgement
        world.tell(kind="trial", running=True, slot=running, words=judgement.reason)
        if said == "" or (trial.waits_for != said and time.monotonic() - written >= WRITE_EVERY):
            written, said = time.monotonic(), trial.waits_for
            world.write_ledger(world.ledger().with_slot(running, seen=f"its Linux started; {said}"))
        time.sleep(LOOK_EVERY)


def _log(line: str) -> None:
    """To the journal."""
    sys.stderr.write(line + "\n")


def main() -> int:
    """Run as the service does."""
    card = Card(Places())
    running = card.running()
    if running is None:
        _log("this is no Failberry image: there is no failberry.slot= on the kernel command line")
        return 0
    found = settle(card, running, at=now())
    _log(f"slot {running} runs: {found}")
    if found is not Finding.ON_TRIAL:
        return 0
    judgement = watch(card, running)
    _log(f"{judgement.outcome}: {judgement.reason}")
    card.tell(kind="trial", running=False, slot=running, outcome=judgement.outcome, words=judgement.reason)
    if judgement.outcome is Outcome.COMMIT:
        commit(card, running, at=now(), reason=judgement.reason)
        return 0
    give_up(card, running, at=now(), reason=judgement.reason)
    subprocess.run(["systemctl", "--no-block", "reboot"], check=False, timeout=REBOOT_DEADLINE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
