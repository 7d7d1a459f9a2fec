"""Both lines of a house die, and come back: everybody is told everything once, in order, and nothing in vain.

The real daemon and the real failberry-notify, which is killed while messages wait; receivers on the Internet.
An outage of an hour is lived through in tests/simulation/test_told.py.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calls import Calls
from city import HERE, INSIDE, ROOT, SERVER, city
from postoffice import NTFY, SMTP, WEBHOOK

from failberry.config import Mode
from tests.receivers import certificate

pytestmark = [pytest.mark.netns, pytest.mark.timeout(280)]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 -- a test's
TOPIC = "arn:aws:sns:eu-central-1:123456789012:house"
MOTO = f"http://{SERVER}:5000"
HASTE = "[failover]\nfailback_after = 2\nlinger = 2\n"
RECEIVERS = """
[notify]
sms_after = 0
[[receiver]]
name = "phone"
via = "ntfy"
to = "https://{server}:{ntfy}/house"
ca = "{ca}"
[[receiver]]
name = "programs"
via = "webhook"
to = "https://{server}:{webhook}/in"
secret = "{secret}"
ca = "{ca}"
[[receiver]]
name = "mail"
via = "mail"
to = "me@example.net"
sender = "pi@example.net"
server = "{server}:{smtp}"
secret = "{secret}"
ca = "{ca}"
[[receiver]]
name = "amazon"
via = "sns"
to = "{topic}"
[[receiver]]
name = "text"
via = "sms"
to = "+491701234567"
"""
BOTO = (
    "import boto3; c = lambda n: boto3.client(n, endpoint_url={url!r}, region_name='eu-central-1', "
    "aws_access_key_id='t', aws_secret_access_key='t'); "
)
PREPARE = (
    BOTO + "c('sqs').create_queue(QueueName='q'); c('sns').create_topic(Name='house'); "
    "c('sns').subscribe(TopicArn={topic!r}, Protocol='sqs', "
    "Endpoint='arn:aws:sqs:eu-central-1:123456789012:q')"
)
READ = (
    BOTO + "import json; q = c('sqs'); u = q.get_queue_url(QueueName='q')['QueueUrl']; "
    "a = q.receive_message(QueueUrl=u, MaxNumberOfMessages=10).get('Messages', []); "
    "print(json.dumps([json.loads(m['Body']) for m in a]))"
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"}


class Told:
    """The notifier of a city, its receivers, and what they got."""

    def __init__(self, home, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.came = folder / "came.json"
        self.hooked = folder / "hooked"
        self.notifier: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        crt, key = certificate(self.folder, f"IP:{SERVER}")
        names = {"server": SERVER, "ntfy": NTFY, "webhook": WEBHOOK, "smtp": SMTP}
        self.home.configure(HASTE + RECEIVERS.format(ca=crt, secret=SECRET, topic=TOPIC, **names))
        hooks = self.folder / "hooks.d"
        hooks.mkdir(mode=0o755)
        hook = hooks / "10-note"
        hook.write_text(f'#!/bin/sh\necho "$FAILBERRY_TOPIC $FAILBERRY_OVER" >>{self.hooked}\n')
        hook.chmod(0o755)
        words = [
            sys.executable,
            str(HERE / "postoffice.py"),
            SERVER,
            str(crt),
            str(key),
            SECRET,
            str(self.came),
        ]
        self.home.start(self.home.inet, *words, env=ENVIRONMENT)
        self.home.start(self.home.inet, sys.executable, "-m", "moto.server", "-H", SERVER, "-p", "5000")
        keys = self.folder / "keys"
        keys.write_text("[default]\naws_access_key_id=t\naws_secret_access_key=t\n")
        child = [f"{name}={value}" for name, value in (
            ("AWS_ENDPOINT_URL", MOTO), ("AWS_SHARED_CREDENTIALS_FILE", keys),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"), ("PYTHONPATH", ROOT),
        )]  # fmt: skip
        # As systemd does it: a child for each connection.
        self.home.start(
            self.home.pi, "systemd-socket-activate", "--accept", "--inetd", "-l", str(self.folder / "sns"),
            *(word for each in child for word in ("-E", each)),
            sys.executable, "-m", "failberry.dns", "sns",
        )  # fmt: skip
        end = time.monotonic() + 60
        while subprocess.run(self._in_inet(PREPARE), capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "moto does not come up"

    def _in_inet(self, text: str) -> list[str]:
        return [*INSIDE, self.home.inet.name, sys.executable, "-c", text.format(url=MOTO, topic=TOPIC)]

    def notify(self, *words: str, **options) -> subprocess.Popen[bytes]:
        """The real program in the Pi's namespace."""
        places = {
            "config": self.home.folder / "failberry.toml", "settings": self.folder / "settings.json",
            "state": self.folder, "control": self.folder / "control", "daemon": self.home.socket,
            "sns": self.folder / "sns", "hooks": self.folder / "hooks.d", "stuck": self.folder / "stuck",
        }  # fmt: skip
        given = [word for name, value in places.items() for word in (f"--{name}", str(value))]
        program = [sys.executable, str(HERE / "notifier.py"), *words, "--user", "root", *given]
        return self.home.start(self.home.pi, *program, env=ENVIRONMENT, **options)

    def switch_on(self) -> None:
        assert self.notify("settings").wait(30) == 0
        self.notifier = self.notify(stderr=(self.folder / "log").open("ab"))
        self.until(lambda: self.ctl()["following"])

    def kill(self) -> None:
        """As the power does; ``ip netns exec`` is the program by then."""
        assert self.notifier is not None
        os.kill(self.notifier.pid, signal.SIGKILL)
        self.notifier.wait(10)

    def ctl(self) -> dict:
        words = [sys.executable, "-m", "failberry.ctl", "notify", "status", "--json", "--notifier"]
        done = subprocess.run(
            [*words, str(self.folder / "control")],
            capture_output=True,
            env=ENVIRONMENT,
            check=False,
            timeout=30,
        )
        return json.loads(done.stdout) if done.stdout else {"following": False, "channels": [], "held": 0}

    def channel(self, name: str) -> dict:
        return next((each for each in self.ctl()["channels"] if each["name"] == name), {"waiting": 0})

    def got(self) -> dict:
        return json.loads(self.came.read_text()) if self.came.exists() else {}

    def topics(self) -> list[tuple[str, bool]]:
        return [(each["topic"], each["over"]) for each in self.got().get("webhook", [])]

    def until(self, condition, *, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{self.ctl()}\n{self.got()}\n{self.log()}\n{self.home.log(20)}"
            time.sleep(0.2)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def amazon(self) -> list[dict]:
        out = subprocess.run(self._in_inet(READ), capture_output=True, check=True, timeout=30).stdout
        found: list[dict] = json.loads(out)
        return found


def test_two_dead_lines_are_told_once_in_order_when_one_lives_again(tmp_path):
    # Somebody in the house has to use a line for its death to be found: mobile lines are not pinged.
    with city(Mode.DUAL_WAN_ROUTER) as home, Calls(home.client, SERVER):
        told = Told(home, tmp_path)
        told.prepare()
        home.switch_on()
        home.steady()
        told.switch_on()

        # One line is dead: it is told over the other.
        home.black_hole()
        told.until(lambda: told.topics() == [("failover", False)])
        told.until(lambda: all(len(told.got()[each]) == 1 for each in ("ntfy", "mail")))
        assert told.got()["ntfy"][0].splitlines()[0].endswith("The house is on the mobile line")
        # Not to cut off an answer: what may have arrived is repeated, under the same name.
        told.until(lambda: told.channel("amazon").get("last_sent") is not None)

        # Both are: it waits, over a kill; only the hook, which needs no line, hears of it.
        home.mobile_dead()
        told.until(
            lambda: told.channel("programs")["waiting"] == 1 and told.ctl()["online"] is False, seconds=150
        )
        told.until(lambda: told.hooked.read_text().splitlines() == ["failover 0", "no-line 0"])
        # Killed before it is noted that a hook has run, the hook would be run again.
        told.until(lambda: told.channel("hook:10-note")["waiting"] == 0)
        told.kill()
        told.switch_on()
        told.until(lambda: told.channel("programs").get("held_back") == "no line works")
        assert told.topics() == [("failover", False)]
        # The stick has no port for text messages: that is told, and keeps nobody else waiting.
        told.until(lambda: " port" in told.channel("text")["last_failure"])

        # One is back.
        home.heal()
        told.until(lambda: len(told.topics()) >= 3)
        told.until(
            lambda: (
                not any(
                    told.channel(each)["waiting"]
                    for each in ("phone", "mail", "programs", "amazon", "hook:10-note")
                )
            )
        )
        assert told.topics()[:3] == [("failover", False), ("no-line", False), ("no-line", True)]
        events = [each["event"] for each in told.got()["webhook"]]
        assert events == sorted(events)
        ids = [each["id"] for each in told.got()["webhook"]]
        assert len(set(ids)) == len(ids)
        names = told.got()["names"]
        assert len(set(names)) == len(names)
        assert not told.got()["refused"]
        for channel in ("ntfy", "mail"):
            text = "\n".join(told.got()[channel])
            titles = ("on the mobile line", "The house is offline", "online again")
            assert [text.count(each) for each in titles][:1] == [1], text
            assert text.index(titles[0]) < text.index(titles[1]) < text.rindex(titles[2])
        sent = told.amazon()
        assert len({each["MessageAttributes"]["failberry-id"]["Value"] for each in sent}) == len(sent)
        assert "online again" in "".join(each["Message"] + each["Subject"] for each in sent)
        lines = told.hooked.read_text().splitlines()
        assert lines[:3] == ["failover 0", "no-line 0", "no-line 1"]
        assert len(lines) == len(told.topics())
