"""The declarations of :mod:`failberry.config`, one by one, for whoever reads or writes configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin


class Shape(StrEnum):
    """What stands in the file under a name."""

    VALUE = "value"
    TABLE = "table"
    OPTIONAL_TABLE = "optional_table"
    """Absent means ``None``."""
    TABLES = "tables"
    """An array of tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One name in one table."""

    name: str
    shape: Shape
    kind: Any
    """Of a value ``str``, ``bool``, ``int``, ``float``, a ``StrEnum`` or ``tuple`` (of ``str``).

    Of a table its dataclass.
    """
    default: Any
    """``dataclasses.MISSING`` where the setting is required."""
    doc: str
    example: str | None
    check: Callable[[Any], str | None] | None
    secret: bool

    @property
    def required(self) -> bool:
        """Whether the file has to say it."""
        return self.default is MISSING


def declarations(table: type) -> Iterator[Declaration]:
    """Everything that may stand in a table, in the order of its declaration."""
    for each in fields(table):
        shape, kind = _shape(each.type)
        yield Declaration(
            name=each.name,
            shape=shape,
            kind=kind,
            default=each.default,
            doc=each.metadata["doc"] if shape is Shape.VALUE else (kind.__doc__ or ""),
            example=each.metadata.get("example"),
            check=each.metadata.get("check"),
            secret=each.metadata.get("secret", False),
        )


def _shape(annotation: Any) -> tuple[Shape, Any]:
    if is_dataclass(annotation):
        return Shape.TABLE, annotation
    if get_origin(annotation) is UnionType:
        return Shape.OPTIONAL_TABLE, get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        member = get_args(annotation)[0]
        return (Shape.TABLES, member) if is_dataclass(member) else (Shape.VALUE, tuple)
    return Shape.VALUE, annotation
