"""Connections and their lines, with real packets: kept, dropped, weighed, begun anew; by both back ends."""

import contextlib
import errno
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from backends import BACKENDS
from town import (
    FAR,
    FAR6,
    HOST,
    HOST6,
    MOBILE,
    NEAR,
    PATIENCE,
    call,
    is_reset,
    reaches,
    server,
    socket_in,
    talk,
    told_unreachable,
    town,
)

from failberry.adapters import flows
from failberry.adapters.firewall import NFTABLES
from failberry.adapters.flows import drop_flows, weigh_flows
from failberry.config import Mode
from failberry.core.actions import DropFlows, Flows, WeighFlows
from failberry.core.snapshot import UplinkName

pytestmark = pytest.mark.netns

BOTH_WAYS, BOTH_WAYS6 = FAR, FAR6
"""Somebody who is reached over either line, and is another machine on each: so one sees which was taken."""
ONLY_MOBILE = "198.51.100.81"
"""Somebody whom the wired line swallows without a word."""
PUBLIC = "9.9.9.9"
"""The same as BOTH_WAYS, with an address that is not one of documentation's."""
OTHERS_MARK = 0x80000


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def backend(request):
    return request.param


@pytest.fixture(scope="module")
def dual(backend):
    with town(Mode.DUAL_WAN_ROUTER, backend) as made:
        made.wired.ip(f"addr add {BOTH_WAYS}/32 dev lo", f"addr add {BOTH_WAYS6}/128 dev lo")
        made.wired.ip(f"route add blackhole {ONLY_MOBILE}/32")
        made.mobile.ip(f"addr add {ONLY_MOBILE}/32 dev lo")
        for each in (made.wired, made.mobile):
            each.ip(f"addr add {PUBLIC}/32 dev lo")
        yield made


@pytest.fixture
def router(dual):
    """The wired line is active, and nothing is remembered."""
    dual.apply(dual.config(), active=UplinkName.WIRED)
    with contextlib.suppress(subprocess.CalledProcessError):  # that it was empty already is an error
        dual.pi.sh("conntrack", "-F")
    return dual


def switch(place, line):
    place.apply(place.config(), active=line)


def drop(place, line, which=Flows.ALL):
    answer = place.pi.run(lambda: drop_flows(DropFlows(deed=7, line=line, flows=which)))
    assert (answer.deed, answer.problem) == (7, None)
    return answer.count


def weigh(place, line):
    return place.pi.run(lambda: weigh_flows(WeighFlows(deed=8, line=line))).packets_in


def known(place, *words):
    """Connections that the Pi knows of, as conntrack(8) lists them."""
    listing = [
        line
        for family in ("ipv4", "ipv6")
        for line in place.pi.sh("conntrack", "-L", "-f", family).splitlines()
    ]
    return [line for line in listing if all(word in line for word in words)]


@contextlib.contextmanager
def both_ends(place, kind=socket.SOCK_STREAM, port=80):
    """The same service behind either line."""
    with contextlib.ExitStack() as stack:
        made = []
        for where in (place.wired, place.mobile):
            each = stack.enter_context(socket_in(where, BOTH_WAYS, port, kind))
            if kind is socket.SOCK_STREAM:
                each.listen(8)
            made.append(each)
        yield made


def ping_pong(client, there):
    client.send(b"ping")
    question, peer = there.recvfrom(16)
    there.sendto(b"pong", peer)
    return (question, client.recv(16)) == (b"ping", b"pong")


# --- lines ----------------------------------------------------------------------------------------


def test_open_connections_keep_their_line_until_they_are_dropped_and_then_begin_anew(router):
    lines = {UplinkName.WIRED: 0, UplinkName.CELLULAR: 1}
    with (
        both_ends(router) as shops,
        both_ends(router, socket.SOCK_DGRAM, 5060) as phones,
        socket_in(router.house, HOST, 5060, socket.SOCK_DGRAM) as phone,
    ):
        phone.connect((BOTH_WAYS, 5060))
        for old, new in ((UplinkName.WIRED, UplinkName.CELLULAR), (UplinkName.CELLULAR, UplinkName.WIRED)):
            with call(router.house, HOST, BOTH_WAYS, 80) as client:
                there, _ = shops[lines[old]].accept()
                with there:
                    assert talk(client, there)
                    assert ping_pong(phone, phones[lines[old]])
                    switch(router, new)
                    # Suspected only: what is open stays ...
                    assert talk(client, there)
                    assert ping_pong(phone, phones[lines[old]])
                    assert drop(router, old, Flows.UNANSWERED) == 0
                    assert talk(client, there)
                    # ... and what is new does not.
                    with call(router.house, HOST, BOTH_WAYS, 80) as second:
                        other, _ = shops[lines[new]].accept()
                        with other:
                            assert talk(second, other)
                            assert drop(router, old) >= 2
                            assert talk(second, other)
                    assert is_reset(client)
                    assert ping_pong(phone, phones[lines[new]])


def test_ipv6_connections_too_keep_their_line_and_begin_anew(router):
    with (
        server(router.wired, BOTH_WAYS6, 80) as shop,
        server(router.mobile, BOTH_WAYS6, 80),
        call(router.house, HOST6, BOTH_WAYS6, 80) as client,
    ):
        there, _ = shop.accept()
        with there:
            switch(router, UplinkName.CELLULAR)
            assert talk(client, there)
            assert drop(router, UplinkName.WIRED) == 1
            assert is_reset(client)
            assert not known(router, f"dst={BOTH_WAYS6}", "ESTABLISHED")


def test_what_was_never_answered_is_freed_and_its_next_try_goes_the_new_way(router):
    with (
        server(router.mobile, ONLY_MOBILE, 80) as shop,
        socket_in(router.house, HOST) as client,
    ):
        client.settimeout(0)
        assert client.connect_ex((ONLY_MOBILE, 80)) == errno.EINPROGRESS
        deadline = time.monotonic() + PATIENCE
        while not known(router, f"dst={ONLY_MOBILE}", "UNREPLIED", f"mark={0x1000000}"):
            assert time.monotonic() < deadline
        switch(router, UplinkName.CELLULAR)
        assert drop(router, UplinkName.WIRED, Flows.UNANSWERED) == 1
        # The kernel tries again after 1, 3 and 7 seconds.
        assert select.select([], [client], [], PATIENCE)[1]
        there, peer = shop.accept()
        there.close()
        assert peer[0] == MOBILE


def test_nothing_of_others_is_touched_and_no_probe_of_ours(router):
    create = f"-I -p udp -d {NEAR} --dport 53 -t 60"
    for number, mark in enumerate((OTHERS_MARK, 0, 0x2000000, 0x1000000, 0x1000000 | OTHERS_MARK), 1):
        router.pi.sh("conntrack", *f"{create} -s 10.9.9.9 --sport {number} -m {mark:#x}".split())
    # Pinned as a probe is, with a mark of its own; and any other ping of the Pi.
    router.pi.sh("ping", "-c1", "-W2", "-I", "wan0", "-m", str(0x1000000), "-e", "100", NEAR)
    router.pi.sh("ping", "-c1", "-W2", "-e", "200", NEAR)
    assert drop(router, UplinkName.WIRED) == 3
    ports = {word for line in known(router, "10.9.9.9") for word in line.split() if word.startswith("sport=")}
    assert ports == {"sport=1", "sport=2", "sport=3", "sport=53"}
    (probe,) = known(router, "icmp")
    assert "id=100 " in probe
    assert drop(router, UplinkName.CELLULAR) == 1


def test_a_kernel_that_refuses_is_told_and_nothing_raised():
    # With root's user id, but without the capability.
    here = Path(flows.__file__).parents[2]
    answers = (
        "import asyncio; from failberry.adapters.flows import *\n"
        "line = UplinkName.WIRED\n"
        "print(asyncio.run(drop_flows(DropFlows(deed=1, line=line, flows=Flows.ALL))))\n"
        "print(asyncio.run(weigh_flows(WeighFlows(deed=2, line=line))))"
    )
    command = ["setpriv", "--bounding-set=-net_admin", "unshare", "--net", sys.executable, "-c", answers]
    said = subprocess.run(command, cwd=here, check=True, capture_output=True, text=True, timeout=20).stdout
    assert "count=0, problem='the connections of the wired line cannot be dropped: " in said
    assert "Operation not permitted" in said
    assert "FlowsWeighed(deed=2, packets_in=None)" in said


def test_a_table_full_of_connections_is_no_matter(router):
    lines = "".join(
        f"-I -p udp -s 10.1.{number >> 8}.{number & 255} -d {NEAR} --sport 1 --dport 2 -t 60 -m 0x1000000\n"
        for number in range(3000)
    )
    inside = ["ip", "netns", "exec", router.pi.name, "conntrack", "-R", "-"]
    subprocess.run(inside, input=lines, text=True, check=True, capture_output=True, timeout=20)
    assert drop(router, UplinkName.WIRED, Flows.UNANSWERED) == 3000
    assert drop(router, UplinkName.WIRED) == 0


def test_what_comes_back_is_weighed_where_the_kernel_counts_it(router):
    accounting = "net.netfilter.nf_conntrack_acct={}"
    router.pi.sh("sysctl", "-qw", accounting.format(0))
    assert weigh(router, UplinkName.WIRED) is None
    router.pi.sh("sysctl", "-qw", accounting.format(1))
    with socket_in(router.wired, PUBLIC, 53, socket.SOCK_DGRAM) as names:
        for target, server_ in ((PUBLIC, names), (NEAR, None)):
            with socket_in(router.house, HOST, 0, socket.SOCK_DGRAM) as client:
                client.connect((target, 53))
                if server_ is not None:
                    for _ in range(3):
                        assert ping_pong(client, server_)
                else:
                    client.send(b"nobody there")
    assert weigh(router, UplinkName.WIRED) == 3
    assert weigh(router, UplinkName.CELLULAR) == 0


def test_connections_that_are_older_than_conntrack_begin_anew_once():
    # As on a machine that passed packets on without looking at them, until we came.
    with (
        town(Mode.DUAL_WAN_ROUTER, NFTABLES) as place,
        server(place.wired, NEAR, 80) as shop,
        call(place.house, HOST, NEAR, 80) as client,
    ):
        there, peer = shop.accept()
        with there:
            assert peer[0] == HOST
            assert talk(client, there)
            place.apply(place.config(), active=UplinkName.WIRED)
            assert is_reset(client)


@pytest.mark.parametrize("older", ["add rule ip owner out masquerade", "add rule ip owner out ct state new"])
def test_connections_that_somebody_else_had_tracked_go_on(older):
    with town(Mode.DUAL_WAN_ROUTER, NFTABLES) as place:
        place.pi.sh("nft", "add table ip owner")
        hook = "type nat hook postrouting priority 99;"
        place.pi.sh("nft", f"add chain ip owner out {{ {hook} }}")
        place.pi.sh("nft", older)
        with server(place.wired, NEAR, 80) as shop, call(place.house, HOST, NEAR, 80) as client:
            there, _ = shop.accept()
            with there:
                assert talk(client, there)
                place.apply(place.config(), active=UplinkName.WIRED)
                assert talk(client, there)
                assert known(place, "ESTABLISHED", f"mark={0x1000000}")


def test_ipv6_is_refused_at_once_where_no_line_has_it(router):
    router.apply(router.config(), active=UplinkName.CELLULAR, six=None)
    with server(router.mobile, BOTH_WAYS6, 80), server(router.mobile, BOTH_WAYS, 80):
        # Within the second try at the latest: here the answer comes while the socket is still busy sending.
        with pytest.raises(OSError, match=r"unreachable|No route"), call(router.house, HOST6, BOTH_WAYS6, 80):
            pass
        assert reaches(router.house, HOST, BOTH_WAYS, 80, hoped=True)
    assert told_unreachable(router.house, HOST6, BOTH_WAYS6)
