"""How one setting is declared: a field of a dataclass with a text for people."""

from collections.abc import Callable
from dataclasses import MISSING, field
from typing import Any


def setting(
    doc: str,
    *,
    default: Any = MISSING,
    example: str | None = None,
    check: Callable[[Any], str | None] | None = None,
    secret: bool = False,
) -> Any:
    """Declare one setting.

    ``doc`` is the comment in the sample and the text in the reference.  Without a ``default`` the
    setting is required, and has an ``example``: TOML shown where the default says too little.
    ``check`` answers ``None`` or what is wrong, as "problem; cure".  A ``secret`` is never shown or
    logged.
    """
    return field(
        default=default,
        metadata={"doc": doc, "example": example, "check": check, "secret": secret},
        repr=not secret,
    )
