"""Probes leave by the line they are meant for, and only true answers count."""

import asyncio
import contextlib
import socket
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest
from house import ANYONE, ANYONE6, GATEWAY, MOBILE, MOBILE6, OWN, OWN6, ROUTER, STANDBY, house

from failberry.adapters.prober import probe_line
from failberry.core.actions import ProbeLine
from failberry.core.events import LineProbed

pytestmark = pytest.mark.netns

TARGETS = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
SERVERS = ("198.18.0.53", "198.18.0.54")
TARGETS6 = ("2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::fe")
SERVERS6 = ("2001:db8:53::1", "2001:db8:53::2")
ICMP, UDP, ICMPV6 = 1, 17, 58
# An answer for the root as servers give it: no address, but who is responsible.
ROOT_SOA = b"\0\0\6\0\1\0\1\x51\x80\0\x40\1a\x0croot-servers\3net\0\5nstld\x0cverisign-grs\3com\0" + bytes(20)


@pytest.fixture
def home():
    with house() as made:
        yield made


def look(interface="fbcell0", *, targets=(), servers=(), timeout=0.3):
    return ProbeLine(
        deed=7,
        interface=interface,
        targets=tuple(map(ip_address, targets)),
        servers=tuple(map(ip_address, servers)),
        timeout=timeout,
    )


class RoundTrip(float):
    """Equal to whatever may have passed until the first answer to a ping."""

    __hash__ = None

    def __eq__(self, other):
        return isinstance(other, float) and 0 < other < 5


def probed(targets, servers, problem=None):
    rtt = RoundTrip() if targets else None
    return LineProbed(deed=7, targets_answered=targets, servers_answered=servers, problem=problem, rtt=rtt)


# --- who answers on the mobile line --------------------------------------------------------------


def checksum(message):
    message += b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


class Packet:
    """An IP packet of either version, taken apart."""

    def __init__(self, raw):
        self.raw, self.six = raw, raw[0] >> 4 == 6
        self.protocol = raw[6] if self.six else raw[9]
        wide = 16 if self.six else 4
        ends = raw[8:40] if self.six else raw[12:20]
        self.source, self.target = (ip_address(each) for each in (ends[:wide], ends[wide:]))
        self.payload = raw[40:] if self.six else raw[20:]

    def reply(self, payload, source=None):
        """A packet back, by default from where this one went to."""
        source = self.target if source is None else ip_address(source)
        ends = source.packed + self.source.packed
        if not self.six:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 60, self.protocol, 0) + ends
            return head[:10] + checksum(head) + head[12:] + payload
        at = 2 if self.protocol == ICMPV6 else 6
        pseudo = ends + struct.pack("!II", len(payload), self.protocol)
        summed = checksum(pseudo + payload[:at] + b"\0\0" + payload[at + 2 :])
        payload = payload[:at] + summed + payload[at + 2 :]
        return struct.pack("!IHBB", 0x60000000, len(payload), self.protocol, 60) + ends + payload

    def echo(self, *, change=lambda message: message, source=None):
        """The echo, with whatever change."""
        kind = 129 if self.six else 0
        message = bytearray(bytes((kind, 0, 0, 0)) + self.payload[4:])
        message = bytearray(change(message))
        if not self.six:
            message[2:4] = checksum(bytes(message))
        return self.reply(bytes(message), source)

    def dns(self, *, flags=0x8180, rest=None, number=0, source=None):
        """A DNS answer; its header's counts and what follows, by default an ordinary one."""
        ports, query = self.payload[:4], self.payload[8:]
        if rest is None:
            rest = b"\0\1\0\0\0\1\0\0" + query[12:] + ROOT_SOA
        asked = int.from_bytes(query[:2], "big")
        answer = struct.pack("!HH", asked ^ number, flags) + rest
        return self.reply(ports[2:] + ports[:2] + struct.pack("!HH", 8 + len(answer), 0) + answer, source)


def all_right(packet):
    return packet.dns() if packet.protocol == UDP else packet.echo()


@contextlib.contextmanager
def carrier(home, answer=lambda packet: None):
    """Answers what comes out of the mobile line; gives the list of what came and what was answered."""
    loop, came, answered = asyncio.get_running_loop(), [], []

    def read():
        packet = Packet(home.receive())
        if (packet.protocol, packet.payload[0]) in {(ICMP, 8), (ICMPV6, 128)} or packet.protocol == UDP:
            came.append(packet)
            replies = answer(packet) or ()
            for each in (replies,) if isinstance(replies, bytes) else replies:
                answered.append(each)
                home.send(each)

    loop.add_reader(home._wire, read)
    yield came, answered
    loop.remove_reader(home._wire)


def held():
    """What a probe must not leave behind: open files, watched files, tasks."""
    watched = asyncio.get_running_loop()._selector.get_map()
    return set(Path("/proc/self/fd").iterdir()), set(watched), asyncio.all_tasks()


def run(home, action, answer=lambda packet: None):
    """Look over the mobile line; the answer, what came out of it, and the seconds it took."""

    async def test():
        loop = asyncio.get_running_loop()
        with carrier(home, answer) as (came, _):
            begin, before = loop.time(), held()
            outcome = await probe_line(action)
            assert held() == before
            return outcome, came, loop.time() - begin

    return home.pi.run(test)


# --- pinned --------------------------------------------------------------------------------------


def heard(namespace):
    """Echo requests, and datagrams that nobody was there for, of both families."""
    rows = [line.split() for line in namespace.sh("cat", "/proc/net/snmp").splitlines()]
    six = dict(line.split() for line in namespace.sh("cat", "/proc/net/snmp6").splitlines())
    names = {(kind[0], name): int(value) for kind, row in zip(rows[::2], rows[1::2], strict=True)
             for name, value in zip(kind[1:], row[1:], strict=True)}  # fmt: skip
    return (
        names["Icmp:", "InEchos"] + int(six["Icmp6InEchos"]),
        names["Udp:", "NoPorts"] + int(six["Udp6NoPorts"]),
    )


@pytest.mark.parametrize(
    ("target", "server", "own"),
    [pytest.param(ANYONE, GATEWAY, MOBILE, id="IPv4"), pytest.param(ANYONE6, ANYONE6, MOBILE6, id="IPv6")],
)
def test_a_probe_of_the_mobile_line_leaves_by_it_though_the_wired_one_is_active(home, target, server, own):
    home.apply_mode(ROUTER)
    home.pi.ip(f"route add {ANYONE}/32 via {GATEWAY} dev eth0")  # and even a route of its own
    home.pi.ip(f"-6 route add {ANYONE6}/128 via fe80::1 dev eth0")
    outcome, came, _ = run(home, look(targets=[target], servers=[server]), all_right)
    assert outcome == probed(1, 1)
    assert {(str(each.source), str(each.target)) for each in came} == {(own, target), (own, server)}
    assert heard(home.router) == (0, 0)


@pytest.mark.parametrize("target", [pytest.param(ANYONE, id="IPv4"), pytest.param(ANYONE6, id="IPv6")])
def test_a_probe_of_the_wired_line_leaves_by_it_though_the_mobile_one_is_active(home, target):
    home.router.ip(f"addr add {ANYONE6}/128 dev lo", f"-6 route add {OWN6}/128 dev eth0")
    home.router.sh("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1")  # by its gateway or not at all
    home.apply_mode(STANDBY)
    outcome, came, _ = run(home, look("eth0", targets=[target], servers=[target], timeout=2), all_right)
    assert outcome == probed(1, 0)
    assert came == []
    assert heard(home.router) == (1, 1)


def test_a_default_route_in_disguise_does_not_divert_a_probe(home):
    home.pi.ip("route add 0.0.0.0/1 via 192.168.1.99 dev eth0", "route add 128.0.0.0/1 via 192.168.1.99")
    home.apply_mode(STANDBY)
    # As when the address came a moment ago: no rule knows it yet, the mark must do.
    home.pi.ip(f"rule del from {OWN} priority 20400", f"rule del from {OWN} priority 20500")
    assert run(home, look("eth0", targets=[ANYONE], timeout=5))[0] == probed(1, 0)


def test_a_server_behind_the_wired_line_answers(home):
    home.apply_mode(STANDBY)
    served = []

    async def serve():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        server.bind((ANYONE, 53))
        return server

    async def test():
        with home.router.run(serve) as server:

            def answer():
                query, who = server.recvfrom(512)
                served.append(who[0])
                server.sendto(query[:2] + b"\x81\x85" + bytes(8), who)  # REFUSED, and nothing else

            asyncio.get_running_loop().add_reader(server, answer)
            outcome = await probe_line(look("eth0", servers=[ANYONE], timeout=5))
            asyncio.get_running_loop().remove_reader(server)
            return outcome

    assert home.pi.run(test) == probed(0, 1)
    assert served == [OWN]


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "servers", "most"),
    [
        pytest.param(TARGETS, SERVERS, 556, id="IPv4"),
        pytest.param(TARGETS6, SERVERS6, 756, id="IPv6"),
    ],
)
def test_it_ends_as_soon_as_all_have_answered_and_costs_what_is_documented(home, targets, servers, most):
    home.apply_mode(STANDBY)

    async def test():
        with carrier(home, all_right) as (came, answered):
            outcome = await probe_line(look(targets=targets, servers=servers, timeout=60))
            return outcome, sum(len(each.raw) for each in came) + sum(map(len, answered))

    outcome, cost = home.pi.run(test)
    assert outcome == probed(3, 2)
    assert most - 5 <= cost <= most


def test_a_black_hole_answers_nothing_and_costs_no_more_than_the_time_allowed(home):
    home.apply_mode(STANDBY)
    outcome, came, took = run(home, look(targets=TARGETS, servers=SERVERS))
    assert outcome == probed(0, 0)
    assert sorted(str(each.target) for each in came) == sorted((*TARGETS, *SERVERS))
    assert 198 <= sum(len(each.raw) for each in came) <= 203
    assert 0.3 <= took < 1.0


def test_some_answer_and_some_do_not(home):
    home.apply_mode(STANDBY)

    def some(packet):
        return all_right(packet) if str(packet.target) in {TARGETS[1], SERVERS[0]} else None

    outcome, _, took = run(home, look(targets=TARGETS, servers=SERVERS), some)
    assert outcome == probed(1, 1)
    assert took >= 0.3


def swapped(at):
    def change(message):
        message[at] ^= 1
        return message

    return change


NO_ECHO = {
    "another identifier": lambda packet: packet.echo(change=swapped(4)),
    "another sequence number": lambda packet: packet.echo(change=swapped(7)),
    "another payload": lambda packet: packet.echo(change=swapped(-1)),
    "less payload": lambda packet: packet.echo(change=lambda message: message[:-2]),
    "more payload": lambda packet: packet.echo(change=lambda message: message + b"\0\0"),
    "no payload": lambda packet: packet.reply(b""),
    "the question itself": lambda packet: packet.reply(packet.payload),
    "unreachable": lambda packet: packet.reply(
        b"\3\1" + checksum(b"\3\1" + packet.raw[:28]) + bytes(4) + packet.raw[:28]
    ),
}


@pytest.mark.parametrize("reply", NO_ECHO)
def test_what_is_no_echo_of_ours_does_not_count(home, reply):
    home.apply_mode(STANDBY)
    outcome, _, _ = run(home, look(targets=[TARGETS[0]]), NO_ECHO[reply])
    assert outcome == probed(0, 0)


@pytest.mark.parametrize("targets", [("1.1.1.1", "1.0.0.1"), ("2001:db8:53::1", "2001:db8:53::2")])
def test_an_echo_from_somebody_else_does_not_count(home, targets):
    home.apply_mode(STANDBY)
    outcome, came, _ = run(home, look(targets=targets[:1]), lambda packet: packet.echo(source=targets[1]))
    assert len(came) == 1
    assert outcome == probed(0, 0)


def test_what_strays_in_before_does_not_hide_the_true_answer(home):
    home.apply_mode(STANDBY)

    def flood(packet):
        return [*(packet.echo(change=swapped(-1)) for _ in range(50)), packet.echo()]

    assert run(home, look(targets=TARGETS, timeout=20), flood)[0] == probed(3, 0)


DNS = {
    "an ordinary answer": (1, lambda packet: packet.dns()),
    "it does not know the name": (1, lambda packet: packet.dns(flags=0x8183)),
    "it refuses, and repeats no question": (1, lambda packet: packet.dns(flags=0x8105, rest=bytes(8))),
    "another number": (0, lambda packet: packet.dns(number=1)),
    "a question": (0, lambda packet: packet.dns(flags=0x0100)),
    "a notification": (0, lambda packet: packet.dns(flags=0xA000)),
    "another question": (0, lambda packet: packet.dns(rest=b"\0\1" + bytes(6) + b"\1a\0\0\1\0\1")),
    "cut short": (0, lambda packet: packet.dns(rest=b"\0\1")),
    "somebody else": (0, lambda packet: packet.dns(source="198.18.0.99")),
}


@pytest.mark.parametrize("answer", DNS)
def test_any_true_answer_of_a_name_server_counts(home, answer):
    home.apply_mode(STANDBY)
    counted, reply = DNS[answer]
    assert run(home, look(servers=[SERVERS[0]]), reply)[0] == probed(0, counted)


def test_no_two_questions_are_alike(home):
    home.apply_mode(STANDBY)
    everything = look(targets=[TARGETS[0]] * 4, servers=[SERVERS[0]] * 4, timeout=5)
    outcome, came, _ = run(home, everything, all_right)
    assert outcome == probed(4, 4)
    assert len({each.payload[4:] for each in came}) == 8


# --- nothing to send over ------------------------------------------------------------------------


def test_there_is_no_such_interface(home):
    outcome, _, _ = run(home, look("gone0", targets=TARGETS, servers=SERVERS))
    assert outcome == probed(0, 0, "there is no interface gone0")


def test_the_interface_is_down(home):
    home.pi.ip("link set lan0 down")
    outcome, _, _ = run(home, look("lan0", targets=TARGETS))
    assert outcome == probed(0, 0, "nothing could be sent over lan0: Network is unreachable")


@pytest.mark.parametrize("target", [ANYONE, ANYONE6])
def test_an_interface_without_an_address_borrows_none(home, target):
    home.pi.ip("addr flush dev lan0", f"-6 route add {ANYONE6}/128 dev lan0")
    version = ip_address(target).version
    outcome, _, _ = run(home, look("lan0", targets=[target]))
    assert outcome == probed(0, 0, f"nothing could be sent over lan0: lan0 has no IPv{version} address")


def test_a_family_that_the_line_lacks_is_no_problem_while_the_other_can_ask(home):
    home.apply_mode(STANDBY)
    home.pi.ip(f"addr del {MOBILE6}/64 dev fbcell0")
    outcome, _, _ = run(home, look(targets=[TARGETS[0], ANYONE6]), all_right)
    assert outcome == probed(1, 0)


def test_nobody_to_ask(home):
    assert run(home, look())[0].problem == "nothing could be sent over fbcell0: there was nobody to ask"
