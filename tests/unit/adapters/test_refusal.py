"""A refused version, in words."""

from __future__ import annotations

from failberry.adapters import refusal

WRITTEN = (
    b"version=0.2.0\nprevious=0.1.0\nat=2026-11-21T03:12:09Z\n"
    b"reason=its daemon ended by itself, 3 times\noutcome=was put back\n"
)


def test_what_happened_and_what_comes_next() -> None:
    (told,) = refusal.notices(WRITTEN, running="0.1.0")
    assert told.code == "version_refused"
    assert told.text == (
        "version 0.2.0 was refused (2026-11-21 03:12:09 UTC): its daemon ended by itself, 3 times;"
        " 0.1.0 was put back"
    )
    assert "a newer version" in told.cure
    assert "forget" in told.cure


def test_a_version_that_could_not_be_put_back_names_the_package_to_install() -> None:
    (told,) = refusal.notices(WRITTEN.replace(b"was put back", b"could not be put back"), running="0.2.0")
    assert "0.1.0 could not be put back" in told.text
    assert "previous.deb" in told.cure


def test_what_is_no_note_says_nothing() -> None:
    for written in (b"", b"version=1\n", b"reason=why\n", b"\0\xff", b"=\n=\n", b"version\nreason\n"):
        assert refusal.notices(written) == ()
