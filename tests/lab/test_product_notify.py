"""Everybody is told everything once, in order: the installed package, its units, text messages by the stick.

An outage of an hour is lived through in tests/simulation/test_told.py; the same receivers, with SNS on moto,
are told without a guest in tests/netns/test_told.py.  Here are systemd's sandbox, users, credentials, and a
stick that has ports.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.receivers import certificate
from tests.unit.at.test_sms import read

from .lab import HOME, Lab
from .names import CREDENTIALS, SDK, put_sdk
from .office import AMAZON
from .product import Product

pytestmark = [pytest.mark.timeout(1800)]
SERVER = "198.51.100.10"
NTFY, WEBHOOK, SMTP = 8443, 8444, 2525
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 -- a test's
NUMBER = "+491701234567"
PLACE, CAME = f"{HOME}/office", "/run/came.json"
HOOKED = "/var/lib/failberry-notify/hooked"
CA = "/etc/ssl/certs/house.pem"
MAIL = ("aiosmtpd", "attr", "attrs", "public")
"""A mail server in plain Python, and what it needs."""
TESTS = Path(__file__).parents[1]
CONFIGURATION = f"""
[failover]
failback_after = 5
[notify]
sms_after = 10
[[receiver]]
name = "phone"
via = "ntfy"
to = "https://{SERVER}:{NTFY}/house"
ca = "{CA}"
[[receiver]]
name = "programs"
via = "webhook"
to = "https://{SERVER}:{WEBHOOK}/in"
secret = "{SECRET}"
ca = "{CA}"
[[receiver]]
name = "mail"
via = "mail"
to = "me@example.net"
sender = "pi@example.net"
server = "{SERVER}:{SMTP}"
secret = "{SECRET}"
ca = "{CA}"
[[receiver]]
name = "amazon"
via = "sns"
to = "arn:aws:sns:eu-central-1:123456789012:house"
[[receiver]]
name = "text"
via = "sms"
to = "{NUMBER}"
"""
HOOK = f"""#!/bin/sh
echo "$FAILBERRY_TOPIC $FAILBERRY_OVER $(id -un)" >>{HOOKED}
"""
CHILD = f"[Service]\nEnvironment=AWS_ENDPOINT_URL=http://{SERVER}:{AMAZON}\n"
READY = "told-ready"


class Told:
    """A house with receivers; :meth:`set_up` once, after which the moment is kept."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.product, self.lab, self.vm, self.folder = Product(lab), lab, lab.vm, folder

    def set_up(self) -> None:
        crt, key = certificate(self.folder, f"IP:{SERVER}")
        self.vm.put(CA, crt.read_text())
        self.vm.put(f"{PLACE}/house.key", key.read_text(), mode=0o600)
        put_sdk(self.vm, (*SDK, *MAIL), ("sns",))
        for name in ("receivers.py", "netns/postoffice.py", "lab/office.py"):
            self.vm.put(f"{PLACE}/tests/{name}", (TESTS / name).read_text())
        words = f"tests.lab.office {SERVER} {CA} {PLACE}/house.key {SECRET} {CAME}"
        self.vm.spawn(
            "office", f"ip netns exec internet python3 -m {words}", properties=[f"WorkingDirectory={PLACE}"]
        )
        self.vm.wait_until(f"test -s {CAME}", deadline=120)
        self.vm.put("/etc/failberry/hooks.d/10-note", HOOK, mode=0o755)
        self.vm.put("/etc/failberry/aws.credentials", CREDENTIALS, mode=0o600)
        self.vm.put("/etc/systemd/system/failberry-sns@.service.d/lab.conf", CHILD)
        self.vm.run(["systemctl", "daemon-reload"], timeout=60)
        self.product.up(more=CONFIGURATION)
        self.vm.run(["systemctl", "start", "failberry-sns.socket", "failberry-notify"], timeout=120)
        self.until(lambda: self.status()["following"], what="the history followed")
        self.steady()

    def steady(self, deadline: float = 300.0) -> None:
        self.product.await_status(
            lambda told: (
                told["active"] == "wired" and told["wired"]["state"] == told["cellular"]["state"] == "up"
            ),
            deadline=deadline,
            what="both lines good",
        )

    def until(self, condition: Callable[[], bool], *, deadline: float = 240.0, what: str) -> None:
        end = time.monotonic() + deadline * PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what}: {self.status()}\n{self.got()}"
            time.sleep(1.0)

    def status(self) -> dict[str, Any]:
        said = self.vm.run(["failberryctl", "notify", "status", "--json"], check=False)
        found: dict[str, Any] = json.loads(said.stdout or '{"following": false, "channels": []}')
        return found

    def waiting(self, *names: str) -> int:
        return sum(each["waiting"] for each in self.status()["channels"] if each["name"] in names)

    def got(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.vm.get(CAME))
        return found

    def topics(self) -> list[tuple[str, bool]]:
        return [(each["topic"], each["over"]) for each in self.got()["webhook"]]

    def lines(self, path: str) -> list[str]:
        return self.vm.run(["sh", "-c", f"cat {path} 2>/dev/null || true"]).stdout.splitlines()

    def texts(self) -> list[tuple[str, str]]:
        """Number and text of each that the network took."""
        return [read(each["pdu"])[:2] for each in self.product.sim("get")["texts"]]


@pytest.fixture
def told(dual_lab: Lab, tmp_path: Path) -> Iterator[Told]:
    made = Told(dual_lab, tmp_path)
    if READY not in made.vm.monitor("info snapshots").split():
        made.set_up()
        made.vm.save(READY)
    made.vm.load(READY)
    yield made
    units = "-u failberry-notify -u failberry -u 'failberry-sns@*' -u office"
    print(made.vm.run(f"journalctl --no-pager -o short-monotonic {units} --lines=60", check=False).stdout)


def test_each_way_works_from_within_the_sandbox(told: Told) -> None:
    said = told.vm.run(["failberryctl", "notify", "test", "--json"], timeout=150)
    tests = {each["channel"]: each for each in json.loads(said.stdout)["tests"]}
    assert set(tests) == {"phone", "programs", "mail", "amazon", "text", "hook:10-note"}
    assert all(each["sent"] for each in tests.values()), tests
    got = told.got()
    assert [len(got[each]) for each in ("ntfy", "webhook", "mail")] == [1, 1, 1]
    assert got["refused"] == []
    assert len(told.lines("/run/came.sns")) == 1
    [(number, text)] = told.texts()
    assert f"+{number}" == NUMBER
    assert text.endswith("A test")
    # As whom, and with what of the configuration.
    assert told.lines(HOOKED) == ["test 0 failberry-notify"]
    pid = told.vm.run(["systemctl", "show", "--value", "-p", "MainPID", "failberry-notify"]).stdout.strip()
    assert told.vm.run(["ps", "-o", "user:32=", "-p", pid]).stdout.strip() == "failberry-notify"
    settings = told.vm.get("/run/failberry-notify/settings.json").decode()
    assert "internet" not in settings
    mode = told.vm.run(["stat", "-c", "%a %U", "/run/failberry-notify/settings.json"]).stdout.strip()
    assert mode == "400 failberry-notify"
    # Its user may not do anything else with the daemon, nor with the keys.
    call = "varlinkctl call unix:/run/failberry/control io.failberry.Appliance.Redial '{}'"
    user = "runuser -u failberry-notify -g failberry --"
    assert told.vm.run(f"{user} {call}", check=False).rc != 0
    assert told.vm.run(f"{user} cat /etc/failberry/failberry.toml", check=False).rc != 0


@pytest.mark.soak
def test_both_lines_die_and_come_back(told: Told) -> None:
    told.lab.world("blackhole", "transit")
    told.until(lambda: told.topics() == [("failover", False)], what="the failover told over the mobile line")
    told.until(lambda: told.waiting("phone", "mail", "amazon", "programs") == 0, what="everybody told")

    told.lab.world("blackhole", "carrier")
    told.until(lambda: told.waiting("programs") == 1, deadline=600, what="the outage noticed")
    told.until(lambda: len(told.texts()) == 1, what="a text message")
    [(number, text)] = told.texts()
    assert f"+{number}" == NUMBER
    assert "The house is offline" in text
    # A power cut of the process while messages wait; a hook that is under way would be run again.
    told.until(lambda: told.waiting("hook:10-note") == 0, what="the hook run")
    told.vm.run(["systemctl", "kill", "--signal=KILL", "failberry-notify"])
    told.until(lambda: told.status()["following"], what="the notifier back")
    assert told.waiting("programs") == 1
    assert told.topics() == [("failover", False)]

    told.lab.world("heal")
    told.until(lambda: len(told.topics()) >= 3, deadline=600, what="what waited")
    told.until(
        lambda: told.waiting("phone", "mail", "amazon", "programs", "hook:10-note") == 0,
        what="everybody told",
    )
    assert told.topics()[:3] == [("failover", False), ("no-line", False), ("no-line", True)]
    messages = told.got()["webhook"]
    events = [each["event"] for each in messages]
    assert events == sorted(events)
    assert len({each["id"] for each in messages}) == len(messages)
    names = told.got()["names"]
    assert len(set(names)) == len(names)
    assert len(told.texts()) == 1
    hooked = [line.split()[:2] for line in told.lines(HOOKED)]
    assert hooked[:3] == [["failover", "0"], ["no-line", "0"], ["no-line", "1"]]
    for channel in ("ntfy", "mail"):
        text = "\n".join(told.got()[channel])
        titles = ("on the mobile line", "The house is offline", "online again")
        assert text.index(titles[0]) < text.index(titles[1]) < text.rindex(titles[2])


@pytest.mark.soak
def test_a_reload_is_heeded_and_nobody_to_tell_ends_it(told: Told) -> None:
    told.product.configure(more=CONFIGURATION.replace('name = "phone"', 'name = "tablet"'))
    told.vm.run(["failberryctl", "reload"], timeout=60)
    told.until(
        lambda: any(each["name"] == "tablet" for each in told.status()["channels"]), what="the new receiver"
    )
    told.vm.run(["rm", "/etc/failberry/hooks.d/10-note"])
    told.product.configure()
    told.vm.run(["failberryctl", "reload"], timeout=60)
    # Between its end and the look whether somebody is to be told it is "activating".
    told.vm.wait_until('test "$(systemctl is-active failberry-notify)" = inactive', deadline=120)
    # With somebody to tell again it is started by the change of the file.
    told.product.configure(more=CONFIGURATION)
    told.vm.wait_until("systemctl is-active --quiet failberry-notify", deadline=120)
