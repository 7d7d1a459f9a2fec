"""Our client of the function, and our questions to name servers: clocks, strangers, silence, floods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cloudlines import CELLULAR, HOST, MINE, NAME, World, asked, client, cloud_lines, fresh, publish, silent

from failberry.adapters.authority import Authority
from failberry.adapters.dnsmessage import Kind
from failberry.adapters.pinned import Line
from failberry.config import MOBILE_INTERFACE
from failberry.dns.calls import Failed, Reflect, Trouble, Verdict
from tests.awskit import chain

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with cloud_lines(tmp_path_factory.mktemp("authority")) as made:
        yield made


@pytest.fixture
def world(built: World, tmp_path: Path) -> World:
    return fresh(built, tmp_path)


def test_a_clock_that_is_an_hour_off_is_corrected_within_the_conversation(world: World) -> None:
    world.ahead = 3_600_000
    with world.function():
        ours = client(world)
        assert asked(world, publish(), ours).verdict is Verdict.CHANGED
        assert asked(world, publish(), ours).verdict is Verdict.UNCHANGED
        # Another process of ours was ahead, and this one knows nothing of it.
        world.ahead = 3_600_000 - 200_000
        assert asked(world, publish(), client(world)).verdict is Verdict.UNCHANGED


def test_a_clock_that_was_never_set_and_a_key_that_is_missing_cost_no_packet(world: World) -> None:
    before = world.carried()
    never = asked(world, publish(), client(world, wall=lambda: 1000.0))
    assert (never.trouble, never.evidence) == (
        Trouble.NO_CLOCK,
        "the clock of this machine says 1970-01-01: it was not set",
    )
    for environment in ({}, {"CREDENTIALS_DIRECTORY": "/nonexistent"}):
        missing = asked(world, publish(), client(world, environment=environment))
        assert (missing.trouble, missing.evidence) == (
            Trouble.KEY,
            "/etc/failberry/ddns.key is missing or empty",
        )
    Path(world.credentials, "ddns-key").write_text("secret")
    broken = asked(world, publish())
    assert broken.trouble is Trouble.KEY
    assert "secret" not in broken.evidence
    assert world.carried() == before


def test_a_certificate_of_tomorrow_is_a_clock_that_is_behind(world: World) -> None:
    context = world.authority.server(HOST, begins=timedelta(hours=2))
    with world.function(context=context):
        failed = asked(world, publish())
    assert (failed.trouble, "not yet valid" in failed.evidence) == (Trouble.CLOCK, True)
    context = world.authority.server(HOST, begins=timedelta(days=-40))
    with world.function(context=context):
        failed = asked(world, publish())
    assert (failed.trouble, "expired" in failed.evidence) == (Trouble.TLS, True)


@pytest.mark.parametrize("host", ["portal.example", None])
def test_whoever_cannot_prove_to_be_our_function_learns_nothing(
    world: World, tmp_path: Path, host: str | None
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    context = world.authority.server(host) if host else chain.authority(stranger).server(HOST)
    with world.function(context=context):
        failed = asked(world, publish())
    assert isinstance(failed, Failed)
    assert failed.trouble is Trouble.TLS
    assert world.zone.writes == []


def test_another_source_is_told_apart(world: World) -> None:
    with world.function() as function:
        function.source = "62.9.9.9"
        assert asked(world, publish()).trouble is Trouble.OTHER_SOURCE
        seen = asked(world, Reflect(number=1, timeout=5.0, over=CELLULAR, family=4))
        assert str(seen.address) == "62.9.9.9"
        answer = asked(world, publish("62.9.9.9", own=False))
        assert answer.verdict is Verdict.CHANGED
    assert world.zone.records == {(NAME, 4): "62.9.9.9"}


def test_a_wrong_secret_is_told(world: World) -> None:
    Path(world.credentials, "ddns-key").write_text("77" * 32)
    with world.function():
        failed = asked(world, publish())
    assert failed.trouble is Trouble.DENIED
    assert "'pi'" in failed.evidence
    assert "77" * 8 not in failed.evidence


def test_silence_ends_in_time(world: World) -> None:
    with silent(world):
        began = time.monotonic()
        failed = asked(world, publish(timeout=0.5))
    assert (failed.trouble, failed.evidence) == (
        Trouble.SILENT,
        f"{HOST} over {MOBILE_INTERFACE}: no answer in 0.5 s",
    )
    assert time.monotonic() - began < 3.0


def test_a_flood_is_cut_off(world: World) -> None:
    def endless(_event: object, _context: object) -> dict[str, object]:
        return {"statusCode": 200, "body": "x" * 1_000_000}

    world.handle, honest = endless, world.handle
    with world.function():
        world.handle = honest
        failed = asked(world, publish())
    assert failed.trouble in (Trouble.SILENT, Trouble.REFUSED)
    assert failed.octets < 100_000


def test_a_line_that_is_not_there_is_told(world: World) -> None:
    gone = replace(CELLULAR, interface="gone0")
    failed = asked(world, publish(over=gone))
    assert failed.trouble is Trouble.SILENT
    assert "gone0" in failed.evidence


def test_only_the_zones_own_servers_are_believed(world: World) -> None:
    world.zone.set(NAME, 4, MINE)
    honest = world.name_server

    def cached(message: bytes) -> bytes | None:
        answer = honest(message)
        return None if answer is None else answer[:2] + bytes((answer[2] & ~4,)) + answer[3:]

    async def test() -> None:
        authority, line = Authority(), Line(interface=MOBILE_INTERFACE)
        look = {"zone": "example.com", "name": NAME, "kind": Kind.A}
        with world.names():
            assert (await authority.look(line, CELLULAR.servers, **look))[0] == (ip_address(MINE),)
        world.name_server = cached
        try:
            with world.names(), pytest.raises(OSError, match="or somebody else does"):
                await authority.look(line, CELLULAR.servers, **look)
        finally:
            world.name_server = honest
        with world.names(), pytest.raises(OSError, match="nobody tells who serves"):
            await authority.look(line, CELLULAR.servers, **{**look, "zone": "example.org"})

    world.pi.run(test)
