"""Notices of other programs of ours, from the files that they leave."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from failberry.adapters import cardupdate, refusal, stuck
from failberry.adapters.notes import NOTES, Note, watch
from failberry.core.events import NoticesChanged
from failberry.system.ledger import Ledger, render

STUCK = '{"what": "a", "why": "b"}'


def look(*notes: Note) -> list[NoticesChanged]:
    """What is told at the first look, which comes at once."""
    told = list[NoticesChanged]()

    async def patiently() -> None:
        async with asyncio.timeout(0.02):
            await watch(told.append, notes)

    try:
        asyncio.run(patiently())
    except TimeoutError:
        return told
    raise AssertionError("it runs until it is cancelled")


def note(path: Path) -> Note:
    return Note(source=path.name, path=str(path), words=stuck.notices)


def test_it_is_told_when_it_is_there(tmp_path: Path) -> None:
    assert look(note(tmp_path / "good")) == []
    (tmp_path / "good").write_text(STUCK)
    [told] = look(note(tmp_path / "good"))
    assert (told.source, told.notices[0].text) == ("good", "a: b")


def test_no_link_is_followed_and_no_pipe_is_waited_for(tmp_path: Path) -> None:
    good, link, pipe = tmp_path / "good", tmp_path / "link", tmp_path / "pipe"
    good.write_text(STUCK)
    link.symlink_to(good)
    os.mkfifo(pipe)
    # The last of them is the one that says something.
    assert [each.source for each in look(note(link), note(pipe), note(good))] == ["good"]


def test_an_update_that_came_to_nothing_is_told_until_one_comes_to_something() -> None:
    failed = Ledger().ended(
        "2026-11-22T03:14:15+00:00", "rolled-back", "no sign of life from its Linux\x1b[2J"
    )
    [told] = cardupdate.notices(render(failed).encode())
    assert told.code == cardupdate.CODE
    assert told.text == (
        "an update was tried and taken back (2026-11-22 03:14): no sign of life from its Linux [2J"
    )
    assert cardupdate.notices(render(failed.ended("", "committed")).encode()) == ()
    for nothing in (b"", b"[]", b"{", b"\xff", render(Ledger()).encode()):
        assert cardupdate.notices(nothing) == ()


def test_each_speaks_for_itself() -> None:
    assert {each.source for each in NOTES} == {"upgrade", "notify", "card"}
    assert NOTES[0].words(b"version=2\nreason=it crashed\n")[0].code == "version_refused"
    assert NOTES[0].path == refusal.REFUSED
