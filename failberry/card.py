"""What the owner can say of the Pi itself, where it runs from our SD card: its name, its keys, its address.

Part of :mod:`failberry.config`, which see.  On a Debian of the owner's own these are Debian's to set, and
nothing here has any effect.
"""

from dataclasses import dataclass

from failberry import cardchecks, checks
from failberry.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The Pi itself. On the SD-card image only; a Debian of your own sets these by its own means."""

    hostname: str = setting(
        "The Pi's name, which it also tells to the DHCP server.",
        default="failberry",
        check=cardchecks.host_label,
    )
    timezone: str = setting(
        "Time zone, as in the list of the IANA.",
        default="Etc/UTC",
        example='"Europe/Berlin"',
        check=cardchecks.zone_name,
    )
    authorized_keys: tuple[str, ...] = setting(
        "Public SSH keys that may log in as owner; whole lines, as in a file that ends in .pub. There is no "
        "password. They may also lie beside this file, in a file authorized_keys.",
        default=(),
        example='["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... me@home"]',
        check=cardchecks.few_keys,
    )
    address: str = setting(
        "Fixed address of the wired interface, with its prefix length. Empty: by DHCP.",
        default="",
        example='"192.168.1.2/24"',
        check=cardchecks.wired_address,
    )
    gateway: str = setting(
        "The router that the wired line leads to. Needed with a fixed address, and only then.",
        default="",
        example='"192.168.1.1"',
        check=cardchecks.gateway,
    )
    name_servers: tuple[str, ...] = setting(
        "Name servers of the wired line, instead of those that DHCP gives. Needed with a fixed address; in a "
        "house the router mostly is one.",
        default=(),
        example='["192.168.1.1"]',
        check=checks.name_servers,
    )
    updates: bool = setting(
        "Whether security updates are installed by themselves, and the Pi restarts for them.", default=True
    )
    update_window: str = setting(
        "When that may happen: from and to, in the Pi's time zone. It may run over midnight.",
        default="03:00-05:00",
        check=cardchecks.window,
    )

    def window(self) -> tuple[int, int]:
        """``update_window`` as minutes of the day, from 0; the second is smaller if it runs over midnight."""
        first, _, last = self.update_window.partition("-")
        return cardchecks.minutes(first), cardchecks.minutes(last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lan:
    """The house's own network, in dual-wan-router mode only; in the other it is the wired interface."""

    interface: str = setting(
        "Network interface towards the house. Needed in dual-wan-router mode, and only there.",
        example='"lan0"',
        check=checks.interface_name,
    )
    address: str = setting(
        "The Pi's address in the house, with its prefix length. On the SD-card image only, as all below.",
        default="192.168.7.1/24",
        check=cardchecks.lan_address,
    )
    dhcp: str = setting(
        "Addresses to give out in the house, as first-last. Empty: no DHCP server, and none is started.",
        default="192.168.7.100-192.168.7.249",
        check=cardchecks.address_range,
    )
    hosts: tuple[str, ...] = setting(
        "Hosts that always get the same address, for port forwards: hardware address, address, and a name "
        "if you like.",
        default=(),
        example='["02:00:00:aa:bb:cc 192.168.7.20 camera"]',
        check=cardchecks.hosts,
    )
