"""What commands print for programs keeps to what is published."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import failberry
from failberry import __version__
from failberry.ctl import CONFIG, CONFIG_FILE, USAGE
from failberry.ctl.__main__ import main
from failberry.ctl.arguments import COMMANDS, OPTIONS
from failberry.ctl.documents import NAMES, PRINTED, schema
from failberry.errors import ConfigError, Problem
from tests.unit.control.simulated import SimulatedAppliance, daemon

ROOT = Path(failberry.__file__).parents[1]
GOOD = 'mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n'
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", NAMES)
def test_the_published_schemas_are_fresh(name: str) -> None:
    printed = json.dumps(schema(name), indent=2) + "\n"
    place = f"docs/schema/{name}.json"
    assert (ROOT / place).read_text() == printed, f"python3 -m failberry.ctl.documents {name} >{place}"


NO_DOCUMENT = {"wizard", "web password", "aws policy"}
"""Those ask a person; what the last prints is IAM's JSON anyway."""


def test_every_command_has_json_and_every_json_has_a_schema() -> None:
    with_json = {words for words in COMMANDS if any("--json" in each for each in OPTIONS.get(words, ()))}
    assert with_json == set(COMMANDS) - NO_DOCUMENT
    assert set(PRINTED) == with_json
    for name in set(PRINTED.values()):
        jsonschema.Draft202012Validator.check_schema(
            json.loads((ROOT / f"docs/schema/{name}.json").read_text())
        )


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


@pytest.mark.parametrize(
    "words",
    [
        *(["status"], ["failover"], ["usage"], ["modem", "status"], ["modem", "signal"]),
        *(["usb"], ["modem", "power-cycle"], ["modem", "at", "AT+CSQ"], ["events"], ["config", "show"]),
    ],
)
def test_what_is_looked_at(words: list[str], tmp_path: Path, capsys: Captured) -> None:
    with daemon(tmp_path / "control", SimulatedAppliance()):
        main(["--socket", str(tmp_path / "control"), *words, "--json"])
    printed = capsys.readouterr()
    assert printed.err == ""
    name = PRINTED[" ".join(words[: 2 if words[0] in ("modem", "config") else 1])]
    published = json.loads((ROOT / f"docs/schema/{name}.json").read_text())
    jsonschema.Draft202012Validator(published).validate(json.loads(printed.out))


def test_what_is_told_in_words(tmp_path: Path, capsys: Captured) -> None:
    appliance = SimulatedAppliance()
    with daemon(tmp_path / "control", appliance):
        place = ["--socket", str(tmp_path / "control")]
        assert main([*place, "modem", "disable-cdrom", "--json"]) == USAGE
        assert appliance.asked == []
        assert "--yes" in capsys.readouterr().err
        assert main([*place, "modem", "disable-cdrom", "--json", "--yes"]) == 0
    told = valid("deed", capsys)
    assert appliance.asked[-1] == "cdrom confirmed=True"
    assert told["done"] is True
    assert "AT+ZCDRUN=8" in told["words"]
    with daemon(tmp_path / "refusing", SimulatedAppliance(refusal="Not now, but soon.")):
        place = ["--socket", str(tmp_path / "refusing")]
        assert main([*place, "modem", "disable-cdrom", "--json", "--yes"]) == 1
    told = valid("deed", capsys)
    assert (told["done"], told["words"]) == (False, "Not now, but soon.")


@pytest.mark.parametrize(
    "words", [["system", "update"], ["system", "commit"], ["system", "rollback", "--yes"]]
)
def test_slots_where_there_are_none(words: list[str], capsys: Captured) -> None:
    assert main([*words, "--json"]) == 1
    told = valid("deed", capsys)
    assert told["command"] == " ".join(words[:2])
    assert "no slots" in told["words"]


def test_aws_without_a_configuration(tmp_path: Path, capsys: Captured) -> None:
    file = ["--config", str(tmp_path / "none.toml")]
    assert main([*file, "aws", "destroy", "--json"]) == USAGE
    capsys.readouterr()
    for part in ("deploy", "destroy"):
        assert main([*file, "aws", part, "--yes", "--json"]) == CONFIG
        assert "none.toml" in valid("deed", capsys)["words"]


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
