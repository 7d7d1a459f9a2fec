"""No host can make the simulated modem fail, or answer differently by how its bytes are cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.modemsim import PROFILES, SimModem
from tests.modemsim.commands import COMMANDS
from tests.modemsim.host import Host

NAMES = sorted({*COMMANDS, *(key for profile in PROFILES.values() for key in profile.answers)})
ENDINGS = ["", "?", "=?", "=0", "=1", "=2,1", '="', '=1,"IP","a;b"', "=1,1,1,1", "1", "99", ";", "=,,,"]
WORDS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(NAMES), st.sampled_from(ENDINGS)),
    st.sampled_from(["D*99#", "D*99***1#", "O", "H", "+++", "~", "S0=0", "Z"]),
)
LINES = st.one_of(
    st.lists(WORDS, max_size=3).map(lambda words: ("AT" + ";".join(words) + "\r").encode()),
    st.binary(max_size=40),
    st.just(b"+++"),
)


@given(
    profile=st.sampled_from(sorted(PROFILES)),
    steps=st.lists(st.tuples(st.integers(0, 2), LINES, st.sampled_from([0.0, 0.1, 1.5, 40.0])), max_size=12),
)
def test_nothing_that_a_host_sends_makes_it_fail(profile, steps):
    host = Host(SimModem(profile))
    for port, data, pause in steps:
        host.port = port
        host.raw(data)
        host.wait(pause)
    assert host.modem.next_deadline(host.now) is None or host.modem.next_deadline(host.now) >= host.now


@given(line=LINES, cuts=st.lists(st.integers(0, 60)))
def test_answers_do_not_depend_on_how_the_bytes_were_cut(line, cuts):
    whole, cut = Host(SimModem("generic_3gpp")), Host(SimModem("generic_3gpp"))
    edges = [0, *sorted(min(edge, len(line)) for edge in cuts), len(line)]
    heard = b"".join(cut.raw(line[start:end]) for start, end in itertools.pairwise(edges) if start < end)
    assert heard == whole.raw(line)
    assert cut.deeds == whole.deeds
