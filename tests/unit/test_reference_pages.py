"""Pages of the reference that follow from code are fresh, and tell what the code does."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

import failberry
from failberry.control import INTERFACE
from failberry.control.service import Service
from failberry.control.varlink import Call
from failberry.core.failover import Failover, Stage
from failberry.core.lines import Verdict
from failberry.core.snapshot import LineState, UplinkName
from failberry.referencedoc import _STAGES, FAILOVER, PAGES, _changing
from tests.unit.control.simulated import SimulatedAppliance

ROOT = Path(failberry.__file__).parents[1]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_fresh(name: str) -> None:
    place = f"docs/reference/{name}.md"
    found = (ROOT / place).read_text()
    assert found == PAGES[name](), f"python3 -m failberry.referencedoc {name} >{place}"


@dataclass
class At:
    """All that the step from one stage to the next looks at."""

    stage: Stage


def test_the_stages_of_a_failover_are_those_that_the_code_goes_through() -> None:
    seen = set()
    for stage, line, state, leave in product(Stage, (*UplinkName, None), LineState, (False, True)):
        wired = Verdict(state=state, since=0.0, reason="", leave=leave)
        seen.add((stage, Failover._stage(At(stage), line, wired)))  # type: ignore[arg-type]
    assert {(start, end) for start, end in seen if start is not end} == set(FAILOVER)
    assert set(_STAGES) == set(Stage)


def test_what_is_for_root_is_what_the_service_refuses_others() -> None:
    service = Service(SimulatedAppliance())
    listed = {f"{INTERFACE}.{name}" for name in _changing()}
    assert {name for name, method in service._methods.items() if method.changes} == listed
    assert all(f"## {name}\n" in PAGES["varlink"]() for name in _changing())
    assert service.changes(Call(method=f"{INTERFACE}.Reload", parameters={}))
