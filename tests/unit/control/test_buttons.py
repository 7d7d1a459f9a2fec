"""What the dashboard's user may do on the socket, and what not."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from failberry.control import INTERFACE
from failberry.control.buttons import LONGEST_FORCED, is_button
from failberry.control.server import ControlServer, listen
from failberry.control.service import Service
from failberry.control.varlink import Call
from tests.unit.control.simulated import Client, SimulatedAppliance, run

PRESSED: list[tuple[str, dict[str, Any], str]] = [
    ("Redial", {}, "redial"),
    ("TakeStep", {"rung": "power_cycle"}, "power_cycle force=False"),
    ("TakeStep", {"rung": "power_cycle", "force": False}, "power_cycle force=False"),
    ("ForceLine", {"line": "cellular", "seconds": LONGEST_FORCED}, "cellular for 86400.0"),
    ("ForceLine", {}, "None for None"),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("ForceLine", {"line": "cellular"}),
    ("ForceLine", {"line": "cellular", "seconds": LONGEST_FORCED + 1}),
    ("ForceLine", {"line": "wired", "seconds": True}),
    ("ForceLine", {"line": "wired", "seconds": "60"}),
    ("TakeStep", {"rung": "power_cycle", "force": True}),
    ("TakeStep", {"rung": "reboot"}),
    ("TakeStep", {"rung": "controller"}),
    ("Reload", {}),
    ("ForgetPin", {}),
    ("CorrectUsage", {"used": 0}),
    ("SendCommand", {"command": "AT+CPIN=1234"}),
    ("DisableCdrom", {"confirmed": True}),
    ("Nonsense", {}),
]


@pytest.mark.parametrize(("method", "parameters", "deed"), PRESSED)
def test_a_button_is_pressed_by_the_dashboards_user_alone(
    tmp_path: Path, method: str, parameters: dict[str, Any], deed: str
) -> None:
    appliance = SimulatedAppliance()

    async def ask(pressing: int) -> dict[str, Any]:
        path = tmp_path / "control"
        server = ControlServer(Service(appliance), trusted=frozenset(), pressing=pressing)
        serving = asyncio.ensure_future(server.serve(listen(str(path))))
        client = await Client.connect(path)
        answer = await client.call(f"{INTERFACE}.{method}", parameters=parameters)
        client.close()
        serving.cancel()
        await asyncio.wait([serving])
        return answer

    async def scenario() -> None:
        refused = await ask(os.geteuid() + 1)
        assert refused["error"] == "org.varlink.service.PermissionDenied"
        assert appliance.asked == []
        assert await ask(os.geteuid()) == {"parameters": {}}
        assert appliance.asked == [deed]

    run(scenario)


@pytest.mark.parametrize(("method", "parameters"), REFUSED)
def test_nothing_else_is_a_button(method: str, parameters: dict[str, Any]) -> None:
    assert not is_button(Call(method=f"{INTERFACE}.{method}", parameters=parameters))
