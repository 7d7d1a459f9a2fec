"""What the doctor says of a notifier that does not run, or has messages that are stuck."""

from dataclasses import replace

import pytest

from failberry.adapters.stuck import notices
from failberry.doctor.diagnose import diagnose
from failberry.doctor.evidence import Unit
from failberry.notifying import Receiver, Via
from tests.unit.doctor.houses import HEALTHY

UNIT = "failberry-notify.service"
PHONE = Receiver(name="phone", via=Via.NTFY, to="https://ntfy.example/x")


@pytest.mark.parametrize(
    ("receivers", "active", "code"),
    [((PHONE,), "active", None), ((PHONE,), "inactive", "unit-stopped"), ((PHONE,), "failed", "unit-failed"),
     ((), "inactive", None)],
)  # fmt: skip
def test_it_has_to_run_where_somebody_is_to_be_told(
    receivers: tuple[Receiver, ...], active: str, code: str | None
) -> None:
    assert HEALTHY.config is not None
    seen = replace(
        HEALTHY,
        config=replace(HEALTHY.config, receiver=receivers),
        units=(
            *HEALTHY.units,
            Unit(name=UNIT, active=active, sub="dead" if active != "active" else "running"),
        ),
    )
    found = [(each.code, each.where) for each in diagnose(seen).findings]
    assert found == ([] if code is None else [(code, UNIT)])


def test_stuck_messages_are_a_finding_with_a_cure() -> None:
    status = HEALTHY.told.status
    assert status is not None
    stuck = notices(b'{"what": "3 messages cannot be sent to mail", "why": "no answer"}')
    seen = replace(HEALTHY, told=replace(HEALTHY.told, status=replace(status, warnings=stuck)))
    [found] = diagnose(seen).findings
    assert found.what == "3 messages cannot be sent to mail: no answer"
    assert "notify test" in found.cure
