"""The declarations of :mod:`failberry.config`, one by one, for whoever reads or writes configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
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


_READ: dict[type, tuple[Declaration, ...]] = {}
"""By table: who reads one file asks for the same tables hundreds of times."""


def declarations(table: type) -> tuple[Declaration, ...]:
    """Everything that may stand in a table, in the order of its declaration."""
    if table not in _READ:
        _READ[table] = tuple(_declaration(each) for each in fields(table))
    return _READ[table]


def _declaration(field: Field[Any]) -> Declaration:
    shape, kind = _shape(field.type)
    return Declaration(
        name=field.name,
        shape=shape,
        kind=kind,
        default=field.default,
        doc=field.metadata["doc"] if shape is Shape.VALUE else " ".join((kind.__doc__ or "").split()),
        example=field.metadata.get("example"),
        check=field.metadata.get("check"),
        secret=field.metadata.get("secret", False),
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
