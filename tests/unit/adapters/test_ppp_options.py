"""pppd's command line, as a literal block for each version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from failberry.adapters.ppp_options import Places, Version, options, parse_version, secrets_text
from failberry.config import Config, PdpType
from tests.simulation.world import BASE

PLACES = Places(hook=Path("/usr/lib/failberry/session-hook"), secrets=Path("/run/failberry/session/secrets"))

COMMON = """\
/dev/ttyUSB2 460800 nodetach nolock noauth nodefaultroute noipdefault ipcp-accept-local \
ipcp-accept-remote noremoteip usepeerdns novj novjccomp noccp nobsdcomp nodeflate nopredictor1 \
modem crtscts nopersist maxfail 1 child-timeout 5 hide-password ifname fbcell0 linkname failberry \
ipparam failberry ip-up-script /usr/lib/failberry/session-hook \
ip-down-script /usr/lib/failberry/session-hook logfd 9 lcp-echo-interval 15 lcp-echo-failure 4"""


def line(config: Config, version: Version, *, carrier: bool = True) -> str:
    return " ".join(options(config, "/dev/ttyUSB2", version=version, carrier=carrier, logfd=9, places=PLACES))


def test_debian_12() -> None:
    assert line(BASE, (2, 4, 9)) == f"{COMMON} noipv6"


def test_debian_13() -> None:
    assert line(BASE, (2, 5, 2)) == f"{COMMON} lcp-echo-adaptive noipv6 noresolvconf"


def test_ipv6_gets_its_own_hook_where_pppd_has_one() -> None:
    both = replace(BASE, cellular=replace(BASE.cellular, pdp_type=PdpType.IPV4V6))
    assert line(both, (2, 4, 9)).endswith(" +ipv6")
    hooks = "ipv6-up-script /usr/lib/failberry/session-hook ipv6-down-script /usr/lib/failberry/session-hook"
    assert f"+ipv6 {hooks}" in line(both, (2, 5, 2))


def test_without_carrier_detect_pppd_must_not_wait_for_it() -> None:
    assert " local " in line(BASE, (2, 5, 2), carrier=False)
    assert " modem " not in line(BASE, (2, 5, 2), carrier=False)


def test_no_echo_requests_for_modems_that_do_not_answer_them() -> None:
    silent = replace(BASE, ppp=replace(BASE.ppp, echo_interval=0.0))
    assert "lcp-echo-interval 0" in line(silent, (2, 5, 2))
    assert "lcp-echo-failure" not in line(silent, (2, 5, 2))


def test_the_password_is_never_on_the_command_line() -> None:
    cellular = replace(BASE.cellular, user="card", password='pa"ss\\word')  # noqa: S106  (nobody's)
    secret = replace(BASE, cellular=cellular)
    assert "pa" not in line(secret, (2, 5, 2)).replace("ipparam", "").replace("nopredictor1", "").split()
    assert "file /run/failberry/session/secrets" in line(secret, (2, 5, 2))
    assert secrets_text(secret) == 'user "card"\npassword "pa\\"ss\\\\word"\n'


@pytest.mark.parametrize(
    ("told", "version"),
    [("pppd version 2.4.9\n", (2, 4, 9)), ("pppd version 2.5.2", (2, 5, 2)), ("what?", None)],
)
def test_version(told: str, version: Version | None) -> None:
    assert parse_version(told) == version
