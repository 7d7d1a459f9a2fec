"""What commands print for programs keeps to what is published."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import failberry
from failberry import __version__
from failberry.ctl import CONFIG, CONFIG_FILE
from failberry.ctl.__main__ import main
from failberry.ctl.documents import DOCUMENTS, schema
from failberry.errors import ConfigError, Problem
from tests.unit.control.simulated import SimulatedAppliance, daemon

ROOT = Path(failberry.__file__).parents[1]
GOOD = 'mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n'
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schemas_are_fresh(name: str) -> None:
    printed = json.dumps(schema(name), indent=2) + "\n"
    place = f"docs/schema/{name}.json"
    assert (ROOT / place).read_text() == printed, f"python3 -m failberry.ctl.documents {name} >{place}"


def valid(name: str, captured: Captured) -> Any:
    printed = captured.readouterr()
    assert printed.err == ""
    document = json.loads(printed.out)
    jsonschema.Draft202012Validator(schema(name)).validate(document)
    return document


@pytest.mark.parametrize(
    "words",
    [
        ["reload"],
        ["redial"],
        ["modem", "forget-pin"],
        ["usage", "set", "1GB"],
        ["failover", "force", "cellular", "--for", "2h"],
        ["modem", "reset", "--no-wait"],
    ],
)
def test_a_deed_that_is_done(words: list[str], tmp_path: Path, capsys: Captured) -> None:
    with daemon(tmp_path / "control", SimulatedAppliance()):
        assert main(["--socket", str(tmp_path / "control"), *words, "--json"]) == 0
    told = valid("deed", capsys)
    assert told["done"] is True
    assert " ".join(words).startswith(told["command"])
    assert told["words"]


def test_a_deed_that_is_refused(tmp_path: Path, capsys: Captured) -> None:
    with daemon(tmp_path / "control", SimulatedAppliance(refusal="Not now, but soon.")):
        assert main(["--socket", str(tmp_path / "control"), "failover", "force", "wired", "--json"]) == 1
    assert valid("deed", capsys)["words"] == "Not now, but soon."
    with daemon(tmp_path / "other", SimulatedAppliance(), trusted=frozenset()):
        assert main(["--socket", str(tmp_path / "other"), "redial", "--json"]) == 1
    told = valid("deed", capsys)
    assert told["done"] is False
    assert "sudo failberryctl redial" in told["words"]


def test_a_configuration_that_is_refused(tmp_path: Path, capsys: Captured) -> None:
    problem = Problem(key="mode", line=1, problem="is unknown", hint='write "standby-gateway"')
    with daemon(tmp_path / "control", SimulatedAppliance(faults=ConfigError(CONFIG_FILE, (problem,)))):
        assert main(["--socket", str(tmp_path / "control"), "reload", "--json"]) == CONFIG
    told = valid("deed", capsys)
    assert told["done"] is False
    assert told["problems"][0]["key"] == "mode"


def test_configuration_files(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(GOOD)
    file.chmod(0o640)
    assert main(["config", "check", "--json", str(file)]) == 0
    assert valid("config-check", capsys) == {
        "version": 1, "path": str(file), "good": True, "problems": [], "warnings": [],
    }  # fmt: skip
    assert main(["--config", str(file), "config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["wired"]["interface"] == "eth0"
    file.write_text(GOOD.replace("gateway", "gatway"))
    assert main(["config", "check", str(file), "--json"]) == CONFIG
    (problem,) = valid("config-check", capsys)["problems"]
    assert (problem["key"], problem["line"]) == ("mode", 1)


def test_versions(tmp_path: Path, capsys: Captured) -> None:
    assert main(["--socket", str(tmp_path / "none"), "version", "--json"]) == 0
    assert valid("version", capsys) == {"version": 1, "failberryctl": __version__, "failberryd": None}


def test_a_report_tells_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    place = ["--socket", str(tmp_path / "none"), "--config", str(tmp_path / "none.toml")]
    assert main([*place, "report", "--no-aws", "--json", "-o", str(tmp_path / "x.tar.gz")]) == 0
    assert valid("report", capsys)["file"] == str(tmp_path / "x.tar.gz")
