"""A whole first boot on a real file system, and what is where afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failberry.loginkeys import login_key
from failberry.system.firstboot import run
from failberry.system.firstboot_settle import state_from, state_text
from failberry.system.hostkeys import NAME, host_key
from failberry.system.machine import Machine
from tests.firstcard import Card

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@home"
PIN = "4711"
ROUTER = f"""\
mode = "dual-wan-router"
wired.interface = "eth0"
lan.interface = "enx02"
cellular.pin = "{PIN}"
[system]
hostname = "cellar"
timezone = "Europe/Berlin"
authorized_keys = ["{KEY}"]
"""


@pytest.fixture
def card() -> Iterator[Card]:
    folder = Path(tempfile.mkdtemp(prefix="failberry-card-", dir="/dev/shm"))
    card = Card(folder)
    card.make()
    yield card
    shutil.rmtree(folder)


def test_a_router(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.plug("enx02")
    card.boot()
    assert card.text("etc/failberry/failberry.toml") == ROUTER
    assert (card.root / "etc/failberry/failberry.toml").stat().st_mode & 0o777 == 0o600
    assert card.text("boot/firmware/failberry.toml") == ROUTER.replace(PIN, "taken over")
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")
    assert "Name=eth0\n" in card.text("run/systemd/network/10-failberry-wired.network")
    assert "Name=enx02\n" in card.text("run/systemd/network/10-failberry-lan.network")
    assert "interface=enx02\n" in card.text("run/failberry-dnsmasq.conf")
    assert card.text("etc/hostname") == "cellar\n"
    assert card.text("etc/hosts") == "127.0.0.1\tlocalhost\n127.0.1.1\tcellar\n"
    assert (card.root / "etc/localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    assert card.text("home/owner/.ssh/authorized_keys").splitlines()[1:] == [KEY]
    assert (card.root / "home/owner/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    # Where there is no doubt, the port is given the name that the file has.
    assert card.started == [
        ["nft", "-f", str(card.root / "run/failberry-closed.nft")],
        ["ip", "link", "set", "dev", "onboard0", "name", "eth0"],
    ]


def test_a_router_is_closed_before_its_network_comes_up_and_once_only(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.boot()
    rules = card.text("run/failberry-closed.nft")
    assert rules.startswith("table inet failberry {\n"), "the daemon's own table, which it replaces"
    last = [each for each in rules.splitlines() if 'iifname "eth0"' in each and "chain" not in each][-1]
    assert " drop " in last
    # Once more, for a port that came late: by now the daemon has written better ones.
    card.started.clear()
    card.boot()
    assert "nft" not in {each[0] for each in card.started}


def test_a_standby_gateway_needs_no_rules_before_the_daemon(card: Card) -> None:
    (card.fat / "failberry.toml").write_text('mode = "standby-gateway"\nwired.interface = "onboard0"\n')
    card.boot()
    assert card.started == []


def test_from_a_router_back_to_a_standby_gateway(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.boot()
    (card.fat / "failberry.toml").write_text('mode = "standby-gateway"\nwired.interface = "onboard0"\n')
    card.boot()
    assert not (card.root / "run/failberry-dnsmasq.conf").exists()
    assert not (card.root / "run/systemd/network/10-failberry-lan.network").exists()
    assert "Name=onboard0\n" in card.text("run/systemd/network/10-failberry-wired.network")
    assert KEY not in card.text("home/owner/.ssh/authorized_keys")


def test_a_second_boot_writes_nothing_to_the_card(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.boot()
    kept = [
        each for name in ("boot", "data", "etc/failberry", "var") for each in (card.root / name).rglob("*")
    ]
    assert len(kept) >= 8
    for each in kept:
        os.utime(each, (1e9, 1e9))
    card.boot()
    assert [each for each in kept if each.stat().st_mtime != 1e9] == []


def test_without_a_file_it_is_on_the_network_all_the_same(card: Card) -> None:
    card.boot()
    assert "DHCP=ipv4\n" in card.text("run/systemd/network/10-failberry-wired.network")
    assert "FAILBERRY: NOT CONFIGURED YET\n" in card.text("boot/firmware/VERDICT.txt")
    assert card.text("home/owner/.ssh/authorized_keys").count("\n") == 1
    assert card.started == []


class Waiting:
    """udev at work: what it does, after how many looks."""

    def __init__(self, card: Card, after: int = 0, does: Callable[[], None] = lambda: None) -> None:
        self._card, self.now = card, 100.0
        self._after, self._does = after, does
        (card.root / "run/udev/queue").write_text("")

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if round((self.now - 100.0) / seconds) == self._after:
            self._does()

    def boot(self) -> float:
        """How long it was waited for ports."""
        run(self._card.root, Machine(self._card.root, self._card.start, lambda: self.now, self.sleep))
        return self.now - 100.0


def test_a_udev_that_is_not_done_in_time_keeps_no_port_from_its_name(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER.replace("eth0", "lan7"))
    card.plug("enx02")
    assert Waiting(card).boot() == pytest.approx(8.0, abs=0.1)
    assert card.started[-1] == ["ip", "link", "set", "dev", "onboard0", "name", "lan7"]
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")


def test_a_boot_goes_on_once_the_ports_are_there_whatever_else_udev_does(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER.replace("eth0", "onboard0"))
    assert Waiting(card, after=3, does=lambda: card.plug("enx02")).boot() == pytest.approx(0.15)
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")
    assert not (card.root / "run/failberry-ports.missing").exists()


def test_what_udev_has_not_read_yet_is_waited_for(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER.replace("eth0", "onboard0"))
    waiting = Waiting(card, after=5, does=lambda: card.plug("enx02"))
    queue = card.root / "run/udev/queue"
    queue.unlink()
    asked = []

    def start(words: list[str]) -> None:
        card.start(words)
        if words[0] == "udevadm":
            asked.append(words)
            queue.write_text("")
            raise OSError("Timed out for waiting the udev queue being empty.")

    run(card.root, Machine(card.root, start, lambda: waiting.now, waiting.sleep))
    assert asked == [["udevadm", "settle", "--timeout=1"]]
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")


def test_the_board_s_own_port_by_another_name_is_not_waited_for(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.plug("enx02")
    assert Waiting(card).boot() == 0.0
    assert card.started[-1] == ["ip", "link", "set", "dev", "onboard0", "name", "eth0"]


def plug_unnamed(card: Card) -> None:
    """The board's own port as the kernel has it, and a file that means it by that name."""
    (card.fat / "failberry.toml").write_text('mode = "standby-gateway"\nwired.interface = "eth0"\n')
    shutil.rmtree(card.root / "sys/class/net/onboard0")
    (card.root / "run/udev/data/n2").unlink()
    card.plug("eth0", named=False)


def test_the_kernel_s_name_for_a_port_is_not_yet_its_name(card: Card) -> None:
    plug_unnamed(card)
    ports = card.root / "sys/class/net"

    def named() -> None:
        (ports / "eth0").rename(ports / "onboard0")
        (card.root / "run/udev/data/n2").write_text("")

    assert Waiting(card, after=4, does=named).boot() == pytest.approx(0.2)
    assert card.started[-1] == ["ip", "link", "set", "dev", "onboard0", "name", "eth0"]
    assert not (card.root / "run/failberry-ports.missing").exists()


def test_a_port_that_may_still_be_renamed_is_looked_at_again(card: Card) -> None:
    plug_unnamed(card)
    assert Waiting(card).boot() == pytest.approx(8.0, abs=0.1)
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")
    assert (card.root / "run/failberry-ports.missing").exists(), "so that its new name is heeded"


def test_a_port_that_comes_late_is_waited_for(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.boot()
    assert card.started[-1] == ["ip", "link", "set", "dev", "onboard0", "name", "eth0"]
    assert (card.root / "run/failberry-ports.missing").exists()
    card.plug("enx02")
    card.again()  # as failberry-ports.service has it
    assert not (card.root / "run/failberry-ports.missing").exists()
    assert "FAILBERRY: GOOD\n" in card.text("boot/firmware/VERDICT.txt")


def test_a_port_that_is_not_there_is_told(card: Card) -> None:
    text = ROUTER.replace("eth0", "enx03")
    (card.fat / "failberry.toml").write_text(text)
    card.plug("wwan0", kind=65534)
    card.plug("usb0", driver="cdc_ether", vendor="12d1")
    card.boot()
    verdict = " ".join(card.text("boot/firmware/VERDICT.txt").split())
    assert verdict.startswith("FAILBERRY: NOT GOOD")
    assert (
        'wired.interface is "enx03", and there is no such port. Ethernet ports of this Pi: onboard0.'
        in verdict
    )
    assert 'lan.interface is "enx02", and there is no such port.' in verdict


def test_data_that_is_in_memory_only_takes_no_secret_away(card: Card) -> None:
    (card.root / "proc/self/mounts").write_text("tmpfs /data tmpfs rw 0 0\n")
    (card.root / "run/failberry-data.problem").write_text("The data partition is damaged beyond repair.\n\n")
    (card.fat / "failberry.toml").write_text(ROUTER)
    card.boot()
    assert PIN in card.text("boot/firmware/failberry.toml")
    verdict = " ".join(card.text("boot/firmware/VERDICT.txt").split())
    assert "The data partition is damaged beyond repair." in verdict
    assert "secrets stay on the first partition" in verdict
    assert "Name=eth0\n" in card.text("run/systemd/network/10-failberry-wired.network")


def test_a_repaired_partition_is_no_fault(card: Card) -> None:
    (card.root / "run/failberry-data.repaired").write_text("It was damaged and has been repaired.\n")
    card.boot()
    verdict = card.text("boot/firmware/VERDICT.txt")
    assert "NOT CONFIGURED YET" in verdict
    assert "  * It was damaged and has been repaired.\n" in verdict


def test_a_card_that_cannot_be_written_still_gives_a_network(card: Card) -> None:
    (card.fat / "failberry.toml").write_text(ROUTER)
    (card.root / "etc/failberry").write_text("in the way")
    card.boot()
    assert "DHCP=ipv4\n" in card.text("run/systemd/network/10-failberry-wired.network")
    assert "What the files say could not be kept" in card.text("boot/firmware/VERDICT.txt")
    assert PIN in card.text("boot/firmware/failberry.toml")


def test_the_fallback(card: Card) -> None:
    Machine(card.root, card.started.append).fall_back()
    assert "Type=ether\n" in card.text("run/systemd/network/90-failberry-fallback.network")


def test_a_state_that_was_damaged_counts_as_none() -> None:
    assert state_from("") == state_from("[]") == state_from('{"schema": 2}') == state_from('{"schema": 1}')
    state = state_from(state_text(state_from("")))
    assert state == state_from("")


# --- the Pi's own key ---


def test_a_host_key_is_made_once(tmp_path: Path) -> None:
    (fingerprint,) = host_key(tmp_path / "ssh", "pi")
    assert host_key(tmp_path / "ssh", "pi") == (fingerprint,)
    assert (tmp_path / "ssh" / NAME).stat().st_mode & 0o777 == 0o600
    assert login_key((tmp_path / "ssh" / f"{NAME}.pub").read_text()).fingerprint == fingerprint
    # Its public half can be had from the other.
    (tmp_path / "ssh" / f"{NAME}.pub").unlink()
    assert host_key(tmp_path / "ssh", "pi") == (fingerprint,)
    # Half of a key is none.
    whole = (tmp_path / "ssh" / NAME).read_bytes()
    (tmp_path / "ssh" / NAME).write_bytes(whole[:100])
    (other,) = host_key(tmp_path / "ssh", "pi")
    assert other != fingerprint
    assert sorted(each.name for each in (tmp_path / "ssh").iterdir()) == [NAME, f"{NAME}.pub"]
