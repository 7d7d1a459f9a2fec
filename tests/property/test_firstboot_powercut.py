"""Power fails at any step of a first boot, again and again: the boot that is let through ends well.

The file systems are imitated at their worst: what is being written is there, or not, or half; on FAT a file
that is being renamed has either name, or both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.configfile import config_from_text
from failberry.system.firstboot_secrets import secrets_of
from failberry.system.firstboot_settle import CONFIG, GOOD, STATE, Settled, settle, tell
from failberry.system.firstboot_verdict import Surroundings, verdict
from failberry.system.folders import NEW, OLD

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@home"
PIN, WIFI = b"4711", b"geheim-9"
FIRST = f"""\
mode = "standby-gateway"
wired.interface = "onboard0"
cellular.pin = "{PIN.decode()}"
system.authorized_keys = ["{KEY}"]
"""
SECOND = FIRST.replace(PIN.decode(), "taken over") + 'system.hostname = "cellar"\n'
BAD = FIRST.replace("mode", "mood")
PRESEED = f'[system]\nhostname = "attic"\n[wlan]\npassword = "{WIFI.decode()}"\n'
STORED = 'mode = "standby-gateway"\nwired.interface = "onboard0"\ncellular.pin = "0815"\n'

Files = dict[str, bytes]
CARDS = (
    {"failberry.toml": FIRST.encode()},
    {"Failberry.TOML.txt": FIRST.replace("\n", "\r\n").encode("utf-16")},
    {"failberry.toml": SECOND.encode(), "authorized_keys": KEY.encode()},
    {"failberry.toml": FIRST.encode(), "rpi-preseed.toml": PRESEED.encode(), "VERDICT.txt": b"old"},
    {"failberry.toml": BAD.encode(), "authorized_keys": KEY.encode()},
    {"authorized_keys": KEY.encode()},
    {},
)
MEMORIES: tuple[tuple[Files, Files], ...] = (
    ({}, {}),
    ({CONFIG: STORED.encode()}, {GOOD: STORED.encode(), STATE: b"{"}),
    ({CONFIG: b"mode ="}, {GOOD: STORED.encode()}),
)


class PowerCutError(BaseException):
    """No code of ours sees it."""


@dataclass
class Supply:
    """Fails at a step from now; ``how`` says what becomes of what was being done."""

    steps: int | None = None
    how: int = 0

    def fails(self) -> bool:
        if self.steps is None:
            return False
        self.steps -= 1
        return self.steps < 0


@dataclass
class Imitated:
    """One folder; ``fat`` renames in two halves."""

    files: Files
    supply: Supply = field(default_factory=Supply)
    fat: bool = False

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str, most: int) -> bytes | None:
        content = self.files.get(name)
        return None if content is None else content[:most]

    def write(self, name: str, content: bytes) -> None:
        if self.supply.fails():
            half = [None, b"", content[: len(content) // 2], content][self.supply.how]
            if half is not None:
                self.files[name] = half
            raise PowerCutError
        self.files[name] = content

    def blank(self, name: str) -> None:
        size = len(self.files[name])
        done = [0, size // 3, size // 2, size][self.supply.how] if self.supply.fails() else size
        self.files[name] = bytes(done) + self.files[name][done:]
        if done < size or self.supply.steps == -1:
            raise PowerCutError

    def rename(self, name: str, to: str) -> None:
        cut = self.supply.fails()
        if not cut or self.supply.how != 0:
            self.files[to] = self.files[name]
        if not cut or self.supply.how == 3 or (self.supply.how in {1, 2} and not self.fat):
            self.files.pop(name)
        if cut:
            raise PowerCutError

    def remove(self, name: str) -> None:
        cut = self.supply.fails()
        if not cut or self.supply.how >= 2:
            self.files.pop(name, None)
        if cut:
            raise PowerCutError


class Pi:
    """What is on the card, from boot to boot."""

    def __init__(self, card: Files, memory: tuple[Files, Files]) -> None:
        self.card = Imitated(dict(card), fat=True)
        self.etc, self.state = (Imitated(dict(each)) for each in memory)

    def boot(self, cut: tuple[int, int] | None = None) -> Settled | None:
        supply = Supply() if cut is None else Supply(steps=cut[0], how=cut[1])
        for each in (self.card, self.etc, self.state):
            each.supply = supply
        try:
            settled = settle(self.card, self.etc, self.state, lasting=True)
            tell(self.card, verdict(settled.ruling, Surroundings(problems=settled.problems)))
        except PowerCutError:
            return None
        assert settled.problems == ()
        return settled

    def everything(self) -> tuple[Files, Files, Files]:
        return self.card.files, self.etc.files, self.state.files


@given(
    card=st.sampled_from(CARDS),
    memory=st.sampled_from(MEMORIES),
    cuts=st.lists(st.tuples(st.integers(0, 24), st.integers(0, 3)), min_size=1, max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_power_cuts(card: Files, memory: tuple[Files, Files], cuts: list[tuple[int, int]]) -> None:
    undisturbed = Pi(card, memory)
    assert undisturbed.boot() is not None
    pi = Pi(card, memory)
    for cut in cuts:
        if pi.boot(cut) is not None:
            break  # it had fewer steps
        # Whatever the daemon finds there, it can use; but what was broken before.
        text = pi.etc.files.get(CONFIG)
        if text is not None and text != memory[0].get(CONFIG):
            config_from_text(text.decode(), path="")
        # The secret is somewhere: on the card, or on the data partition.
        if PIN in b"".join(card.values()):
            kept = secrets_of((text or b"").decode()).get(("cellular", "pin"))
            assert kept == PIN.decode() or PIN in b"".join(pi.card.files.values())
    pi.boot()
    # The verdict tells only once what was wrong with the Pi's own memory.
    for each in (pi, undisturbed):
        each.boot()
    assert pi.everything() == undisturbed.everything()
    left = pi.card.files
    assert not [each for each in left if each.endswith((NEW, OLD))]
    if BAD.encode() not in card.values():
        assert not [each for each in left.values() if PIN in each or WIFI in each]


@given(card=st.sampled_from(CARDS), memory=st.sampled_from(MEMORIES))
@settings(max_examples=21, deadline=None)
def test_a_boot_with_nothing_new_writes_nothing(card: Files, memory: tuple[Files, Files]) -> None:
    pi = Pi(card, memory)
    pi.boot()
    pi.boot()  # after which the verdict no longer tells of what was mended
    before = [dict(each) for each in pi.everything()]
    assert pi.boot((0, 3)) is not None, "something was written"
    assert [dict(each) for each in pi.everything()] == before
