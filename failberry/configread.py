"""A parsed TOML document against the declarations: values where they are well, faults where they are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from enum import StrEnum
from typing import Any

from failberry.config import Config
from failberry.declarations import Declaration, Shape, declarations
from failberry.tomltext import KeyPath, literal, shown

_FAULTY: Any = object()
"""Stands for a value that could not be had, and whose fault has been noted."""

_WANTED = {bool: "true or false", int: "a whole number", float: "a number", tuple: "a list of texts"}
_CAME = {
    str: "text",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "a table",
}
_EXPLAINED = 50
"""Faults; of further unknown names it is not said what was probably meant."""
_FIRST_THE_OTHERS = "mend what is told before this one"
_NUMBER = r"-?[0-9]{1,18}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and where in the document."""

    path: KeyPath
    problem: str
    hint: str


class Reading:
    """One walk over a document."""

    def __init__(self) -> None:
        self.well: dict[KeyPath, Any] = {}
        """Every value, table and default that is possible, by its place."""
        self.given: set[KeyPath] = set()
        """What the document itself says, well or not."""
        self.faults: list[Fault] = []

    def document(self, raw: Mapping[str, object]) -> Config | None:
        """Read the whole; ``None`` if there are faults, which are noted."""
        config: Config = self._table(Config, raw, ())
        return None if self.faults else config

    def _table(self, kind: type, raw: object, at: KeyPath) -> Any:
        if not isinstance(raw, Mapping):
            return self._wrong_shape(raw, at)
        known = {each.name: each for each in declarations(kind)}
        for name, value in raw.items():
            self.given.add((*at, name))
            if name not in known:
                # What was meant takes milliseconds to find, and a file of rubbish has thousands of names.
                few = len(self.faults) < _EXPLAINED
                problem = _unknown(name, value, at, known) if few else ("is no setting", _FIRST_THE_OTHERS)
                self._fault((*at, name), *problem)
        values = {
            name: self._member(each, raw.get(name, MISSING), (*at, name)) for name, each in known.items()
        }
        if _FAULTY in values.values():
            return _FAULTY
        self.well[at] = kind(**values)
        return self.well[at]

    def _member(self, declaration: Declaration, raw: Any, at: KeyPath) -> Any:
        match declaration.shape:
            case Shape.VALUE:
                return self._value(declaration, raw, at)
            case Shape.TABLE:
                return self._table(declaration.kind, {} if raw is MISSING else raw, at)
            case Shape.OPTIONAL_TABLE:
                return None if raw is MISSING else self._table(declaration.kind, raw, at)
            case Shape.TABLES:
                return () if raw is MISSING else self._tables(declaration.kind, raw, at)

    def _tables(self, kind: type, raw: object, at: KeyPath) -> Any:
        if not isinstance(raw, list):
            return self._wrong_shape(raw, at)
        tables = tuple(self._table(kind, each, (*at, number)) for number, each in enumerate(raw))
        return _FAULTY if _FAULTY in tables else tables

    def _value(self, declaration: Declaration, raw: Any, at: KeyPath) -> Any:
        if raw is MISSING:
            if declaration.required:
                return self._fault(
                    at, "is missing", f"add {declaration.name} = {declaration.example} {_place(at[:-1])}"
                )
            self.well[at] = declaration.default
            return declaration.default
        value = self._typed(declaration, raw, at)
        if value is _FAULTY:
            return value
        answer = declaration.check(value) if declaration.check is not None else None
        if answer is not None:
            # Split at the last one: what is quoted in the problem may hold semicolons of its own.
            problem, _, hint = answer.rpartition("; ")
            return self._fault(at, problem, hint)
        self.well[at] = float(value) if declaration.kind is float else value
        return self.well[at]

    def _typed(self, declaration: Declaration, raw: Any, at: KeyPath) -> Any:
        kind = declaration.kind
        if kind is tuple and isinstance(raw, list):
            for number, each in enumerate(raw):
                if not isinstance(each, str):
                    return self._wrong_type(declaration, each, (*at, number), wanted="text")
            return tuple(raw)
        if kind is float and type(raw) is int:
            return raw
        if issubclass(kind, StrEnum) and isinstance(raw, str):
            choices = [each.value for each in kind]
            return kind(raw) if raw in choices else self._fault(at, *_not_a_choice(raw, choices))
        if type(raw) is kind:  # not isinstance: to Python, true is an integer
            return raw
        return self._wrong_type(declaration, raw, at, wanted=_WANTED.get(kind, "text"))

    def _wrong_type(self, declaration: Declaration, raw: object, at: KeyPath, *, wanted: str) -> Any:
        return self._fault(
            at,
            f"wants {wanted}, not {_came(raw)}",
            f"write {declaration.name} = {_suggestion(declaration, raw)}",
        )

    def _wrong_shape(self, raw: object, at: KeyPath) -> Any:
        hint = f"write {_heading(at[0])} on a line of its own and its settings below"
        return self._fault(at, f"is a section, not {_came(raw)}", hint)

    def _fault(self, path: KeyPath, problem: str, hint: str) -> Any:
        self.faults.append(Fault(path=path, problem=problem, hint=hint))
        return _FAULTY


def _came(raw: object) -> str:
    if isinstance(raw, bool):
        return literal(raw)
    return _CAME.get(type(raw), "a date or time")


def _suggestion(declaration: Declaration, raw: object) -> str:
    """The value as it was probably meant, else one that is possible; neither a secret nor an AT command."""
    if declaration.secret:
        return '"…", in quotes'
    if declaration.kind is str and type(raw) in {int, float}:
        return f'"{shown(raw)}", in quotes'
    if declaration.kind in {int, float} and isinstance(raw, str) and re.fullmatch(_NUMBER, raw):
        return f"{raw}, without quotes"
    if declaration.kind is bool and isinstance(raw, str) and raw.lower() in {"true", "false"}:
        return f"{raw.lower()}, without quotes"
    return declaration.example or literal(declaration.default)


def _not_a_choice(raw: str, choices: list[str]) -> tuple[str, str]:
    problem = f"{shown(raw)} is not one of its choices"
    listed = " or ".join(literal(each) for each in choices)
    meant = _closest(raw, choices)
    if meant is None:
        return problem, f"choose {listed}"
    return problem, f"did you mean {literal(meant)}? The choices are {listed}"


def _unknown(name: str, value: object, at: KeyPath, known: Mapping[str, Declaration]) -> tuple[str, str]:
    """Say that nothing has this name here, and what was probably meant."""
    homes = _homes()
    if name in homes:
        return "is no setting here", f"it belongs {homes[name]}"
    problem = "is no section" if isinstance(value, Mapping) else "is no setting"
    meant = _closest(name, known)
    if meant is not None:
        return problem, f"did you mean {meant if known[meant].shape is Shape.VALUE else _heading(meant)}?"
    meant = _closest(name, homes)
    if meant is not None:
        place = "" if homes[meant] == _place(at) else f", {homes[meant]}"
        return problem, f"did you mean {meant}{place}?"
    return problem, f"remove it; known here: {', '.join(known)}"


def _homes() -> dict[str, str]:
    """Of each setting, in words, where it stands."""
    homes: dict[str, str] = {}
    for each in declarations(Config):
        if each.shape is Shape.VALUE:
            homes[each.name] = _place(())
            continue
        for setting in declarations(each.kind):
            before = f"{homes[setting.name]} or " if setting.name in homes else ""
            homes[setting.name] = before + _place((each.name,))
    return homes


def _place(section: KeyPath) -> str:
    return (
        f"under {_heading(section[0])}" if section else "at the top of the file, before the first [section]"
    )


def _heading(section: str | int) -> str:
    repeated = {each.name for each in declarations(Config) if each.shape is Shape.TABLES}
    return f"[[{section}]]" if section in repeated else f"[{section}]"


def _closest(word: str, words: Iterable[str]) -> str | None:
    """The one that was probably meant: alike, and clearly more so than any other."""
    import difflib  # only when something is wrong: it takes time and memory

    def likeness(each: str) -> float:
        return difflib.SequenceMatcher(None, _folded(word[:40]), _folded(each)).ratio()

    ranked = sorted(((likeness(each), each) for each in words), reverse=True)
    (best, meant), (second, _) = (*ranked, (0.0, ""))[:2]
    return meant if best >= 0.6 and best - second >= 0.1 else None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")
