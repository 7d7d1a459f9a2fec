"""`failberryctl aws`, from nothing to nothing: an account is set up, found healthy, and left as it was."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from ping import aws as ping_aws

from failberry.aws import archive
from failberry.aws.deploy import Deployment
from failberry.aws.keyfile import KeyFile
from failberry.aws.session import Session
from failberry.aws.settings import load
from failberry.core.snapshot import UplinkName
from failberry.ctl import aws as commands
from failberry.ctl.arguments import parse
from failberry.dns.plan import plan
from failberry.dns.route53 import Route53
from failberry.dns.wish import wish_of
from failberry.errors import AdapterError
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


def test_a_key_is_rotated_with_two_valid_at_once(house: House) -> None:
    house.run("deploy", "--yes")
    house.write_url()
    old = house.key.read_text().strip()
    code, told = house.run("deploy", "--yes", "--rotate-key")
    new = house.key.read_text().strip()
    assert (code, new != old, house.keys()["pi"]["secrets"]) == (0, True, [new, old])
    assert not {old, new} & set(told.split())
    # Both are good at the function: the daemon's, until it is restarted, and the file's.
    for secret in (old, new):
        house.key.write_text(secret)
        assert "ok key over the cellular line: works" in house.run("doctor")[1]
    code, told = house.run("deploy", "--yes")
    assert (code, house.keys()["pi"]["secrets"], "old secret" in told) == (0, [new], True)
    assert house.run("deploy")[1].startswith("The stack failberry in eu-central-1: nothing differs.")


def test_what_the_configuration_and_the_owner_change_later(house: House) -> None:
    house.run("deploy", "--yes")
    house.write_url()
    assert house.run("deploy", "--set", "Nonsense=1")[0] == 64
    assert house.run("deploy", "--yes", "--set", "DynDns2=on", "--set", "Cooldown=0")[0] == 0
    text = house.config.read_text().replace("[health]", "ttl = 30\n[health]")
    house.config.write_text(text)
    assert "differs from the configuration: RecordTtl" in house.run("doctor")[1]
    assert house.run("deploy", "--yes")[0] == 0
    settings = house.account.client("lambda").get_function_configuration(FunctionName=f"{STACK}-ddns")
    variables = settings["Environment"]["Variables"]
    # What the owner chose once, stays.
    assert (str(variables["FAILBERRY_TTL"]), variables["FAILBERRY_DYNDNS2"]) == ("30", "on")
    assert house.run("deploy")[1].startswith("The stack failberry in eu-central-1: nothing differs.")


def test_a_deployment_that_breaks_off_is_finished_by_the_next(house: House) -> None:
    def broken(service: str, region: str | None) -> Any:
        if service == "lambda":
            raise EndpointConnectionError(endpoint_url="https://lambda.eu-central-1.amazonaws.com")
        return house.account.connect(service, region)

    arguments = parse(["--config", str(house.config), "aws", "deploy", "--yes", "--key-file", str(house.key)])
    session = Session(connect=broken, patience=0.0)
    deployment = Deployment(load(house.config), session, key_file=KeyFile(str(house.key)))
    code = archive.read()
    plan = deployment.plan(code, options={}, rotate=False)
    with pytest.raises(AdapterError, match="AWS did not answer"):
        deployment.carry_out(plan, code, lambda _: None)
    assert commands.deploy(arguments, house.account.connect) == 0
    assert house.run("deploy")[1].rpartition("in eu-central-1")[2].startswith(": nothing differs.")


def test_the_doctor_finds_what_is_broken_at_aws(house: House) -> None:
    assert "stack failberry: is not there" in house.run("doctor")[1]
    house.run("deploy", "--yes")
    house.write_url()
    client = house.account.client("lambda")
    policy = json.loads(client.get_policy(FunctionName=f"{STACK}-ddns")["Policy"])
    (invoke,) = [each for each in policy["Statement"] if each["Action"] == "lambda:InvokeFunction"]
    client.remove_permission(FunctionName=f"{STACK}-ddns", StatementId=invoke["Sid"])
    client.update_function_code(FunctionName=f"{STACK}-ping", ZipFile=_another())
    house.key.write_text("f" * 64)
    code, told = house.run("doctor")
    assert code == 1
    for words in (
        "does not let everybody lambda:InvokeFunction,",
        "HTTP 403",
        "another version of it is in failberry-ping",
        "key: differs",
        "home.example.com does not lead to the lines yet",
    ):
        assert words in " ".join(told.split()), told
    findings = json.loads(house.run("doctor", "--json")[1])
    assert {each["level"] for each in findings} == {"good", "attention", "bad", "unknown"}
    assert all(each["cure"] for each in findings if each["level"] != "good")


def _another() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("ping/handler.py", "")
    return packed.getvalue()


def test_a_wrong_clock_is_told_and_does_not_spoil_the_key(house: House) -> None:
    house.run("deploy", "--yes")
    house.write_url()
    house.account.ahead = 3_600_000
    told = house.run("doctor")[1]
    assert "!! clock: this machine's clock is 3600" in told
    assert "ok key over the cellular line: works" in told


def test_a_configuration_without_names_and_one_with_nothing_to_do(house: House) -> None:
    house.config.write_text('mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n')
    code, told = house.run("deploy")
    assert (code, "write a section [dns]" in told) == (78, True)
    text = CONFIGURATION.replace(
        "[health]", 'cellular_source = "elsewhere"\ncellular_check = "http"\n[health]'
    )
    house.config.write_text(text)
    code, told = house.run("deploy")
    assert (code, "there is nothing for it to do" in " ".join(told.split())) == (1, True)
