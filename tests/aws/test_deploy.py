"""`failberryctl aws`, from nothing to nothing: an account is set up, found healthy, and left as it was."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ping import aws as ping_aws

from failberry.aws.settings import load
from failberry.core.snapshot import UplinkName
from failberry.ctl import aws as commands
from failberry.ctl.arguments import parse
from failberry.dns.plan import plan
from failberry.dns.route53 import Route53
from failberry.dns.wish import wish_of
from tests.awskit.account import simple
from tests.awskit.island import OURS, STACK, Island, Loopback

PATH = "/c-91ab42"
CONFIGURATION = f"""
mode = "standby-gateway"
[wired]
interface = "eth0"
[dns]
zone = "example.com"
name = "home.example.com"
wired_name = "wired.example.com"
cellular_name = "mobile.example.com"
[health]
wired_path = "/w-5f0c7e"
cellular_path = "{PATH}"
"""
LINES = {line: Loopback() for line in UplinkName}


class House:
    """A Pi with its configuration and its key, and the account."""

    def __init__(self, folder: Path, account: Island, capsys: pytest.CaptureFixture[str]) -> None:
        self.account = account
        self.config, self.key = folder / "failberry.toml", folder / "ddns.key"
        self._capsys = capsys
        self.config.write_text(CONFIGURATION)

    def run(self, *words: str) -> tuple[int, str]:
        """One command; its exit status, and all that it says."""
        arguments = parse(["--config", str(self.config), "aws", *words, "--key-file", str(self.key)])
        if words[0] == "doctor":
            code = commands.doctor(arguments, self.account.connect, LINES)  # type: ignore[arg-type]
        else:
            code = commands.COMMANDS[words[0]](arguments, self.account.connect)
        told = self._capsys.readouterr()
        return code, told.out + told.err

    def write_url(self) -> None:
        self.config.write_text(CONFIGURATION.replace("[health]", f'url = "{self.account.url}"\n[health]'))

    def apply_dns(self) -> None:
        """What `failberryctl dns apply` does."""
        settings = load(self.config)
        wish = wish_of(settings.dns, settings.config.health)
        route53 = Route53(connect=self.account.connect, pause=lambda _: None)
        route53.carry_out(plan(wish, route53.read(wish), nonce="n1"), lambda *_: None)

    def keys(self) -> dict[str, Any]:
        told = self.account.client("ssm").get_parameter(Name=f"/failberry/{STACK}/keys", WithDecryption=True)
        document: dict[str, Any] = json.loads(told["Parameter"]["Value"])
        return document["keys"]

    def ping(self) -> None:
        """What the schedule does once a minute."""
        figure = {
            "MetricName": "Up",
            "Dimensions": [{"Name": "Endpoint", "Value": f"{STACK}-mobile"}],
            "Value": 1.0,
            "Unit": "None",
        }
        ping_aws.put("Failberry/Ping", [figure])


@pytest.fixture
def house(tmp_path: Path, account: Island, capsys: pytest.CaptureFixture[str]) -> House:
    return House(tmp_path, account, capsys)


def test_from_nothing_to_nothing(house: House) -> None:
    code, told = house.run("deploy")
    assert (code, "Nothing was changed" in told, house.account.left()) == (1, True, [])
    assert "+ DdnsFunction (AWS::Lambda::Function)" in told
    assert "+ key pi, which may change mobile.example.com" in told
    assert not house.key.exists()

    code, told = house.run("deploy", "--yes")
    assert (code, f'url = "{house.account.url}"' in told, "dns apply" in told) == (0, True, True)
    secret = house.key.read_text().strip()
    assert stat.S_IMODE(house.key.stat().st_mode) == 0o600
    assert house.keys() == {"pi": {"secrets": [secret], "hosts": {"mobile.example.com": None}}}
    assert secret not in told
    assert PATH not in told

    house.write_url()
    code, told = house.run("deploy")
    assert (code, told.splitlines()[0]) == (0, "The stack failberry in eu-central-1: nothing differs.")

    house.account.api.put(simple("wired.example.com", "A", "198.13.32.9", ttl=60))
    house.apply_dns()
    house.account.api.put(simple("mobile.example.com", "A", OURS, ttl=60))
    house.ping()
    code, told = house.run("doctor")
    assert {each[:3].strip() for each in told.splitlines()} <= {"ok", ""}, told
    assert code == 0
    assert house.account.probed == [(OURS, PATH)]

    code, told = house.run("destroy", "--yes")
    assert (code, house.account.left()) == (0, []), told
    assert house.key.exists()
    names = {each[0] for each in house.account.api.records}
    assert {"home.example.com", "mobile.example.com"} <= names
    code, told = house.run("destroy", "--yes", "--forget-key")
    assert (code, house.key.exists()) == (0, False)
    assert house.run("destroy")[1].startswith("There is no stack")
