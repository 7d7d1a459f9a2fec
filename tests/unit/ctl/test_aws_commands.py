"""`failberryctl aws` from the command line, where no AWS is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from failberry.ctl.__main__ import main

ROOT = Path(__file__).parents[3]
CONFIGURATION = """
mode = "standby-gateway"
[wired]
interface = "eth0"
[dns]
zone = "example.com"
zone_id = "Z0123456789ABCDEFGHIJ"
name = "home.example.com"
wired_name = "wired.example.com"
cellular_name = "mobile.example.com"
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "failberry.toml"
    path.write_text(CONFIGURATION)
    return path


def run(config: Path, *words: str) -> int:
    return main(["--config", str(config), "aws", *words])


def test_a_policy_is_json_and_its_region_can_be_another(config: Path, capsys: Captured) -> None:
    assert run(config, "policy", "--role", "lambda", "--region", "eu-west-1", "--account", "1") == 0
    told = json.loads(capsys.readouterr().out)
    (keys,) = [each for each in told["Statement"] if each["Sid"] == "ReadKeys"]
    assert keys["Resource"] == "arn:aws:ssm:eu-west-1:1:parameter/failberry/failberry/keys"


def test_the_policy_of_a_pi_that_only_tells_people(config: Path, capsys: Captured) -> None:
    arn = "arn:aws:sns:eu-central-1:123456789012:house"
    wired, _, _ = CONFIGURATION.partition("[dns]")
    receiver = f'[[receiver]]\nname = "amazon"\nvia = "sns"\nto = "{arn}"\n'
    other = '[[receiver]]\nname = "phone"\nvia = "ntfy"\nto = "https://ntfy.example/x"\n'
    config.write_text(wired + receiver + other)
    assert run(config, "policy", "--role", "daemon") == 0
    (telling,) = json.loads(capsys.readouterr().out)["Statement"]
    assert (telling["Action"], telling["Resource"]) == (["sns:Publish"], [arn])


def test_what_a_policy_cannot_say_is_told_with_its_cure(config: Path, capsys: Captured) -> None:
    config.write_text(CONFIGURATION.replace('zone_id = "Z0123456789ABCDEFGHIJ"', ""))
    assert run(config, "policy", "--role", "deployer") == 1
    assert "set dns.zone_id" in capsys.readouterr().err


def test_a_url_that_is_missing_is_no_fault_and_a_wrong_one_is(config: Path, capsys: Captured) -> None:
    assert main(["config", "check", str(config)]) == 78
    assert run(config, "policy", "--role", "lambda") == 0
    config.write_text(CONFIGURATION + 'url = "http://abc/"\n')
    assert run(config, "policy", "--role", "lambda") == 78
    assert "dns.url" in capsys.readouterr().err


def test_a_role_that_is_none_and_a_file_that_is_not_there(config: Path) -> None:
    assert run(config, "policy", "--role", "king") == 64
    assert run(config.with_name("nothing"), "policy", "--role", "lambda") == 78


def test_without_boto3_the_package_is_named(config: Path) -> None:
    code = (
        "import sys; sys.modules['boto3'] = None; from failberry.ctl.__main__ import main; "
        "print([main([*sys.argv[1:], 'aws', each]) for each in ('deploy', 'destroy', 'doctor')])"
    )
    words = [sys.executable, "-c", code, "--config", str(config)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    wanted = "python3-boto3 is not installed: `sudo apt install python3-boto3`\n"
    assert (done.stdout, done.stderr) == ("[1, 1, 1]\n", wanted * 3)


def test_a_policy_needs_no_sdk(config: Path) -> None:
    code = (
        "import sys; from failberry.ctl.__main__ import main; main(sys.argv[1:]); "
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    words = [sys.executable, "-c", code, "--config", str(config), "aws", "policy", "--role", "deployer"]
    subprocess.run(words, cwd=ROOT, capture_output=True, check=True, timeout=60)
