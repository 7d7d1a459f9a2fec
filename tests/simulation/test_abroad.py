"""A modem that waits for its own network is watched while it waits."""

from __future__ import annotations

import pytest

from failberry.core import actions as do
from failberry.core.modem_state import ModemState
from tests.modemsim.model import Network
from tests.modemsim.modem import SimModem
from tests.simulation.world import World


@pytest.mark.parametrize("fault", [{"silent": True}, {"garbage_only": True, "garbage": 40}])
def test_a_modem_that_hangs_abroad_is_healed(fault: dict[str, object]) -> None:
    world = World(modem=SimModem(network=Network(registration="roaming")))
    world.run(120)
    assert world.state is ModemState.REGISTERED
    world.change(**fault, heals_by="power")
    world.run(10)
    world.change(registration="home")
    assert world.run(900, until=lambda: world.state is ModemState.CONNECTED), world.told()
    assert any(isinstance(deed, do.CyclePower) for _, deed in world.taken)


def test_a_modem_that_answers_abroad_is_left_alone() -> None:
    world = World(modem=SimModem(network=Network(registration="roaming")))
    world.run(24 * 3600)
    assert world.state is ModemState.REGISTERED
    assert world.taken == []
    assert world.modem.counters["boots"] == 1
