"""The document: the same value in Python, JSON, JSON schema and Varlink."""

import json
import re
import runpy
import sys
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest

import failberry
from failberry.control import answers, document
from failberry.control.document import DocumentError, decode, encode, schema, without_ages
from failberry.control.service import description
from failberry.core import power, snapshot
from failberry.core.facts import PortRole
from failberry.core.snapshot import Snapshot
from failberry.errors import Problem
from tests.unit.ctl.scenarios import ALL, ALL_WELL, DIALLING

ROOT = Path(failberry.__file__).parents[1]


@pytest.mark.parametrize("situation", ALL.values(), ids=ALL)
def test_every_document_keeps_to_the_schema_and_comes_back_unchanged(situation: Snapshot) -> None:
    written = json.loads(json.dumps(encode(situation)))
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert decode(Snapshot, written) == situation


def test_the_schema_is_a_schema_and_bites() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    good = encode(ALL_WELL)
    assert isinstance(good, dict)
    for wrong in ({"active": "carrier pigeon"}, {"running_for": "long"}, {"version": 2}, {"modem": None}):
        assert not validator.is_valid(good | wrong), wrong
    assert not validator.is_valid({name: each for name, each in good.items() if name != "modem"})
    assert validator.is_valid(good | {"new": "fields are allowed"})


@pytest.mark.parametrize("name", document.DOCUMENTS)
def test_the_published_schemas_are_fresh(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The program itself, but without an interpreter of its own.
    monkeypatch.setattr(sys, "argv", [document.__name__, name])
    runpy.run_path(document.__file__, run_name="__main__")
    assert (ROOT / f"docs/schema/{name}.json").read_text() == capsys.readouterr().out


def test_the_schema_explains_its_fields() -> None:
    modem = schema()["$defs"]["ModemView"]["properties"]
    assert modem["advice"]["description"] == "What a person should do; empty: nothing."
    assert modem["sim"]["anyOf"] == [{"type": "string"}, {"type": "null"}]


def _in_varlink(kind: Any) -> str:
    """Say a Python type as Varlink does."""
    options = get_args(kind)
    if NoneType in options:
        return "?" + _in_varlink(options[0])
    if getattr(kind, "__origin__", None) is Mapping:
        return "[string]" + _in_varlink(options[1])
    if getattr(kind, "__origin__", None) is tuple:
        return "[]" + _in_varlink(options[0])
    plain = {str: "string", int: "int", float: "float", bool: "bool", "Mode": "string"}
    return plain.get(kind) or plain.get(kind.__name__) or kind.__name__


def _varlink_types() -> dict[str, list[str]]:
    text = re.sub(r"#[^\n]*", "", description("io.failberry.Appliance"))
    found = re.findall(r"\btype (\w+) \((.*?)\)", text, re.DOTALL)
    return {name: [" ".join(each.split()) for each in body.split(",")] for name, body in found}


def test_the_interface_says_the_same_as_the_dataclasses() -> None:
    expected = {}
    declared = [*vars(snapshot).items(), *vars(answers).items(), ("PortRole", PortRole)]
    declared += [(name, getattr(power, name)) for name in ("HubPort", "PlanBasis", "Casualty", "PowerPlan")]
    for name, kind in declared:
        if not isinstance(kind, type) or name in ("Mode", "StrEnum"):
            continue
        if is_dataclass(kind):
            expected[name] = [f"{each}: {_in_varlink(of)}" for each, of in get_type_hints(kind).items()]
        elif issubclass(kind, StrEnum):
            expected[name] = [str(each) for each in kind]
    problem = [f"{each}: {_in_varlink(of)}" for each, of in get_type_hints(Problem).items()]
    assert _varlink_types() == expected | {"ConfigProblem": problem}


def test_only_ages_differ_while_nothing_happens() -> None:
    later = replace(
        ALL_WELL,
        running_for=ALL_WELL.running_for + 5,
        modem=replace(ALL_WELL.modem, signal=replace(ALL_WELL.modem.signal, age=17.0), next_in=2.0),
    )
    assert encode(later) != encode(ALL_WELL)
    assert without_ages(encode(later)) == without_ages(encode(ALL_WELL))
    assert without_ages(encode(DIALLING)) != without_ages(encode(ALL_WELL))


def test_seconds_are_rounded_to_the_millisecond() -> None:
    written = encode(replace(ALL_WELL, running_for=1 / 3))
    assert isinstance(written, dict)
    assert written["running_for"] == 0.333


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"active": "wireless"}, "$.active is none of wired, cellular"),
        ({"wired": []}, "$.wired is not an object"),
        ({"wired": {}}, "$.wired lacks addresses, degraded, dns,"),
        ({"running_for": True}, "$.running_for is not of type float"),
        ({"warnings": [{"code": 1, "text": "", "cure": ""}]}, "$.warnings[0].code is not of type str"),
        ({"warnings": "none"}, "$.warnings is not a list"),
    ],
)
def test_a_document_that_is_none_is_refused_with_its_place(change: dict[str, Any], complaint: str) -> None:
    written = encode(ALL_WELL)
    assert isinstance(written, dict)
    with pytest.raises(DocumentError, match="^" + re.escape(complaint)):
        decode(Snapshot, written | change)


def test_whole_seconds_and_new_fields_of_another_daemon_are_read() -> None:
    written = encode(ALL_WELL)
    assert isinstance(written, dict)
    read = decode(Snapshot, written | {"running_for": 7, "invented": "later"})
    assert read == replace(ALL_WELL, running_for=7.0)


def test_what_is_no_document_is_a_bug() -> None:
    with pytest.raises(TypeError, match="bytes has no place"):
        encode(b"raw")
