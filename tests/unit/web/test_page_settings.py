"""What the page reads of the daemon's configuration."""

import pytest

from failberry import configfile
from failberry.errors import ConfigError
from failberry.web.settings import config_of

FULL = """
mode = "dual-wan-router"
wired.interface = "wan0"
lan.interface = "lan0"
[cellular]
apn = "internet"
user = "me"
password = "geheim"
pin = "4711"
[web]
port = 8888
networks = ["10.8.0.0/24"]
[[receiver]]
name = "phone"
via = "ntfy"
to = "https://ntfy.sh/house"
[[receiver]]
name = "programs"
via = "webhook"
to = "https://example.net/in"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""


def test_what_the_daemon_keeps_to_itself_is_not_missed() -> None:
    whole = configfile.config_from_text(FULL, path="x")
    told = configfile.show(whole)
    assert told.count('"********"') == 5, "nothing is secret here: this test looks in the wrong place"
    read = config_of(told)
    assert (read.web, read.lan_interface) == (whole.web, "lan0")
    assert read.web is not None
    assert read.web.port == 8888


def test_a_configuration_of_another_version_is_told() -> None:
    with pytest.raises(ConfigError, match=r"web\.port"):
        config_of('wired.interface = "wan0"\nweb.port = "many"\n')
