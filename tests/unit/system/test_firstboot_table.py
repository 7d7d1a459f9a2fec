"""The table of first boots: files on the card in, the verdict and what is in force out.

Each verdict lies as a whole in tests/golden/firstboot, as the owner reads it.  ``GOLDEN=write`` in the
environment writes them anew; then read the difference before committing it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from failberry.config import Mode
from failberry.configfile import config_from_text
from failberry.system.firstboot_judge import DEFAULT, Memory, Outcome, Ruling, State, digest, judge
from failberry.system.firstboot_reading import Found, Kind
from failberry.system.firstboot_verdict import Surroundings, verdict
from failberry.system.preseed import Preseed

GOLDEN = Path(__file__).parents[2] / "golden" / "firstboot"
PIN, PASSWORD, PATH = "4711", "geheim-9", "/w-5f0c7e"
SECRETS = (PIN, PASSWORD, PATH, "c2VjcmV0")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@home"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"

SMALL = f"""\
mode = "standby-gateway"
[wired]
interface = "onboard0"
[cellular]
apn = "internet"
pin = "{PIN}"
[system]
timezone = "Europe/Berlin"
authorized_keys = ["{KEY}"]
"""
ROUTER = """\
mode = "dual-wan-router"
[wired]
interface = "onboard0"
[lan]
interface = "enx0011"
"""
FIXED = """\
[system]
address = "192.168.1.2/24"
gateway = "192.168.1.1"
name_servers = ["192.168.1.1"]
"""
OLD = 'mode = "standby-gateway"\nwired.interface = "onboard0"\n[system]\nhostname = "old"\n'
PRESEED = f"""\
[system]
hostname = "attic"
[user]
name = "pi"
password = "{PASSWORD}"
password_encrypted = true
[ssh]
enabled = true
authorized_keys = ["{KEY}"]
[locale]
timezone = "Europe/Vienna"
[wlan]
ssid = "home"
password = "{PASSWORD}"
"""
HOST = ("SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA",)


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    files: dict[str, bytes | str]
    outcome: Outcome | None
    """Of failberry.toml; ``None``: there is none."""
    force: str = ""
    """Which configuration is: "new", what was there before ("old"), or the default."""
    kind: Kind = Kind.CONFIG
    memory: Memory = field(default_factory=Memory)
    lines: tuple[int | None, ...] = ()
    """Where the mistakes are."""
    keys: int = 0
    left: str | None = None
    """What the file on the card must say afterwards instead."""
    problems: tuple[str, ...] = ()


def had(text: str = OLD, **state: object) -> Memory:
    return Memory(config=text, good=text, state=State(**state))  # type: ignore[arg-type]


ROWS = (
    Row(name="good", files={"failberry.toml": SMALL}, outcome=Outcome.TAKEN, force="new", keys=1,
        left=SMALL.replace(PIN, "taken over")),
    Row(name="no-file", files={}, outcome=Outcome.ABSENT, force="default"),
    Row(name="no-file-later", files={}, outcome=Outcome.ABSENT, force="old", memory=had()),
    Row(name="windows", files={"Failberry.TOML.txt": "\ufeff" + SMALL.replace("\n", "\r\n")}, keys=1,
        outcome=Outcome.TAKEN, force="new", left=SMALL.replace(PIN, "taken over").replace("\n", "\r\n")),
    Row(name="notepad-unicode", files={"FAILBERRY.TOML": SMALL.replace("\n", "\r\n").encode("utf-16")},
        keys=1, outcome=Outcome.TAKEN, force="new",
        left=SMALL.replace(PIN, "taken over").replace("\n", "\r\n")),
    Row(name="empty", files={"failberry.toml": b""}, outcome=Outcome.BAD, force="default", lines=(None,)),
    Row(name="only-comments", files={"failberry.toml": "# mode\n\n"}, outcome=Outcome.BAD, force="default",
        lines=(None,)),
    Row(name="zeros", files={"failberry.toml": bytes(300)}, outcome=Outcome.BAD, force="old", memory=had(),
        lines=(None,)),
    Row(name="word-document", files={"failberry.toml": b"PK\x03\x04..."}, outcome=Outcome.BAD,
        force="default", lines=(None,)),
    Row(name="latin-1", files={"failberry.toml": (SMALL + "# für zuhause\n").encode("latin-1")},
        outcome=Outcome.BAD, force="default", lines=(10,)),
    Row(name="too-large", files={"failberry.toml": "#" * 66_000}, outcome=Outcome.BAD, force="default",
        lines=(None,)),
    Row(name="curly-quotes", files={"failberry.toml": SMALL.replace('"internet"', "“internet”")},
        outcome=Outcome.BAD, force="default", lines=(5,)),
    Row(name="open-quote", files={"failberry.toml": SMALL.replace('"internet"', '"internet')},
        outcome=Outcome.BAD, force="default", lines=(5,)),
    Row(name="misspelt", files={"failberry.toml": SMALL.replace("apn", "anp").replace("[wired]", "[wierd]")},
        outcome=Outcome.BAD, force="old", memory=had(), lines=(2, 5, None)),
    Row(name="wrong-pin", files={"failberry.toml": SMALL.replace(PIN, "47 11")}, outcome=Outcome.BAD,
        force="default", lines=(6,)),
    Row(name="pin-without-quotes", files={"failberry.toml": SMALL.replace(f'"{PIN}"', PIN)},
        outcome=Outcome.BAD, force="default", lines=(6,)),
    Row(name="router", files={"failberry.toml": ROUTER, "authorized_keys": f"{KEY}\r\n{OTHER_KEY}\r\n"},
        outcome=Outcome.TAKEN, force="new", keys=2),
    Row(name="router-without-lan", files={"failberry.toml": ROUTER[: ROUTER.index("[lan]")]},
        outcome=Outcome.BAD, force="default", lines=(None,)),
    Row(name="router-bad-range", files={"failberry.toml": ROUTER + 'dhcp = "192.168.7.1-192.168.7.20"\n'},
        outcome=Outcome.BAD, force="default", lines=(6,)),
    Row(name="fixed-address", files={"failberry.toml": SMALL[: SMALL.index("[system]")] + FIXED},
        outcome=Outcome.TAKEN, force="new"),
    Row(name="fixed-address-wrong", outcome=Outcome.BAD, force="old", memory=had(), lines=(8, 9),
        files={"failberry.toml": SMALL[: SMALL.index("[system]")]
               + FIXED.replace("192.168.1.2/24", "192.168.1.2").replace('"192.168.1.1"\n', '"router"\n', 1)}),
    Row(name="no-such-zone", files={"failberry.toml": SMALL.replace("Europe/Berlin", "Berlin")},
        outcome=Outcome.BAD, force="default", lines=(8,)),
    Row(name="private-key-in-toml", outcome=Outcome.BAD, force="default", lines=(9,),
        files={"failberry.toml": SMALL.replace(f'"{KEY}"', f'"""{PRIVATE}"""')}),
    Row(name="private-key", files={"failberry.toml": SMALL, "authorized_keys": PRIVATE}, kind=Kind.KEYS,
        outcome=Outcome.BAD, force="new", lines=(1,), keys=1),
    Row(name="damaged-key", files={"authorized_keys": f"# mine\n{KEY[:60]}\n{OTHER_KEY}\n"}, kind=Kind.KEYS,
        outcome=Outcome.BAD, force="old", memory=had(keys=(OTHER_KEY,)), lines=(2,), keys=1),
    Row(name="keys-alone", files={"authorized_keys": KEY}, kind=Kind.KEYS, outcome=Outcome.TAKEN,
        force="default", keys=1),
    Row(name="imager", files={"rpi-preseed.toml": PRESEED}, kind=Kind.PRESEED, outcome=Outcome.TAKEN,
        force="default", keys=1, left=PRESEED.replace(PASSWORD, "not used, and removed")),
    Row(name="imager-and-ours", files={"rpi-preseed.toml": PRESEED, "failberry.toml": SMALL}, force="new",
        keys=1, outcome=Outcome.TAKEN),
    Row(name="put-back-unchanged", files={"failberry.toml": SMALL.replace(PIN, "taken over") + "# new\n"},
        memory=had(SMALL), outcome=Outcome.TAKEN, force="new", keys=1),
    Row(name="secret-lost", files={"failberry.toml": SMALL.replace(PIN, "taken over")}, outcome=Outcome.TAKEN,
        force="new", keys=1),
    Row(name="changed-on-the-pi", files={"failberry.toml": SMALL}, outcome=Outcome.SAME, force="old", keys=0,
        memory=had(seen={Kind.CONFIG: (digest(SMALL.encode()),)}), left=SMALL.replace(PIN, "taken over")),
    Row(name="broken-on-the-pi", files={}, outcome=Outcome.ABSENT, force="old",
        memory=Memory(config="mode = ", good=OLD)),
    Row(name="damaged-card", files={"failberry.toml": SMALL}, outcome=Outcome.TAKEN, force="new", keys=1,
        problems=("The data partition could not be mounted: nothing is kept over a restart.",
                  'wired.interface is "eth7", and there is no such port.')),
)  # fmt: skip


def files(row: Row) -> dict[Kind, Found]:
    kinds = {"failberry": Kind.CONFIG, "authorize": Kind.KEYS, "rpi-prese": Kind.PRESEED}
    return {
        kinds[name[:9].lower()]: Found(name=name, content=each if isinstance(each, bytes) else each.encode())
        for name, each in row.files.items()
    }


def ruled(row: Row) -> Ruling:
    return judge(files(row), row.memory)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_first_boot(row: Row) -> None:
    ruling = ruled(row)
    judged = ruling.of(row.kind)
    assert judged.outcome is row.outcome
    assert tuple(each.line for each in judged.problems) == row.lines
    expected = {"default": DEFAULT, "old": OLD}.get(row.force)
    if expected is None:
        assert ruling.config == SMALL or row.name not in {"good", "windows", "notepad-unicode"}
        assert ruling.config not in {DEFAULT, OLD}
    else:
        assert ruling.config == expected
    assert ruling.in_force.default == (row.force == "default")
    assert ruling.in_force.config == config_from_text(ruling.config, path="")
    assert len(ruling.in_force.keys) == row.keys
    if row.left is not None:
        ((_, left),) = ruling.rewrites.items()
        assert left.decode() == row.left


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_verdict(row: Row) -> None:
    path = GOLDEN / f"{row.name}.txt"
    found = verdict(ruled(row), Surroundings(host_keys=HOST, problems=row.problems))
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(found)
    assert found == path.read_bytes()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_verdict_holds_no_secret_and_is_for_windows(row: Row) -> None:
    text = verdict(ruled(row), Surroundings()).decode()
    assert not [each for each in SECRETS if each in text]
    lines = text.split("\r\n")
    assert lines[-1] == ""
    assert not any("\n" in each or "\r" in each for each in lines)
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_next_boot_changes_nothing(row: Row) -> None:
    """And neither does one that finds the files as they were before they could be rewritten."""
    first = ruled(row)
    after = {
        kind: Found(name=each.name, content=first.rewrites.get(each.name, each.content))
        for kind, each in files(row).items()
    }
    second = judge(after, Memory(config=first.config, good=first.config, state=first.state))
    assert (second.config, second.state) == (first.config, first.state)
    assert second.in_force == first.in_force
    assert second.rewrites == {}
    assert all(each.outcome is not Outcome.TAKEN for each in second.judged)
    kept = Memory(config=first.config, good=first.config, state=first.state)
    again = judge(files(row), kept)
    assert (again.config, again.state, again.rewrites) == (first.config, first.state, first.rewrites)
    assert all(each.outcome is not Outcome.TAKEN for each in again.judged)
    # The state is written after the configuration, and before the files.
    cut = judge(files(row), Memory(config=first.config, good=row.memory.good, state=row.memory.state))
    assert (cut.config, cut.state, cut.rewrites) == (first.config, first.state, first.rewrites)


def test_every_verdict_has_its_row() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {row.name for row in ROWS}


def test_secrets_of_every_section_are_taken_and_put_back() -> None:
    text = (
        f'{SMALL}[health]\nwired_path = "{PATH}"\n[ppp]\necho_failures = 5\n'
        .replace("[cellular]", f"[cellular]\nuser = 'me'\npassword = '''{PASSWORD}'''")
    )  # fmt: skip
    first = judge({Kind.CONFIG: Found(name="failberry.toml", content=text.encode())}, Memory())
    left = first.rewrites["failberry.toml"].decode()
    assert left == (
        text.replace(f'"{PIN}"', '"taken over"')
        .replace(f"'''{PASSWORD}'''", '"taken over"')
        .replace(f'"{PATH}"', '"taken over"')
    )
    # Changed at home, one secret with it, and put back.
    changed = left.replace("echo_failures = 5", "echo_failures = 6").replace(
        'pin = "taken over"', 'pin = "0815"'
    )
    found = {Kind.CONFIG: Found(name="failberry.toml", content=changed.encode())}
    second = judge(found, Memory(config=first.config, good=first.config, state=first.state))
    assert second.in_force.config.cellular.pin == "0815"
    assert second.in_force.config.cellular.password == PASSWORD
    assert second.in_force.config.health.wired_path == PATH
    assert second.in_force.config.ppp.echo_failures == 6


def test_the_default_is_that_of_this_version() -> None:
    older = DEFAULT.replace("onboard0", "eth0")
    assert judge({}, Memory(config=older)).config == DEFAULT


def test_a_version_that_cannot_use_it_and_is_given_up_leaves_all_as_it_was() -> None:
    """The stricter one puts the default in its place; the former finds that, and brings the good one back."""
    state = State(
        seen={Kind.CONFIG: (digest(SMALL.encode()), digest(SMALL.replace(PIN, "taken over").encode()))}
    )
    found = {Kind.CONFIG: Found(name="failberry.toml", content=SMALL.replace(PIN, "taken over").encode())}
    ruling = judge(found, Memory(config=DEFAULT, good=SMALL, state=state))
    assert ruling.config == SMALL
    assert ruling.of(Kind.CONFIG).outcome is Outcome.SAME
    assert ruling.in_force.config.cellular.pin == PIN
    assert ruling.notes == ("The configuration on the Pi was gone; the last good one was brought back.",)


def test_a_secret_is_found_in_the_last_good_one() -> None:
    found = {Kind.CONFIG: Found(name="failberry.toml", content=SMALL.replace(PIN, "taken over").encode())}
    broken = Memory(config="mode = ", good=SMALL.replace("onboard0", "???"))
    ruling = judge(found, broken)
    assert ruling.in_force.config.cellular.pin == PIN
    assert not ruling.of(Kind.CONFIG).incomplete


def test_what_the_imager_says_counts_where_our_file_says_nothing() -> None:
    state = State(preseed=Preseed(hostname="attic", timezone="Europe/Vienna"))
    mine = SMALL.replace("[system]", '[system]\nhostname = "cellar"')
    ruling = judge({}, Memory(config=mine, state=state))
    assert (ruling.in_force.hostname, ruling.in_force.timezone) == ("cellar", "Europe/Berlin")
    ruling = judge({}, Memory(config=ROUTER, state=state))
    assert (ruling.in_force.hostname, ruling.in_force.timezone) == ("attic", "Europe/Vienna")
    assert ruling.in_force.config.mode is Mode.DUAL_WAN_ROUTER
