"""The file that resolvers read."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

from failberry.adapters.resolvers import MOST, Resolvers


def servers(file: Path) -> list[str]:
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert all(line.startswith("nameserver ") for line in lines)
    return [line.split()[1] for line in lines]


def test_the_file_names_its_writer_and_everybody_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "names" / "resolv.conf"
    mask = os.umask(0o077)
    try:
        assert Resolvers(file).keep([ip_address("192.0.2.53"), ip_address("2001:db8::53")]) is None
    finally:
        os.umask(mask)
    assert "failberryd" in file.read_text().splitlines()[0]
    assert servers(file) == ["192.0.2.53", "2001:db8::53"]
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o755, 0o644)
    assert [path.name for path in file.parent.iterdir()] == ["resolv.conf"]


def test_it_is_replaced_whole_and_only_for_a_reason(tmp_path: Path) -> None:
    resolvers = Resolvers(tmp_path / "resolv.conf")

    def written(*addresses: str) -> int:
        assert resolvers.keep([ip_address(each) for each in addresses]) is None
        return (tmp_path / "resolv.conf").stat().st_ino

    first = written("192.0.2.53")
    assert written("192.0.2.53") == first
    assert written("198.51.100.53") != first
    # Somebody else wrote into it.
    (tmp_path / "resolv.conf").write_text("nameserver 203.0.113.1\n")
    written("198.51.100.53")
    assert servers(tmp_path / "resolv.conf") == ["198.51.100.53"]


def test_no_server_at_all_leaves_the_last_ones(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    resolvers = Resolvers(file)
    assert resolvers.keep([]) is None
    assert not file.exists()
    resolvers.keep([ip_address("192.0.2.53")])
    resolvers.keep([])
    assert servers(file) == ["192.0.2.53"]


def test_what_cannot_be_asked_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    many = [f"192.0.2.{number}" for number in range(20)]
    told = ["fe80::1", "fe80::2%eth0", "192.0.2.53", "192.0.2.53", *many]
    Resolvers(file).keep([ip_address(each) for each in told])
    assert servers(file)[:3] == ["fe80::2%eth0", "192.0.2.53", "192.0.2.0"]
    assert len(servers(file)) <= MOST


def test_a_folder_that_takes_nothing_is_told_with_what_follows(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("in the way")
    problem = Resolvers(tmp_path / "names" / "resolv.conf").keep([ip_address("192.0.2.53")])
    assert problem is not None
    assert "names are asked over the former line" in problem
