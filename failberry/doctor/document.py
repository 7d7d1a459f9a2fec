"""The diagnosis as JSON, and its schema.

``python -m failberry.doctor.document`` prints the schema that ``docs/schema/doctor.json`` publishes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from failberry.control.document import encode, schema_of
from failberry.doctor.finding import Diagnosis

VERSION = 1


def document(diagnosis: Diagnosis) -> Any:
    """For programs."""
    return encode(diagnosis)


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12)."""
    return schema_of(Diagnosis, name="doctor", title="Failberry diagnosis", version=VERSION)


if __name__ == "__main__":
    json.dump(schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
