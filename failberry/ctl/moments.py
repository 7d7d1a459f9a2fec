"""Moments as people write them: ``2h``, ``yesterday``, ``2026-11-20T10:00``."""

from __future__ import annotations

import argparse
import re
import time
from datetime import datetime, timedelta

_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def moment(text: str, now: float | None = None) -> float:
    """Return seconds since 1970: of so long ago, of the beginning of a day, or of a date and time.

    What names no zone is local time.  Raises :class:`argparse.ArgumentTypeError`.
    """
    now = time.time() if now is None else now
    words = text.strip().lower()
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}
    if words in days:
        return (midnight - timedelta(days=days[words])).timestamp()
    if (ago := re.fullmatch(r"([0-9]{1,6}) ?(s|m|min|h|d|w)(?: ago)?", words)) is not None:
        return max(0.0, now - float(ago[1]) * _SECONDS[ago[2]])
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", words):
        words = f"{midnight:%Y-%m-%d}T{words:0>5}"
    try:
        return max(0.0, datetime.fromisoformat(words.upper()).timestamp())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write for example 2h, yesterday, 10:00 or 2026-11-20T10:00"
        ) from None
