"""Who the wired line's name servers are, by the files of each program that configures lines."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from failberry.adapters.wiredresolvers import MOST, ResolverWatch, look
from failberry.core.events import ResolversObserved

# An interface that is everywhere.
LINE = "lo"
INDEX = socket.if_nametoindex(LINE)
DHCLIENT = """
lease {
  interface "lo";
  option domain-name-servers 192.168.1.9;
  renew 1 2026/01/05 10:00:00;
}
lease {
  interface "lo";
  option domain-name-servers 192.168.1.1, 192.168.1.2;
}
"""
DHCLIENT6 = 'default-duid "x";\nlease6 {\n  option dhcp6.name-servers 2001:db8::53;\n}\n'


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root: Path) -> list[str]:
    return [str(each) for each in look(LINE, root)]


@pytest.mark.parametrize(
    ("files", "servers"),
    [
        pytest.param({}, [], id="nobody"),
        pytest.param(
            {f"run/systemd/netif/leases/{INDEX}": "ADDRESS=192.168.1.7\nDNS=192.168.1.1 192.168.1.2\n"},
            ["192.168.1.1", "192.168.1.2"],
            id="systemd-networkd, a lease",
        ),
        pytest.param(
            {f"run/systemd/netif/links/{INDEX}": "OPER_STATE=routable\nDNS=192.168.1.1 fe80::1\nNTP=\n"},
            ["192.168.1.1", "fe80::1"],
            id="systemd-networkd, a link",
        ),
        pytest.param(
            {
                f"run/systemd/resolve/netif/{INDEX}": "LLMNR=yes\nSERVERS=192.168.1.1#dns.example\n",
                "run/systemd/resolve/resolv.conf": "nameserver 192.168.1.99\n",
                "etc/resolv.conf": "nameserver 127.0.0.53\n",
            },
            ["192.168.1.1"],
            id="NetworkManager with systemd-resolved",
        ),
        pytest.param(
            {
                "run/dhcpcd/hook-state/resolv.conf/lo.dhcp": "domain home\nnameserver 192.168.1.1\n",
                "run/dhcpcd/hook-state/resolv.conf/lo.ra": "nameserver fe80::1%lo\n",
                "run/dhcpcd/hook-state/resolv.conf/lo.7.dhcp": "nameserver 192.168.7.1\n",
                "etc/resolv.conf": "nameserver 192.168.1.99\n",
            },
            ["192.168.1.1", "fe80::1"],
            id="dhcpcd",
        ),
        pytest.param(
            {"run/dhcpcd/resolv.conf/lo.dhcp": "nameserver 192.168.1.1\n"}, ["192.168.1.1"], id="dhcpcd, old"
        ),
        pytest.param(
            {"run/resolvconf/interface/lo.dhclient": "nameserver 192.168.1.1\n"},
            ["192.168.1.1"],
            id="resolvconf",
        ),
        pytest.param(
            {"run/resolvconf/interfaces/lo.dhcp": "nameserver 192.168.1.1\n"},
            ["192.168.1.1"],
            id="openresolv",
        ),
        pytest.param(
            {"var/lib/dhcp/dhclient.lo.leases": DHCLIENT, "var/lib/dhcp/dhclient6.lo.leases": DHCLIENT6},
            ["192.168.1.1", "192.168.1.2", "2001:db8::53"],
            id="dhclient, its last lease",
        ),
        pytest.param(
            {
                "run/NetworkManager/no-stub-resolv.conf": "nameserver 192.168.1.1\n",
                "etc/resolv.conf": "nameserver ::1\n",
            },
            ["192.168.1.1"],
            id="NetworkManager with dnsmasq",
        ),
        pytest.param(
            {"etc/resolv.conf": "# nameserver 9.9.9.9\nnameserver 127.0.0.1\nnameserver 192.168.1.1 \n"},
            ["192.168.1.1"],
            id="resolv.conf, without this machine",
        ),
        pytest.param(
            {"etc/resolv.conf": "# Written by failberryd: the active line's\nnameserver 10.64.64.64\n"},
            [],
            id="our own list is no evidence",
        ),
        pytest.param(
            {"etc/resolv.conf": "nameserver fe80::1%wlan7\nnameserver fe80::2%1\nnameserver no\n"},
            ["fe80::2"],
            id="neighbours on other interfaces, and nonsense",
        ),
    ],
)
def test_the_first_that_says_something_is_believed(
    tmp_path: Path, files: dict[str, str], servers: list[str]
) -> None:
    write(tmp_path, **files)
    assert found(tmp_path) == servers


def test_an_interface_that_is_not_there_has_none(tmp_path: Path) -> None:
    write(tmp_path, **{"etc/resolv.conf": "nameserver 192.168.1.1\n"})
    assert look("gone0", tmp_path) == ()


def test_no_file_is_too_strange(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/netif/leases" / str(INDEX)).mkdir(parents=True)
    (tmp_path / "run/dhcpcd").mkdir(parents=True)
    (tmp_path / "run/dhcpcd/resolv.conf").write_bytes(b"no folder")
    (tmp_path / "var/lib/dhcp").mkdir(parents=True)
    (tmp_path / "var/lib/dhcp/dhclient.lo.leases").write_bytes(b"\xff\xfe\0option domain-name-servers ;" * 9)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").symlink_to("resolv.conf")
    assert look(LINE, tmp_path) == ()


def test_of_a_long_file_the_end_counts_and_of_many_servers_the_first(tmp_path: Path) -> None:
    text = "#" * 1_000_000 + "\n" + "".join(f"nameserver 192.168.1.{each}\n" for each in range(1, 9))
    write(tmp_path, **{"etc/resolv.conf": text})
    assert found(tmp_path) == [f"192.168.1.{each}" for each in range(1, 1 + MOST)]


def test_told_at_once_and_again_when_it_is_news(tmp_path: Path) -> None:
    async def test() -> None:
        told: asyncio.Queue[ResolversObserved] = asyncio.Queue()
        watch = ResolverWatch(told.put_nowait, LINE, tmp_path)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch.watch())
            assert await told.get() == ResolversObserved(servers=())
            write(tmp_path, **{"etc/resolv.conf": "nameserver 192.168.1.1\n"})
            watch.poke()
            assert await told.get() == ResolversObserved(servers=(ip_address("192.168.1.1"),))
            watch.poke()
            watch.choose("gone0")
            assert await told.get() == ResolversObserved(servers=())
            watching.cancel()

    asyncio.run(test())
