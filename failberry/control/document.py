"""Documents as JSON, both ways, and their JSON schemas: the status, events, samples.

Pure, and generic over frozen dataclasses, ``StrEnum``, tuples, mappings of numbers and ``None``: the
dataclasses of :mod:`failberry.core.snapshot` and :mod:`failberry.control.answers` are the one declaration,
everything else follows from them.  ``python -m failberry.control.document [status|events|samples]`` prints
the schema that ``docs/schema/`` publishes.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from failberry.control import is_age
from failberry.control.answers import EventsView, SamplesView
from failberry.core.snapshot import SNAPSHOT_VERSION, Snapshot
from failberry.errors import FailberryError

T = TypeVar("T")
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


DOCUMENTS: dict[str, tuple[Any, int]] = {
    "status": (Snapshot, SNAPSHOT_VERSION),
    "events": (EventsView, 1),
    "samples": (SamplesView, 1),
}
"""By their names, each with its version."""


class DocumentError(FailberryError):
    """Not the document; says where it differs."""


def encode(value: object) -> Json:
    """Make JSON of a value; seconds are rounded to the millisecond."""
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if is_dataclass(value):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): encode(each) for name, each in value.items()}
    raise TypeError(f"{type(value).__name__} has no place in the document")


def decode(kind: type[T], value: Json) -> T:
    """Read a document back; unknown members are passed over, as a newer daemon may have sent them.

    Raises :class:`DocumentError`.
    """
    decoded: T = _decode(kind, value, "$")
    return decoded


def without_ages(value: Json) -> Json:
    """Leave out what changes by the mere passing of time; two equal results look the same to a person."""
    match value:
        case dict():
            return {name: without_ages(each) for name, each in value.items() if not is_age(name)}
        case list():
            return [without_ages(each) for each in value]
        case _:
            return value


def schema(name: str = "status") -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one of the :data:`DOCUMENTS`."""
    kind, version = DOCUMENTS[name]
    return schema_of(kind, name=name, title=f"Failberry {name}", version=version)


def schema_of(kind: type, *, name: str, title: str, version: int) -> dict[str, Any]:
    """Return the schema of any document that is a dataclass, mostly with a ``version``."""
    definitions: dict[str, Any] = {}
    _schema(kind, definitions)
    top = definitions.pop(kind.__name__)
    if "version" in top["properties"]:
        top["properties"]["version"] = {"const": version}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:failberry:schema:{name}:{version}",
        "title": title,
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _optional(kind: Any) -> Any:
    """Return what is optional in ``X | None``, else ``None``."""
    if get_origin(kind) is not UnionType:
        return None
    (inner,) = (each for each in get_args(kind) if each is not NoneType)
    return inner


def _decode(kind: Any, value: Json, where: str) -> Any:
    if (inner := _optional(kind)) is not None:
        return None if value is None else _decode(inner, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise DocumentError(f"{where} is not a list")
        return tuple(_decode(get_args(kind)[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    if get_origin(kind) is Mapping:
        if not isinstance(value, dict):
            raise DocumentError(f"{where} is not an object")
        return {name: _decode(get_args(kind)[1], each, f"{where}.{name}") for name, each in value.items()}
    if is_dataclass(kind):
        return _decode_object(kind, value, where)
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise DocumentError(f"{where} is none of {', '.join(kind)}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise DocumentError(f"{where} is not of type {kind.__name__}")
    return value


def _decode_object(kind: Any, value: Json, where: str) -> Any:
    if not isinstance(value, dict):
        raise DocumentError(f"{where} is not an object")
    types = get_type_hints(kind)
    if missing := sorted(types.keys() - value.keys()):
        raise DocumentError(f"{where} lacks {', '.join(missing)}")
    return kind(**{name: _decode(types[name], value[name], f"{where}.{name}") for name in types})


_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if (inner := _optional(kind)) is not None:
        return {"anyOf": [_schema(inner, definitions), {"type": "null"}]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0], definitions)}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": _schema(get_args(kind)[1], definitions)}
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {"description": " ".join(kind.__doc__.split())}
        if is_dataclass(kind):
            types, words = get_type_hints(kind), _words(kind)
            properties = {each: _schema(types[each], definitions) | words.get(each, {}) for each in types}
            definitions[name] |= {"type": "object", "properties": properties, "required": list(types)}
        else:
            definitions[name] |= {"enum": [str(each) for each in kind]}
    return {"$ref": f"#/$defs/{name}"}


def _words(kind: Any) -> dict[str, dict[str, str]]:
    """Find the string that follows a field's declaration in the source: what it means."""
    (declaration,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(declaration, ast.ClassDef)  # noqa: S101  (for mypy: the source of a class is a class)
    words = {}
    for line, following in pairwise(declaration.body):
        match line, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                words[name] = {"description": " ".join(text.split())}
    return words


if __name__ == "__main__":
    json.dump(schema(*sys.argv[1:2]), sys.stdout, indent=2)
    sys.stdout.write("\n")
