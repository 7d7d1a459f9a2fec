"""The doctor has nothing to say of a house that is well."""

from __future__ import annotations

import json

from .lab import Lab
from .product import Product


def test_it_is_silent_where_all_is_well(lab: Lab) -> None:
    product = Product(lab)
    product.up()
    product.await_status(
        lambda told: told["wired"]["state"] == told["cellular"]["state"] == "up",
        deadline=180,
        what="both lines good",
    )
    said = lab.vm.run(["failberryctl", "doctor", "--no-aws", "--json"], timeout=240, check=False)
    assert said.stdout, said
    findings = json.loads(said.stdout)["findings"]
    assert findings == [], json.dumps(findings, indent=1)
    assert said.rc == 0
