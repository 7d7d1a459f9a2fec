"""The judge of back ends, and the choice between them."""

import asyncio
import sys
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from failberry.adapters.firewall import FirewallAdapter, iptc_errand
from failberry.adapters.firewall.backend import Backend, Held, difference, run, wanted
from failberry.config import FirewallBackend
from failberry.core.filter import Accept, Chain, Dnat, Drop, FilterIntent, Rule
from failberry.errors import AdapterError, AdapterReason

ONE = FilterIntent(rules=(Rule(chain=Chain.INPUT, input_interface="fbcell0", verdict=Drop(), why="no"),))
TWO = FilterIntent(
    rules=(*ONE.rules, Rule(chain=Chain.FORWARD, output_interface="fbcell0", verdict=Drop(), why="no"))
)


def test_a_rule_is_spelled_out_for_each_family_and_icmp_type():
    both = Rule(chain=Chain.INPUT, protocol="tcp", verdict=Drop(), why="x")
    ping = Rule(chain=Chain.INPUT, protocol="icmp", icmp_types=(8, 3), verdict=Accept(), why="x")
    dnat = Rule(chain=Chain.INPUT, verdict=Dnat(address=IPv4Address("10.0.0.1")), why="x")
    assert wanted(FilterIntent(rules=(both, ping, dnat))) == {
        (4, Chain.INPUT): (
            replace(both, family=4),
            replace(ping, family=4, icmp_types=(3,)),
            replace(ping, family=4, icmp_types=(8,)),
            replace(dnat, family=4),
        ),
        (6, Chain.INPUT): (replace(both, family=6),),
    }


def test_a_difference_says_where_and_what():
    held = Held(rules=wanted(ONE))
    other = FilterIntent(rules=(replace(ONE.rules[0], ports=(53, 53)),))
    assert difference(other, held) == "IPv4 input rule 1 has ports None, wanted (53, 53)"
    assert difference(TWO, held) == "IPv4 forward has 0 rules, wanted 1"
    assert difference(FilterIntent(), held) == "IPv4 input has 1 rules, wanted 0"


# --- the judge and the choice ---------------------------------------------------------------------


class Kernel:
    """A simulated store of rules that can lie, refuse and be late."""

    def __init__(self, *, lies=False, error=None, left=()):
        self.lies = lies
        self.error = error
        self.rules = left
        self.writes = 0

    def read(self):
        if self.error is not None:
            raise self.error
        return Held(rules=wanted(FilterIntent(rules=self.rules)))

    def write(self, intent):
        if self.error is not None:
            raise self.error
        self.writes += 1
        self.rules = tuple(replace(rule, ports=None) for rule in intent.rules) if self.lies else intent.rules
        return self.read()

    def remove(self):
        if self.error is not None:
            raise self.error
        self.rules = ()


def backend(name, **how):
    ours = Kernel(left=how.pop("left", ()), error=how.get("error"))
    return Backend(name=name, ours=ours, scratch=Kernel(**how))


def adapter(nft, ipt, choice=FirewallBackend.AUTO):
    return FirewallAdapter(choice, (nft, ipt))


def apply(firewall, *intents):
    async def each_in_turn():
        return [await firewall.apply(intent) for intent in intents]

    return asyncio.run(each_in_turn())


GONE = AdapterError(AdapterReason.UNSUPPORTED, "nft is not there")
LATE = AdapterError(AdapterReason.TIMEOUT, "nft did not finish within 20 s")


def nft(**how):
    return backend(FirewallBackend.NFTABLES, **how)


def ipt(**how):
    return backend(FirewallBackend.IPTABLES, **how)


def test_the_first_that_proves_itself_is_taken_and_an_unchanged_kernel_is_not_written():
    first, second = nft(), ipt()
    answers = apply(adapter(first, second), ONE, ONE, TWO)
    assert [(each.backend, each.changed, each.problem) for each in answers] == [
        ("nftables", True, None),
        ("nftables", False, None),
        ("nftables", True, None),
    ]
    assert (first.ours.writes, first.scratch.writes, second.scratch.writes) == (2, 1, 0)
    assert first.scratch.rules == ()


def test_drift_is_repaired():
    first = nft()
    firewall = adapter(first, ipt())
    apply(firewall, ONE)
    first.ours.rules = ()
    assert apply(firewall, ONE)[0].changed
    assert first.ours.rules == ONE.rules


@pytest.mark.parametrize("how", [{"lies": True}, {"error": GONE}])
def test_one_that_fails_its_proof_is_refused_with_the_reason(how):
    (answer,) = apply(adapter(nft(**how), ipt()), ONE)
    assert (answer.backend, answer.changed, answer.problem) == ("iptables", True, None)
    (reason,) = answer.refused
    assert reason.startswith("nftables: ")
    assert "ports None, wanted" in reason or "nft is not there" in reason


def test_what_is_chosen_explicitly_is_not_replaced():
    second = ipt()
    (answer,) = apply(adapter(nft(lies=True), second, FirewallBackend.NFTABLES), ONE)
    assert (answer.backend, answer.changed) == ("none", False)
    assert answer.problem.startswith("no packet filter can be written: nftables: what was written is not")
    assert second.ours.rules == ()


def test_as_long_as_none_can_be_trusted_each_apply_tries_again():
    first, second = nft(lies=True), ipt(lies=True)
    firewall = adapter(first, second)
    assert apply(firewall, ONE)[0].refused[1].startswith("iptables: ")
    second.scratch.lies = False
    assert apply(firewall, ONE)[0].problem is None


def test_lateness_is_a_problem_but_no_refusal():
    first = nft()
    first.scratch.error = LATE
    firewall = adapter(first, ipt())
    (answer,) = apply(firewall, ONE)
    assert (answer.backend, answer.problem, answer.refused) == ("none", LATE.evidence, ())
    first.scratch.error = None
    assert apply(firewall, ONE)[0].backend == "nftables"


def test_a_kernel_that_does_not_keep_what_was_written_is_a_problem():
    first = nft()
    first.ours.lies = True
    (answer,) = apply(adapter(first, ipt()), FilterIntent(rules=(replace(ONE.rules[0], ports=(1, 2)),)))
    assert answer.problem == "after writing, IPv4 input rule 1 has ports None, wanted (1, 2)"


def test_old_rules_of_the_other_back_end_are_removed():
    second = ipt(left=ONE.rules)
    (answer,) = apply(adapter(nft(), second), TWO)
    assert answer.problem is None
    assert second.ours.rules == ()


def test_a_changed_choice_moves_the_rules():
    first, second = nft(), ipt()
    firewall = adapter(first, second)
    apply(firewall, ONE)
    firewall.choose(FirewallBackend.IPTABLES)
    assert apply(firewall, ONE)[0].backend == "iptables"
    assert (first.ours.rules, second.ours.rules) == ((), ONE.rules)


def test_old_rules_that_cannot_be_removed_are_a_problem_until_they_are():
    second = ipt()
    second.ours.error = LATE
    firewall = adapter(nft(), second)
    assert apply(firewall, ONE)[0].problem == f"old rules cannot be removed: iptables: {LATE.evidence}"
    second.ours.error = None
    assert apply(firewall, ONE)[0].problem is None


# --- programs -------------------------------------------------------------------------------------


def test_a_program_that_cannot_be_run_is_named_with_the_cure(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    for command, reason, words in (
        ("no-such-program", AdapterReason.UNSUPPORTED, "no-such-program is not there; install it"),
        (str(plain), AdapterReason.DENIED, f"{plain} cannot be run: Permission denied"),
    ):
        with pytest.raises(AdapterError) as caught:
            run([command], stdin="", deadline=9.0, cure="install it")
        assert (caught.value.reason, caught.value.evidence) == (reason, words)


def test_a_program_that_hangs_is_ended():
    with pytest.raises(AdapterError) as caught:
        run(["sleep", "60"], stdin="", deadline=0.05, cure="")
    assert (caught.value.reason, caught.value.evidence) == (
        AdapterReason.TIMEOUT,
        "sleep did not finish within 0.05 s",
    )


def test_the_lock_of_iptables_is_waited_for_and_then_told(tmp_path, monkeypatch):
    lock = tmp_path / "xtables.lock"
    monkeypatch.setattr(iptc_errand, "LOCK", str(lock))
    monkeypatch.setattr(iptc_errand, "LOCK_DEADLINE", 0.05)
    with (
        iptc_errand.locked(),
        pytest.raises(TimeoutError, match="another program has held"),
        iptc_errand.locked(),
    ):
        pass
    with iptc_errand.locked():
        assert lock.exists()


def test_where_no_lock_can_be_made_nobody_else_has_one(tmp_path, monkeypatch):
    monkeypatch.setattr(iptc_errand, "LOCK", str(tmp_path / "no" / "such" / "place"))
    with iptc_errand.locked():
        assert not list(tmp_path.iterdir())


def test_without_python_iptables_the_answer_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "iptc", None)
    answer = iptc_errand.serve({})
    assert answer["reason"] == AdapterReason.UNSUPPORTED
    assert answer["problem"].endswith("install the package python3-iptables")
