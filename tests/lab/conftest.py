"""Fixtures of the lab: one virtual machine per run, each scenario from the same moment."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.patience import patient

from .lab import DUAL_WAN_ROUTER, STANDBY_GATEWAY, Lab, package, ready
from .vm import Vm

HERE = Path(__file__).parent
SCENARIO_DEADLINE = 900  # the first one may have to build and boot the guest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("lab")
            patient(item, SCENARIO_DEADLINE)


@pytest.fixture(scope="session")
def vm() -> Iterator[Vm]:
    """The guest with the lab in it, and the package that FAILBERRY_DEB names, if any."""
    with Vm.start(ready(package())) as machine:
        yield machine


@pytest.fixture
def lab(vm: Vm) -> Lab:
    """The house with the Pi beside the main router, unchanged by earlier scenarios."""
    return Lab(vm, STANDBY_GATEWAY)


@pytest.fixture
def dual_lab(vm: Vm) -> Lab:
    """The house with the Pi as its router, unchanged by earlier scenarios."""
    return Lab(vm, DUAL_WAN_ROUTER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a failed scenario's guest says is half the report."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("vm")
    if call.when == "call" and call.excinfo is not None and isinstance(machine, Vm):
        said = machine.run(
            ["journalctl", "--no-pager", "--output=short-monotonic", "--lines=80"], check=False
        )
        report.sections.append(("guest's journal", said.stdout))
    return report
