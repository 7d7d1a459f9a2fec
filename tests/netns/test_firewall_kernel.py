"""Both back ends write the real kernel, in namespaces of their own, and touch nothing else there."""

import re
import subprocess
from ipaddress import ip_interface

import pytest
from backends import BACKENDS, IPTABLES_WORKS
from namespace import namespaces

from failberry.adapters.firewall import IPTABLES, NFTABLES, FirewallAdapter
from failberry.adapters.firewall.backend import difference
from failberry.config import Config, Firewall, FirewallBackend, Lan, Mode, PortForward, Protocol, Wired
from failberry.core.facts import Interface, NetworkFacts
from failberry.core.filter import FilterIntent
from failberry.core.filter_rules import filter_intent
from failberry.errors import AdapterError, AdapterReason

pytestmark = pytest.mark.netns

EXTRAS = {
    "port_forward": (
        PortForward(proto=Protocol.TCP, ports="443", to="192.168.7.20:8443"),
        PortForward(proto=Protocol.UDP, ports="51820-51829", to="192.168.7.21"),
    ),
    "firewall": Firewall(
        mobile_clients=("02:00:00:AA:BB:CC", "192.168.7.20", "192.168.7.64/28", "fd00:7::/64")
    ),
}
STANDBY = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), **EXTRAS)
ROUTER = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="wan0"), lan=Lan(interface="lan0"), **EXTRAS)
PLAIN = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))


def intent(config):
    addresses = tuple(map(ip_interface, ("192.168.7.1/24", "fd00:7::1/64", "fe80::1/64")))
    lan = Interface(index=2, name=config.lan_interface, up=True, carrier=True, addresses=addresses)
    return filter_intent(config, NetworkFacts(interfaces=(lan,)))


@pytest.fixture
def pi():
    with namespaces("pi") as (made,):
        yield made


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def backend(request):
    return request.param


def inside(pi, function, *arguments):
    """Call it in the namespace."""

    async def call():
        return function(*arguments)

    return pi.run(call)


def shell(pi, line, typed=""):
    command = ["ip", "netns", "exec", pi.name, "sh", "-c", line]
    subprocess.run(command, check=True, input=typed, text=True, timeout=20)


def everything(pi):
    """All rules of everybody, without counters, handles and dates."""
    commands = ("nft list ruleset", "iptables-legacy-save", "ip6tables-legacy-save")
    text = "\n".join(pi.sh(*command.split()) for command in commands)
    return [line for line in re.sub(r"\[\d+:\d+\]", "", text).splitlines() if not line.startswith("#")]


def others(pi):
    """The same without what is ours."""
    text = re.sub(
        r"^table inet failberry \{.*?^\}$\n?", "", "\n".join(everything(pi)), flags=re.MULTILINE | re.DOTALL
    )
    return [line for line in text.splitlines() if "FAILBERRY" not in line]


def foreign_rules(pi):
    """What a Docker, an ufw and an owner might have written."""
    pi.sh("nft", "add table inet owner; add chain inet owner input { type filter hook input priority 0; }")
    pi.sh("nft", "add rule inet owner input tcp dport 22 counter accept")
    for program in ("iptables-legacy", "ip6tables-legacy"):
        pi.sh(program, "-N", "DOCKER")
        pi.sh(program, "-A", "FORWARD", "-j", "DOCKER")
        pi.sh(program, "-A", "FORWARD", "-m", "statistic", "--mode", "random", "--probability", "0.5")
        pi.sh(program, "-t", "nat", "-A", "POSTROUTING", "-o", "eth7", "-j", "MASQUERADE")
        # No table may come into being while the test compares.
        for table in ("mangle", "raw", "security"):
            pi.sh(program, "-t", table, "-S")


def test_python_iptables_is_believed_exactly_where_it_works(pi):
    reason = inside(pi, IPTABLES.prove)
    assert (reason is None) == IPTABLES_WORKS
    lies = "what was written is not what was read back: IPv4 "
    assert reason is None or reason.startswith((lies, "python-iptables: "))
    assert not [line for line in everything(pi) if "FAILBERRY" in line]


def test_proves_itself_and_leaves_no_trace(pi, backend):
    foreign_rules(pi)
    before = everything(pi)
    assert inside(pi, backend.prove) is None
    assert everything(pi) == before


@pytest.mark.parametrize("config", [STANDBY, ROUTER, PLAIN], ids=["standby", "router", "plain"])
def test_what_is_written_is_read_back_and_written_once(pi, backend, config):
    assert inside(pi, backend.apply, intent(config)) is True
    assert difference(intent(config), inside(pi, backend.ours.read)) is None
    written = pi.sh("nft", "-a", "list", "ruleset")
    assert inside(pi, backend.apply, intent(config)) is False
    # The handles are the same, so nothing was written.
    assert pi.sh("nft", "-a", "list", "ruleset") == written


def test_rules_of_others_are_not_touched_and_removal_leaves_nothing(pi, backend):
    foreign_rules(pi)
    before = everything(pi)
    for config in (STANDBY, ROUTER, PLAIN):
        inside(pi, backend.apply, intent(config))
        assert others(pi) == before
        assert any("Health checks" in line for line in everything(pi))
    inside(pi, backend.ours.remove)
    assert everything(pi) == before
    inside(pi, backend.ours.remove)
    assert everything(pi) == before


DRIFT = {
    "nftables": [
        "nft delete table inet failberry",
        "nft flush chain inet failberry input",
        "nft flush table inet failberry",
        "nft insert rule inet failberry input accept",
        "nft add rule inet failberry forward iifname fbcell0 counter accept comment Forwards",
        "nft 'add chain inet failberry mine { type filter hook input priority -5; }'",
        "nft 'chain inet failberry input { policy drop; }'",
        "nft 'add table inet failberry { flags dormant; }'",
        "nft 'add set inet failberry guests { type ipv4_addr; }'",
    ],
    "iptables": [
        "iptables-legacy -F FAILBERRY-INPUT",
        "ip6tables-legacy -F FAILBERRY-FORWARD",
        "iptables-legacy -F INPUT",
        "iptables-legacy -t nat -F POSTROUTING",
        "iptables-legacy -t mangle -A OUTPUT -j FAILBERRY-OUTPUT",
        "iptables-legacy -I FAILBERRY-INPUT -j ACCEPT",
        "ip6tables-legacy -A FAILBERRY-INPUT -p udp -m udp --dport 53 -m limit --limit 1/sec -j LOG",
        "iptables-legacy -R FAILBERRY-INPUT 1 -i fbcell0 -j ACCEPT",
    ],
}


def test_drift_is_seen_and_repaired(pi, backend):
    inside(pi, backend.apply, intent(STANDBY))
    wanted = everything(pi)
    for command in DRIFT[backend.name]:
        shell(pi, command)
        assert everything(pi) != wanted, command
        assert inside(pi, backend.apply, intent(STANDBY)) is True, command
        assert everything(pi) == wanted, command


@pytest.mark.parametrize("config", [STANDBY, ROUTER, PLAIN], ids=["standby", "router", "plain"])
def test_the_text_for_people_loads_and_means_the_same(pi, backend, config):
    text = backend.ours.render(intent(config))
    if backend is NFTABLES:
        shell(pi, "nft -f -", text)
    else:
        for program, part in zip(("iptables", "ip6tables"), text.split("# IPv6"), strict=True):
            shell(pi, f"{program}-legacy-restore --noflush", part)
    assert difference(intent(config), inside(pi, backend.ours.read)) is None


def test_what_is_refused_leaves_the_old_rules(pi, backend):
    inside(pi, backend.apply, intent(STANDBY))
    before = everything(pi)
    impossible = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="x" * 40))
    broken = FilterIntent(rules=intent(ROUTER).rules[:5] + intent(impossible).rules)
    with pytest.raises(AdapterError) as caught:
        inside(pi, backend.apply, broken)
    assert caught.value.reason is AdapterReason.REFUSED
    assert re.search("too long|exceeds maximum length", caught.value.evidence)
    assert everything(pi) == before


def test_the_adapter_takes_nftables_first_and_moves_the_rules_when_told_to(pi):
    async def story():
        firewall = FirewallAdapter(FirewallBackend.AUTO)
        first = await firewall.apply(intent(STANDBY))
        assert (first.backend, first.changed, first.problem, first.refused) == ("nftables", True, None, ())
        assert (await firewall.apply(intent(STANDBY))).changed is False
        firewall.choose(FirewallBackend.IPTABLES)
        return await firewall.apply(intent(STANDBY))

    second = pi.run(story)
    if IPTABLES_WORKS:
        assert (second.backend, second.changed, second.problem) == ("iptables", True, None)
        assert "failberry" not in pi.sh("nft", "list", "ruleset")
        assert "FAILBERRY-INPUT" in pi.sh("iptables-legacy-save")
    else:
        # Refused, and the rules that work stay.
        assert (second.backend, second.changed) == ("none", False)
        assert "failberry" in pi.sh("nft", "list", "ruleset")
    pi.run(FirewallAdapter.remove_all)
    assert not [line for line in everything(pi) if "failberry" in line.lower()]


def test_a_proof_that_was_interrupted_is_no_hindrance(pi, backend):
    inside(pi, backend.scratch.write, intent(PLAIN))
    assert inside(pi, backend.prove) is None
    assert not [line for line in everything(pi) if "proof" in line.lower()]
