"""Orders to systemd about keepalived, given by a program of our own, and the files that keepalived reads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from failberry.adapters.vrrp import CONFIGURATION, TRACK, VrrpFiles, order
from failberry.policy import Vrrp

SHARED = Vrrp(address="192.168.1.254/24")


def systemctl(folder: Path, words: str) -> str:
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{words}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ('[ "$*" = "--no-ask-password --no-block stop failberry-vrrp.service" ]', None),
        ("echo Unit is masked. >&2; exit 1", "Unit is masked."),
        ("exit 4", "status 4"),
    ],
)
def test_an_order_is_given_once_and_its_failure_told(tmp_path: Path, words: str, problem: str | None) -> None:
    assert asyncio.run(order("stop", program=systemctl(tmp_path, words))) == problem


def test_a_systemd_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    problem = asyncio.run(order("stop", program=systemctl(tmp_path, "exec sleep 30"), deadline=0.2))
    assert problem == "systemd did not answer within 0.2 s"


def test_a_machine_without_systemd_is_told(tmp_path: Path) -> None:
    problem = asyncio.run(order("stop", program=str(tmp_path / "none")))
    assert problem is not None
    assert "cannot be run" in problem


def test_there_is_never_a_configuration_without_a_word_on_the_line(tmp_path: Path) -> None:
    files = VrrpFiles(tmp_path)
    assert files.configure(SHARED, "eth0") is True
    # Missing, it would count as proven.
    assert (tmp_path / TRACK).read_text() == "1\n"
    files.prove(proven=True)
    assert (tmp_path / TRACK).read_text() == "0\n"
    assert files.configure(SHARED, "eth0") is False
    assert (tmp_path / TRACK).read_text() == "0\n"
    assert files.configure(SHARED, "eth1") is True
    assert [files.remove(), files.remove()] == [True, False]
    assert list(tmp_path.iterdir()) == []


def test_what_the_owner_said_is_what_keepalived_reads(tmp_path: Path) -> None:
    files = VrrpFiles(tmp_path)
    files.configure(Vrrp(address="10.0.0.1/8", router_id=7, priority=33), "enx001122334455")
    text = (tmp_path / CONFIGURATION).read_text()
    for words in ("10.0.0.1/8 dev enx001122334455", "virtual_router_id 7\n", "priority 33\n"):
        assert words in text
