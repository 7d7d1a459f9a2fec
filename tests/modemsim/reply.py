"""What one command answers."""

from collections.abc import Callable
from dataclasses import dataclass

from .profiles import CME_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one command answers. ``final`` "" means that the result comes later, or never."""

    lines: tuple[str, ...] = ()
    final: str = "OK"
    cme: int | None = None
    delay: float = 0.0
    then: Callable[[float], None] | None = None

    def text(self, *, cmee: int) -> str:
        """The final result in the form that +CMEE asks for (27.007 clause 9.1)."""
        match self.cme, cmee:
            case None, _:
                return self.final
            case code, 1:
                return f"+CME ERROR: {code}"
            case code, 2:
                return f"+CME ERROR: {CME_TEXT.get(code or 0, 'unknown')}"
        return "ERROR"
