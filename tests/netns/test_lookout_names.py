"""Names and pages are asked over the line alone, of its own servers, and a false answer is no answer."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address

import pytest
from house import until
from town import socket_in
from twins import TARGETS, WIRED, WIRED6, name_answer, name_server, plan, some, twins, watching, web_server

from failberry.adapters.pinned import Line
from failberry.adapters.questions import resolve
from failberry.core.events import ProbeAnswered, ProbeMissed
from failberry.core.probing import Kind, Page

pytestmark = pytest.mark.netns

SERVER, SERVER6 = TARGETS[0], "2001:db8:ffff::7"
WEB = TARGETS[1]
NAME = "example.com"
LINE = Line(interface="eth0")


@pytest.fixture(scope="module")
def lines():
    with twins() as made:
        yield made


def told_of(lines, what, reply, *, server=SERVER, **settings):
    """The first events of this type about a name, and who asked."""

    async def test():
        wired, mobile = lines.wired.namespace, lines.mobile.namespace
        with name_server(wired, server, reply) as asked, name_server(mobile, server, reply) as strangers:
            wanted = plan(servers=[server], name=NAME, **{"name_interval": 0.1, **settings})
            async with watching(lines, wanted) as (_, told):
                found = await some(told, what, kind=Kind.NAME)
                assert strangers == []
                return told if what is ProbeAnswered else found, asked

    return lines.pi.run(test)


@pytest.mark.parametrize(("server", "own"), [(SERVER, WIRED), (SERVER6, WIRED6)])
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda query: name_answer(query, 0x8180, WEB), id="addresses"),
        pytest.param(lambda query: name_answer(query, 0x8180), id="it has none"),
        pytest.param(lambda query: name_answer(query, 0x8183), id="there is no such name"),
    ],
)
def test_an_answer(lines, server, own, reply):
    told, asked = told_of(lines, ProbeAnswered, reply, server=server)
    assert [type(each) for each in told] == [ProbeAnswered]
    assert (str(told[0].peer), told[0].kind) == (server, Kind.NAME)
    assert 0 < told[0].rtt < 1
    assert set(asked) == {own}


FALSE = {
    "SERVFAIL": (lambda query: name_answer(query, 0x8182), " answered SERVFAIL for example.com"),
    "REFUSED": (lambda query: query[:2] + b"\x81\x85" + bytes(8), " answered REFUSED for example.com"),
    "cut short": (
        lambda query: name_answer(query, 0x8180, WEB)[:-1],
        " answered for example.com with a broken message: a record is cut short",
    ),
    "another number": (lambda query: b"\0\0" + name_answer(query, 0x8180, WEB)[2:], None),
    "another name": (lambda query: name_answer(query.replace(b"example", b"exbmple"), 0x8180, WEB), None),
    "silence": (lambda _: None, None),
}


@pytest.mark.parametrize("answer", FALSE)
def test_no_answer(lines, answer):
    reply, problem = FALSE[answer]
    found, _ = told_of(lines, ProbeMissed, reply, name_timeout=0.2)
    # The first name asked of a server is one that nobody has asked for before.
    said = re.sub(r" [0-9a-f]{8}\.", " ", found[0].problem)
    assert said == ("" if problem is None else SERVER + problem)
    assert str(found[0].peer) == SERVER
    assert not found[0].portal


def test_a_server_that_only_remembers_is_found_out(lines):
    queries = []

    def remembers(query):
        queries.append(query)
        return name_answer(query, 0x8180, WEB) if query[12:].startswith(b"\7example\3com\0") else None

    told_of(lines, ProbeMissed, remembers, name_timeout=0.2)
    assert queries
    assert all(query[12:13] == b"\x08" and b"\7example\3com\0" in query for query in queries)


def test_a_server_that_resolves_is_asked_for_the_known_name_afterwards(lines):
    queries = []

    def resolves(query):
        queries.append(query[12:])
        return name_answer(query, 0x8183)

    async def test():
        with name_server(lines.wired.namespace, SERVER, resolves):
            async with watching(lines, plan(servers=[SERVER], name=NAME, name_interval=0.1)):
                await until(lambda: len(queries) > 4)

    lines.pi.run(test)
    assert [query.startswith(b"\7example\3com\0") for query in queries[:5]] == [False, *[True] * 4]


def test_a_late_answer_is_told_after_its_miss(lines):
    async def test():
        loop, wired = asyncio.get_running_loop(), lines.wired.namespace
        with socket_in(wired, SERVER, 53, kind=2) as server:
            server.settimeout(0)

            def read():
                query, who = server.recvfrom(512)
                loop.call_later(0.3, lambda: server.sendto(name_answer(query, 0x8180), who))

            loop.add_reader(server, read)
            wanted = plan(servers=[SERVER], name=NAME, name_interval=60, name_timeout=0.1)
            async with watching(lines, wanted) as (_, told):
                await some(told, ProbeAnswered, kind=Kind.NAME)
            loop.remove_reader(server)
            return told

    missed, answered = lines.pi.run(test)
    assert (type(missed), type(answered)) == (ProbeMissed, ProbeAnswered)
    assert missed.sent == answered.sent
    assert answered.rtt >= 0.3


def test_a_server_without_a_way_to_it_is_told_at_once(lines):
    async def test():
        async with watching(lines, plan(servers=["10.9.9.9"], name="a" * 64 + ".example")) as (_, told):
            return (await some(told, ProbeMissed, kind=Kind.NAME))[0].problem

    assert "is not a domain name" in lines.pi.run(test)


# --- addresses of a name -------------------------------------------------------------------------


def test_the_first_server_that_knows_wins_and_a_lost_packet_is_asked_again(lines):
    lost = []

    def forgetful(query):
        lost.append(query)
        return name_answer(query, 0x8180, WEB) if len(lost) > 1 else None

    async def test():
        wired, servers = lines.wired.namespace, tuple(map(ip_address, TARGETS))
        with (
            name_server(wired, TARGETS[0], forgetful),
            name_server(wired, TARGETS[1], lambda query: name_answer(query, 0x8182)),
            name_server(wired, TARGETS[2], lambda query: name_answer(query, 0x8180)),
        ):
            return await resolve(LINE, servers, NAME)

    assert lines.pi.run(test) == (ip_address(WEB),)


def test_nobody_knows(lines):
    async def test():
        wired, servers = lines.wired.namespace, tuple(map(ip_address, TARGETS[:2]))
        with (
            name_server(wired, TARGETS[0], lambda query: name_answer(query, 0x8182)),
            name_server(wired, TARGETS[1], lambda query: name_answer(query, 0x8180)),
            pytest.raises(OSError, match=r"cannot be resolved: .* SERVFAIL .*; .* knows no address of it"),
        ):
            await resolve(LINE, servers, NAME)
        with pytest.raises(OSError, match="the line has no name server"):
            await resolve(LINE, (), NAME)

    lines.pi.run(test)


# --- pages ---------------------------------------------------------------------------------------

EMPTY = Page(host=NAME, port=80, path="/generate_204", text="")
TEXT = Page(host=WEB, port=80, path="/success.txt", text="success")


def fetched(lines, page, answer, *, servers=(SERVER,), seconds=5.0):
    """The first event about a page, and the requests."""

    async def test():
        wired = lines.wired.namespace
        with name_server(wired, SERVER, lambda query: name_answer(query, 0x8180, WEB)) as asked:
            async with web_server(wired, WEB, answer) as requests:
                wanted = plan(servers=servers, pages=(page,), page_timeout=seconds)
                async with watching(lines, wanted) as (_, told):
                    await until(lambda: bool(told), seconds=seconds + 2)
                    return told[0], requests, asked

    return lines.pi.run(test)


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        pytest.param(EMPTY, b"HTTP/1.1 204 No Content\r\n\r\n", id="empty"),
        pytest.param(TEXT, b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n", id="the text"),
    ],
)
def test_a_page(lines, page, answer):
    told, requests, asked = fetched(lines, page, answer)
    assert isinstance(told, ProbeAnswered)
    assert (told.kind, str(told.peer)) == (Kind.PAGE, WEB)
    assert requests == [
        f"GET {page.path} HTTP/1.1\r\nHost: {page.host}\r\nUser-Agent: failberry\r\n"
        "Connection: close\r\n\r\n".encode()
    ]
    assert asked == ([WIRED] if page is EMPTY else [])


@pytest.mark.parametrize(
    ("page", "answer", "problem", "portal"),
    [
        pytest.param(
            EMPTY,
            b"HTTP/1.1 302 Found\r\nLocation: http://login.example/?go\r\nContent-Length: 0\r\n\r\n",
            f"{WEB} answered for {NAME} with a redirect to http://login.example/?go",
            True,
            id="a portal that redirects",
        ),
        pytest.param(
            TEXT,
            b"HTTP/1.1 200 OK\r\n\r\n" + b"pay first! " * 1000,
            f"{WEB} answered for {WEB} with another text than 'success'",
            True,
            id="a portal that talks without end",
        ),
        pytest.param(EMPTY, b"220 hello\r\n", f"{WEB} answered for {NAME} with no HTTP", False, id="no HTTP"),
    ],
)
def test_another_page(lines, page, answer, problem, portal):
    told, _, _ = fetched(lines, page, answer)
    assert isinstance(told, ProbeMissed)
    assert (told.kind, str(told.peer), told.problem, told.portal) == (Kind.PAGE, WEB, problem, portal)


def missed(lines, page, *, seconds=5.0, listening=False, servers=()):
    async def test():
        async with watching(lines, plan(pages=(page,), servers=servers, page_timeout=seconds)) as (_, told):
            await until(lambda: bool(told), seconds=seconds + 2)
            return told[0]

    if not listening:
        return lines.pi.run(test)
    with socket_in(lines.wired.namespace, WEB, 80) as silent:
        silent.listen()
        return lines.pi.run(test)


def test_no_page(lines):
    refused = missed(lines, TEXT)
    assert (str(refused.peer), refused.problem) == (WEB, f"{WEB}: Connection refused")
    silent = missed(lines, TEXT, seconds=0.3, listening=True)
    assert (str(silent.peer), silent.problem) == (WEB, f"{WEB}: no answer from {WEB} in 0.3 s")
    nameless = missed(lines, EMPTY)
    assert nameless.peer is None
    assert nameless.problem == f"{NAME}: {NAME} cannot be resolved: the line has no name server"
    slow = missed(lines, EMPTY, seconds=0.3, servers=["10.9.9.9"])
    assert slow.peer is None
    assert not any(each.portal for each in (refused, silent, nameless, slow))
