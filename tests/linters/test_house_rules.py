"""Rules of this code that no ready-made linter knows."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.linters.tree import ROOT, accuse, tracked

PURE_PACKAGES = ("failberry/core", "failberry/at", "failberry/dns")
IMPURE_PARTS = {Path(f"failberry/dns/{each}.py") for each in ("route53", "telling", "__main__")}
"""Of those packages, what does touch the world; nothing pure may import it."""
PURE_MODULES = {
    "__future__", "calendar", "collections", "contextlib", "dataclasses", "datetime", "enum", "functools",
    "hashlib", "ipaddress", "itertools", "math", "operator", "random", "re", "string", "types", "typing",
}  # fmt: skip
"""What neither asks the time nor touches the world; of ``random`` the seeded class, of dates no present."""
PURE_FOR_MESSAGES = {"failberry/dns": {"hmac", "json"}}
"""And what those need who speak to others in documents."""
CLOCKS = {"now", "today", "utcnow"}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
FORBIDDEN_WORDS = {"manager", "managers", "helper", "helpers", "util", "utils"}
LONGEST = 450
HOSTS = (
    r"(?i)\b(pypi|pythonhosted|npmjs|crates|proxy\.golang|(deb|ftp|snapshot|security)(\.\w+)?\.debian)"
    r"\.(org|com|io)\b"
)
MODULE_OF = {"pyserial": "serial", "systemd-python": "systemd", "python-iptables": "iptc", "pyusb": "usb",
             "prometheus-client": "prometheus_client"}  # fmt: skip
"""Where a distribution and its module have different names."""


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each module that a file imports anywhere; of a package's parts too."""
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield node.lineno, module
                if module.partition(".")[0] == "failberry":
                    yield from ((node.lineno, f"{module}.{each.name}") for each in names)


def ours(module: str) -> Path | None:
    """The file of one of our modules, if it is one."""
    name = Path(*module.split("."))
    return next(
        (path for path in (name.with_suffix(".py"), name / "__init__.py") if (ROOT / path).is_file()), None
    )


def test_what_decides_touches_nothing() -> None:
    faults: list[str] = []
    parts = tracked(*(f"{package}/*.py" for package in PURE_PACKAGES))
    assert set(parts) > IMPURE_PARTS
    waiting, seen = [each for each in parts if each not in IMPURE_PARTS], set[Path]()
    assert waiting
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        allowed = PURE_MODULES | PURE_FOR_MESSAGES.get(str(path.parent), set())
        for line, module in imports(path):
            if module.partition(".")[0] == "failberry":
                # Whatever it imports of ours must be as pure as itself.
                waiting += filter(None, [ours(module)])
            elif module.partition(".")[0] not in allowed:
                faults.append(f"{path}:{line}: imports {module}")
        for node in ast.walk(parsed(path)):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                    faults.append(f"{path}:{node.lineno}: calls {name}()")
                case ast.Attribute(value=ast.Name(id="random"), attr=attribute) if attribute != "Random":
                    faults.append(f"{path}:{node.lineno}: random.{attribute} has no seed")
                case ast.Attribute(value=ast.Name(id="date" | "datetime" as name), attr=attribute) if (
                    attribute in CLOCKS
                ):
                    faults.append(f"{path}:{node.lineno}: {name}.{attribute}() asks the clock")
    accuse(faults, cure="let an adapter do it: answer an action with an event; time is an argument (`now`)")


def test_each_package_of_others_is_imported_where_pyproject_says() -> None:
    declared = dict(_declared_importers())
    faults = []
    for path in tracked("failberry/*.py"):
        for line, module in imports(path):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names | {"failberry"} and declared.get(top) != str(path):
                where = declared.get(top, "nowhere")
                faults.append(f"{path}:{line}: imports {top}, which pyproject.toml allows in {where}")
    accuse(
        faults, cure="one adapter wraps it; a comment beside the dependency says which, and why it is needed"
    )


def test_each_declared_package_is_used() -> None:
    faults = [
        f"{path} does not import {top}"
        for top, path in _declared_importers()
        if top not in {module.partition(".")[0] for _, module in imports(Path(path))}
    ]
    accuse(faults, cure="correct the comment in pyproject.toml, or drop the dependency")


def _declared_importers() -> Iterator[tuple[str, str]]:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for name in extras if name != "dev" for each in extras[name])]
    for requirement in wanted:
        distribution = re.split(r"[<>=~!; ]", requirement)[0]
        before = text[: text.index(f'"{requirement}"')]
        told = re.findall(r"# Imported by (\S+\.py) only", before)
        assert told, f"pyproject.toml does not say who imports {distribution}"
        yield MODULE_OF.get(distribution, distribution), told[-1]


def test_names_say_what_a_thing_is() -> None:
    faults = []
    for path in tracked("failberry/*.py"):
        if words(path.stem) & FORBIDDEN_WORDS:
            faults.append(f"{path}: the name of the file")
        for node in ast.walk(parsed(path)):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    if words(name) & FORBIDDEN_WORDS or name == "process":
                        faults.append(f"{path}:{node.lineno}: {name}")
    accuse(faults, cure="name the thing, not that it is a thing: what does it decide, hold or do?")


def words(name: str) -> set[str]:
    """``ModemPorts`` and ``modem_ports`` are both the words "modem" and "ports"."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_no_file_is_too_long() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in tracked("*.py", "*.sh")}
    faults = [f"{path}: {lines} lines" for path, lines in lengths.items() if lines > LONGEST]
    accuse(faults, cure=f"at most {LONGEST} lines: split it where a new reader would draw the line")


def test_no_registry_is_named() -> None:
    faults = [
        f"{path}:{number}: {found[0]}"
        for path in tracked()
        if path.suffix not in {".gz", ".png", ".qcow2"}
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if (found := re.search(HOSTS, line))
    ]
    accuse(faults, cure="use the mirror and the index that this machine is set up with")


def test_no_two_unit_tests_have_one_name() -> None:
    # Without packages pytest knows a file by its name alone, and refuses the second.
    found: dict[str, list[str]] = {}
    for path in tracked("tests/unit/**/*.py", "tests/unit/*.py", "tests/golden/*.py"):
        if path.name not in ("__init__.py", "conftest.py"):
            found.setdefault(path.name, []).append(str(path))
    assert len(found) > 100, "they are looked for in the wrong place"
    twice = [", ".join(each) for each in found.values() if len(each) > 1]
    accuse(twice, cure="give one of them another name")
