"""``failberryctl doctor``: what it prints, its exit status, and its document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

import failberry
from failberry.adapters.inspection import Places
from failberry.ctl import ATTENTION, NO_LINE, OK, doctor
from failberry.ctl.style import Style
from failberry.doctor import document
from failberry.doctor.diagnose import diagnose
from failberry.doctor.finding import Diagnosis, Severity
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL
from tests.unit.doctor.houses import HEALTHY

ROOT = Path(failberry.__file__).parents[1]
EVIDENCE = replace(
    HEALTHY,
    forwarding=False,
    sensors=replace(HEALTHY.sensors, under_voltage_before=True),
    kernel_log=("[9.1] mmcblk0: error \x1b[31m-110",),
    root=False,
)
ILL = diagnose(EVIDENCE)


def shown(diagnosis: Diagnosis, *, utf8: bool = True) -> str:
    return "\n".join(doctor.lines(diagnosis, Style(utf8=utf8)))


def test_a_healthy_house_is_one_line() -> None:
    well = diagnose(HEALTHY)
    assert shown(well) == "All is well: nothing was found."
    assert doctor.code(well) == OK


def test_findings_are_told_with_place_evidence_and_cure() -> None:
    text = shown(ILL)
    assert text.startswith("4 things found, the worst first:\n\n!! ")
    assert "!! net.ipv4.ip_forward: the kernel passes nothing on" in text
    assert "\n   seen: net.ipv4.ip_forward = 0\n" in text
    assert "\n   → " in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    plain = shown(ILL, utf8=False)
    assert plain.isascii()
    assert "\n   -> " in plain


def test_the_exit_status_is_that_of_the_worst() -> None:
    assert doctor.code(ILL) == NO_LINE
    mild = replace(ILL, findings=tuple(each for each in ILL.findings if each.severity is not Severity.BAD))
    assert doctor.code(mild) == ATTENTION
    assert doctor.code(diagnose(replace(HEALTHY, root=False))) == ATTENTION


def test_the_document_keeps_to_the_published_schema() -> None:
    printed = json.dumps(document.schema(), indent=2) + "\n"
    published = (ROOT / "docs/schema/doctor.json").read_text()
    assert published == printed, "python3 -m failberry.doctor.document >docs/schema/doctor.json"
    validator = jsonschema.Draft202012Validator(json.loads(published))
    for each in (ILL, diagnose(HEALTHY)):
        written = json.loads(json.dumps(document.document(each)))
        validator.validate(written)
        assert not validator.is_valid(written | {"version": 2})


def test_the_whole_command_beside_a_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "failberry.toml"
    config.write_text('mode = "standby-gateway"\n[wired]\ninterface = "none0"\n')
    config.chmod(0o600)
    asked = SimpleNamespace(socket=str(tmp_path / "control"), config=str(config), json=True, no_aws=True)
    places = Places(config=config, state=tmp_path, resolvers=tmp_path / "none", root=tmp_path)
    with daemon(tmp_path / "control", SimulatedAppliance(snapshot=replace(ALL_WELL, failberry="0.0.1"))):
        status = doctor.run(asked, places)
    told = json.loads(capsys.readouterr().out)
    found = {each["code"]: each for each in told["findings"]}
    places_found = {(each["code"], each["where"]) for each in told["findings"]}
    assert found["old-daemon"]["evidence"] == [f"running 0.0.1, installed {failberry.__version__}"]
    assert ("no-names", "this Pi") in places_found
    assert "daemon-stopped" not in found
    assert status == NO_LINE


def test_without_a_daemon_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = SimpleNamespace(
        socket=str(tmp_path / "control"), config=str(tmp_path / "none"), json=False, no_aws=True
    )
    places = Places(config=tmp_path / "none", state=tmp_path, root=tmp_path)
    assert doctor.run(asked, places) == NO_LINE
    assert "there is no configuration" in " ".join(capsys.readouterr().out.split())
