"""Each call and its answer, without a socket."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from failberry import __version__
from failberry.control import service as service_module
from failberry.control.document import encode
from failberry.control.framing import MessageError
from failberry.control.service import Service
from failberry.control.varlink import Call, parse_call
from failberry.errors import ConfigError, Problem
from tests.unit.control.simulated import SimulatedAppliance, run
from tests.unit.ctl.scenarios import ALL_WELL, DIALLING

OURS = "io.failberry.Appliance"
STANDARD = "org.varlink.service"


def answer(appliance: SimulatedAppliance, method: str, *, trusted: bool = True, **parameters: Any) -> Any:
    async def ask() -> list[dict[str, Any]]:
        call = Call(method=method, parameters=parameters)
        return [each async for each in Service(appliance).replies(call, trusted=trusted)]

    (reply,) = asyncio.run(ask())
    return reply


def test_the_service_introduces_itself() -> None:
    told = answer(SimulatedAppliance(), f"{STANDARD}.GetInfo")["parameters"]
    assert told.keys() == {"vendor", "product", "version", "url", "interfaces"}
    assert told["version"] == __version__
    for interface in told["interfaces"]:
        text = answer(SimulatedAppliance(), f"{STANDARD}.GetInterfaceDescription", interface=interface)
        assert f"\ninterface {interface}\n" in text["parameters"]["description"]


def test_every_method_of_the_interface_is_there_and_none_besides() -> None:
    text = service_module.description(OURS)
    declared = {
        f"{OURS}.{line.split()[1].split('(')[0]}" for line in text.splitlines() if line.startswith("method ")
    }
    table = {name for name in Service(SimulatedAppliance())._methods if name.startswith(OURS)}
    assert declared == table | {f"{OURS}.Watch"}


@pytest.mark.parametrize(
    ("method", "parameters", "error", "named"),
    [
        (f"{OURS}.Explode", {}, "MethodNotFound", {"method": f"{OURS}.Explode"}),
        ("com.example.Other.Ping", {}, "InterfaceNotFound", {"interface": "com.example.Other"}),
        ("Ping", {}, "InterfaceNotFound", {"interface": ""}),
        (f"{OURS}.GetStatus", {"verbose": True}, "InvalidParameter", {"parameter": "verbose"}),
        (f"{OURS}.Watch", {"verbose": True}, "InvalidParameter", {"parameter": "verbose"}),
        (f"{STANDARD}.GetInterfaceDescription", {}, "InvalidParameter", {"parameter": "interface"}),
        (
            f"{STANDARD}.GetInterfaceDescription",
            {"interface": 7},
            "InvalidParameter",
            {"parameter": "interface"},
        ),
        (
            f"{STANDARD}.GetInterfaceDescription",
            {"interface": "a.b"},
            "InterfaceNotFound",
            {"interface": "a.b"},
        ),
        (f"{OURS}.Watch", {}, "ExpectedMore", {}),
    ],
)
def test_wrong_calls_get_the_standard_errors(
    method: str, parameters: dict[str, Any], error: str, named: dict[str, str]
) -> None:
    told = answer(SimulatedAppliance(), method, **parameters)
    assert told == {"error": f"{STANDARD}.{error}", "parameters": named}


def test_reading() -> None:
    appliance = SimulatedAppliance(warnings=("wired.interface: there is no eth7",))
    assert answer(appliance, f"{OURS}.GetStatus") == {"parameters": {"status": encode(ALL_WELL)}}
    assert answer(appliance, f"{OURS}.GetVersion")["parameters"] == {"failberry": __version__, "document": 1}
    assert answer(appliance, f"{OURS}.ShowConfig")["parameters"] == {
        "toml": appliance.toml,
        "warnings": ["wired.interface: there is no eth7"],
    }


@pytest.mark.parametrize(
    ("method", "deed", "told"),
    [
        ("Reload", "reload", {"pending": ["lan.address"]}),
        ("Redial", "redial", {}),
        ("ForgetPin", "forget_pin", {}),
    ],
)
def test_changes_are_for_the_trusted(method: str, deed: str, told: dict[str, Any]) -> None:
    appliance = SimulatedAppliance(pending=("lan.address",))
    refused = answer(appliance, f"{OURS}.{method}", trusted=False)
    assert refused == {"error": f"{STANDARD}.PermissionDenied", "parameters": {}}
    assert appliance.asked == []
    assert answer(appliance, f"{OURS}.{method}", trusted=True) == {"parameters": told}
    assert appliance.asked == [deed]


def test_a_bad_configuration_is_told_with_all_its_problems() -> None:
    problems = (
        Problem(key="mode", line=1, problem="unknown", hint="standby-gateway or dual-wan-router"),
        Problem(key="", line=None, problem="no [wired]", hint="add it"),
    )
    appliance = SimulatedAppliance(faults=ConfigError("/etc/failberry/failberry.toml", problems))
    assert answer(appliance, f"{OURS}.Reload") == {
        "error": f"{OURS}.ConfigInvalid",
        "parameters": {
            "path": "/etc/failberry/failberry.toml",
            "problems": [
                {
                    "key": "mode",
                    "line": 1,
                    "problem": "unknown",
                    "hint": "standby-gateway or dual-wan-router",
                },
                {"key": "", "line": None, "problem": "no [wired]", "hint": "add it"},
            ],
        },
    }


@contextlib.asynccontextmanager
async def watching(service: Service) -> AsyncGenerator[AsyncGenerator[dict[str, Any], None], None]:
    call = Call(method=f"{OURS}.Watch", more=True)
    async with contextlib.aclosing(service.replies(call, trusted=False)) as stream:
        yield stream


def test_watch_tells_at_once_then_changes_together_and_not_what_looks_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_module, "WATCH_GAP", 0.01)
    appliance = SimulatedAppliance()
    service = Service(appliance)

    async def scenario() -> None:
        async with watching(service) as stream:
            first = await anext(stream)
            assert first == {"parameters": {"status": encode(ALL_WELL)}, "continues": True}
            following = asyncio.create_task(anext(stream))
            appliance.snapshot = replace(ALL_WELL, running_for=ALL_WELL.running_for + 60)
            service.changed()
            looked_again, _ = await asyncio.wait({following}, timeout=0.05)
            assert not looked_again, "the passing of time is no change"
            for number in range(50):
                appliance.snapshot = replace(DIALLING, modem=replace(DIALLING.modem, dials=number))
                service.changed()
            assert (await following)["parameters"]["status"]["modem"]["dials"] == 49

    run(scenario)


def test_watch_speaks_even_when_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "WATCH_GAP", 0.01)
    monkeypatch.setattr(service_module, "WATCH_EVERY", 0.03)

    async def scenario() -> None:
        async with watching(Service(SimulatedAppliance())) as stream:
            assert await anext(stream) == await anext(stream) == await anext(stream)

    run(scenario)


def test_a_watcher_that_left_is_forgotten() -> None:
    service = Service(SimulatedAppliance())

    async def scenario() -> None:
        async with watching(service) as stream:
            await anext(stream)
            assert len(service._watchers) == 1
        assert not service._watchers

    run(scenario)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"method": 7},
        {"method": "a.b.C", "parameters": []},
        {"method": "a.b.C", "more": 1},
        {"method": "a.b.C", "oneway": "yes"},
        {"method": "a.b.C", "upgrade": True},
    ],
)
def test_what_is_no_call_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        parse_call(message)


def test_absent_null_and_unknown_members_of_a_call_are_fine() -> None:
    call = parse_call({"method": "a.b.C", "parameters": None, "more": None, "com.example": {"x": 1}})
    assert call == Call(method="a.b.C")


@pytest.mark.parametrize(
    ("method", "parameters", "deed"),
    [
        ("TakeStep", {"rung": "power_cycle", "force": True}, "power_cycle force=True"),
        ("TakeStep", {"rung": "modem_reboot"}, "modem_reboot force=False"),
        ("SendCommand", {"command": "AT+CSQ"}, "AT+CSQ"),
        ("DisableCdrom", {}, "cdrom confirmed=False"),
        ("DisableCdrom", {"confirmed": True}, "cdrom confirmed=True"),
    ],
)
def test_what_touches_the_modem_is_for_the_trusted_and_may_be_refused(
    method: str, parameters: dict[str, Any], deed: str
) -> None:
    appliance = SimulatedAppliance()
    denied = answer(appliance, f"{OURS}.{method}", trusted=False, **parameters)
    assert denied["error"] == f"{STANDARD}.PermissionDenied"
    appliance.refusal = "a session is up"
    refused = answer(appliance, f"{OURS}.{method}", trusted=True, **parameters)
    assert refused == {"error": f"{OURS}.Refused", "parameters": {"reason": "a session is up"}}
    assert appliance.asked == []
    appliance.refusal = ""
    assert "error" not in answer(appliance, f"{OURS}.{method}", trusted=True, **parameters)
    assert appliance.asked == [deed]


@pytest.mark.parametrize(
    ("method", "parameters", "named"),
    [
        ("TakeStep", {}, "rung"),
        ("TakeStep", {"rung": "explode"}, "rung"),
        ("TakeStep", {"rung": 5}, "rung"),
        ("TakeStep", {"rung": "reboot", "force": "yes"}, "force"),
        ("SendCommand", {}, "command"),
        ("SendCommand", {"command": ["AT"]}, "command"),
        ("DisableCdrom", {"confirmed": 1}, "confirmed"),
    ],
)
def test_parameters_of_the_wrong_kind(method: str, parameters: dict[str, Any], named: str) -> None:
    appliance = SimulatedAppliance()
    told = answer(appliance, f"{OURS}.{method}", trusted=True, **parameters)
    assert told == {"error": f"{STANDARD}.InvalidParameter", "parameters": {"parameter": named}}
    assert appliance.asked == []


def test_the_bus_and_the_power_plan_may_be_looked_at_by_everybody() -> None:
    appliance = SimulatedAppliance()
    assert answer(appliance, f"{OURS}.GetUsb", trusted=False)["parameters"] == {"usb": encode(appliance.bus)}
    told = answer(appliance, f"{OURS}.GetPowerPlan", trusted=False)["parameters"]["power"]
    assert told["plan"]["ports"] == [{"hub": "1-1", "port": 2, "superspeed": False}]
    assert told["refusal"] == "SanDisk Ultra Fit at USB 1-1.2 carries /srv"
    appliance.bus = replace(appliance.bus, power=None)
    told = answer(appliance, f"{OURS}.GetPowerPlan", trusted=False)
    assert told["error"] == f"{OURS}.Refused"


@pytest.mark.parametrize(
    ("method", "parameters", "asked"),
    [
        ("CorrectUsage", {"used": 1_200_000_000}, "used=1200000000"),
        ("ForceLine", {"line": "cellular", "seconds": 90}, "cellular for 90.0"),
        ("ForceLine", {"line": "wired", "seconds": None}, "wired for None"),
        ("ForceLine", {}, "None for None"),
    ],
)
def test_plan_and_line(method: str, parameters: dict[str, Any], asked: str) -> None:
    appliance = SimulatedAppliance()
    refused = answer(appliance, f"{OURS}.{method}", trusted=False, **parameters)
    assert refused["error"] == f"{STANDARD}.PermissionDenied"
    assert appliance.asked == []
    assert answer(appliance, f"{OURS}.{method}", **parameters) == {"parameters": {}}
    assert appliance.asked == [asked]


@pytest.mark.parametrize(
    ("method", "parameters", "named"),
    [
        ("CorrectUsage", {}, "used"),
        ("CorrectUsage", {"used": -1}, "used"),
        ("CorrectUsage", {"used": True}, "used"),
        ("CorrectUsage", {"used": 1.5}, "used"),
        ("CorrectUsage", {"used": 1 << 60}, "used"),
        ("ForceLine", {"line": "pigeon"}, "line"),
        ("ForceLine", {"line": "wired", "seconds": 0}, "seconds"),
        ("ForceLine", {"line": "wired", "seconds": True}, "seconds"),
        ("ForceLine", {"line": "wired", "seconds": 1e9}, "seconds"),
    ],
)
def test_nonsense_of_plan_and_line(method: str, parameters: dict[str, Any], named: str) -> None:
    appliance = SimulatedAppliance()
    told = answer(appliance, f"{OURS}.{method}", **parameters)
    assert told == {"error": f"{STANDARD}.InvalidParameter", "parameters": {"parameter": named}}
    assert appliance.asked == []
