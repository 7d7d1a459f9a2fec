"""Records of a history."""

from dataclasses import replace

from failberry.core.chronicle import Record
from failberry.core.history import Dated
from failberry.core.kinds import RecordKind

NOW = 1_800_000_000.0


def dated(number: int, *, wall: float = NOW, synced: bool = True, **fields: object) -> Dated:
    record = Record(
        id=number, at=float(number), kind=RecordKind.VERDICT, subject="wired", what="up -> suspect",
        why="no answer", next="wait", correlation=number, numbers={"silent": 0.5},
    )  # fmt: skip
    return Dated(record=replace(record, **fields), wall=wall, synced=synced, boot="boot-a")  # type: ignore[arg-type]
