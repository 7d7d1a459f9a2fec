"""The one redactor: everything that must not leave the house is replaced by a placeholder.  Pure.

Four steps over all texts together.  *Looks*: keys, passwords in ``name = value``, numbers of SIM and modem,
telephone numbers, addresses.  *Values*: what is known to be secret, and what the looks have found in
any text, is hunted in every text in every disguise (:mod:`.disguises`), also across the ends of lines.
*Blobs*: base64 and hexadecimal that turns out to hold any of it goes as a whole.  *Proof*: the result is
searched once more; a text in which something is still found is left out altogether.

The same value gets the same placeholder in every text, so that a story can still be followed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from failberry.report import patterns
from failberry.report.disguises import SHORT, disguises, exact, folded

_GONE = "[left out: something secret was still found in it]\n"
_PLACEHOLDER = re.compile(r"\[[a-z0-9-]+-\d+\]")
_HARMLESS = frozenset(
    {
        "", "true", "false", "yes", "no", "none", "null", "unknown", "ready", "sim", "empty", "default",
        "string", "hidden", "set", "auto", "required",
    }
)  # fmt: skip
"""Words behind ``password =`` that are none."""
_LONGEST_BLOB = 1 << 16
_SHORT_NUMBER = 4
_LONG_WORD = 12
_MAKER = 6
"""Digits of a hardware address that tell its maker only."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One value that must not leave the house."""

    kind: str
    """What stands in its place: ``pin``, ``password``…"""
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What may leave the house."""

    texts: Mapping[str, str]
    counts: Mapping[str, int]
    """How many values of each kind were replaced."""
    left_out: tuple[str, ...] = ()
    """Texts in which something was found after all."""


def redact(texts: Mapping[str, str], secrets: Iterable[Secret] = ()) -> Redacted:
    """Go over all texts.  What is shorter than four characters is no secret."""
    book = _Book()
    for each in secrets:
        if len(each.value) >= _SHORT_NUMBER:
            book.note(each.kind, each.value, hunted=True)
    for text in texts.values():
        _learn(text, book)
    cleaned = {name: _cleaned(text, book) for name, text in texts.items()}
    left_out = tuple(name for name, text in cleaned.items() if book.betrayed(text))
    return Redacted(
        texts={name: _GONE if name in left_out else text for name, text in cleaned.items()},
        counts=dict(sorted(book.counts().items())),
        left_out=left_out,
    )


class _Book:
    """Every value that was met, with its placeholder."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._hunted: set[str] = set()
        self._long: dict[str, list[tuple[str, str, int]]] = {}
        """Beginning of a disguise to the whole, folded, its placeholder, and how much of it may stay."""
        self._short: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def note(self, kind: str, value: str, *, hunted: bool) -> str:
        """Give the placeholder of a value; the same value has one only."""
        key = (folded(value)[0] or value) if kind != "address" else value
        if key not in self._names:
            self._numbers[kind] += 1
            self._names[key] = f"[{kind}-{self._numbers[kind]}]"
        name = self._names[key]
        if hunted and key not in self._hunted:
            self._hunted.add(key)
            self._hunt(kind, value, key, name)
        return name

    def _hunt(self, kind: str, value: str, key: str, name: str) -> None:
        if len(key) < SHORT:
            self._also(name, exact(value))
            return
        for each in disguises(value):
            # Of a hardware address as it stands the maker's half stays.
            stays = _MAKER if kind == "mac" and each == key else 0
            self._long.setdefault(each[:SHORT], []).append((each, name, stays))

    def address(self, address: IPv4Address | IPv6Address) -> str:
        """Give the placeholder of an address, which is sought as names and tables write it, too."""
        text = address.exploded
        name = self.note("address", text, hunted=False)
        if text not in self._hunted:
            self._hunted.add(text)
            turned = address.packed[::-1].hex()
            words = [text, address.compressed, address.packed.hex(), turned]
            if address.version == 4:
                parts = text.split(".")
                words += ["-".join(parts), "_".join(parts), f"{'.'.join(reversed(parts))}.in-addr"]
            else:
                words.append(address.reverse_pointer.removesuffix(".ip6.arpa"))
            self._also(name, [*words, *map(str.upper, words)])
        return name

    def _also(self, name: str, words: Iterable[str]) -> None:
        self._short.update(dict.fromkeys(words, name))
        self._pattern = None

    def counts(self) -> Counter[str]:
        """How many values of each kind."""
        return self._numbers

    def found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where any of them stands, in whatever disguise."""
        letters, places = folded(text)
        for at in range(len(letters) - SHORT + 1):
            # By their beginnings: what is sought are thousands, and texts are long.
            for needle, name, stays in self._long.get(letters[at : at + SHORT], ()):
                if letters.startswith(needle, at):
                    yield places[at + stays], places[at + len(needle) - 1] + 1, name
        if self._short:
            if self._pattern is None:
                words = "|".join(map(re.escape, sorted(self._short, key=len, reverse=True)))
                self._pattern = re.compile(rf"(?<!\d)(?:{words})(?!\d)")
            yield from ((*each.span(), self._short[each[0]]) for each in self._pattern.finditer(text))

    def betrayed(self, text: str) -> bool:
        """Whether anything is left in a text that was cleaned."""
        # What stands between two placeholders is one piece: nothing is made up across one.
        return any(True for piece in _PLACEHOLDER.split(text) for _ in self.found(piece))


def _learn(text: str, book: _Book) -> None:
    """Note what is secret by its looks."""
    for look in patterns.LOOKS:
        for found in look.pattern.finditer(text):
            value = _bare(found[found.lastindex or 0])
            if _is_secret(look, value):
                book.note(look.kind, value, hunted=_is_hunted(look, value))
    for start, end in patterns.digits(text):
        book.note("id", text[start:end], hunted=True)
    for start, end in patterns.telephones(text):
        number = text[start:end]
        book.note("number", number, hunted=True)
        book.note("number", re.sub(r"\D", "", number), hunted=True)
    for _, _, whole in patterns.macs(text):
        book.note("mac", whole, hunted=True)
    for _, _, address in patterns.addresses(text):
        if patterns.is_public(address):
            book.address(address)


def _is_secret(look: patterns.Look, value: str) -> bool:
    if value.lower() in _HARMLESS or set(value) <= set("*"):
        return False
    return len(value) >= _SHORT_NUMBER or look.kind != "number"


def _is_hunted(look: patterns.Look, value: str) -> bool:
    """Whether it is sought elsewhere; a plain word is struck out only where it was called a secret."""
    if look.kind == "secret" and value.isalpha() and (value.islower() or value.istitle()):
        return len(value) > _LONG_WORD
    return len(value) >= _SHORT_NUMBER


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


# --- striking out ----------------------------------------------------------------------------------


def _cleaned(text: str, book: _Book) -> str:
    text = _struck(text, _blobs(text, book))
    return _struck(text, _marks(text, book))


def _marks(text: str, book: _Book) -> Iterator[tuple[int, int, str]]:
    for look in patterns.LOOKS:
        for found in look.pattern.finditer(text):
            group = found.lastindex or 0
            if _is_secret(look, value := _bare(found[group])):
                quoted = value != found[group]
                yield (
                    found.start(group) + quoted,
                    found.end(group) - quoted,
                    book.note(look.kind, value, hunted=False),
                )
    yield from book.found(text)
    for start, end in patterns.digits(text):
        yield start, end, book.note("id", text[start:end], hunted=False)
    for start, end in patterns.telephones(text):
        yield start, end, book.note("number", text[start:end], hunted=False)
    for start, end, whole in patterns.macs(text):
        yield start, end, book.note("mac", whole, hunted=False)
    for start, end, address in patterns.addresses(text):
        if patterns.is_public(address):
            yield start, end, book.address(address)
        else:
            yield start, end, book.note("mac-address", address.exploded, hunted=False)
    for start, end in patterns.ids(text):
        yield start, end, book.note("hex", text[start:end], hunted=False)


def _struck(text: str, marks: Iterable[tuple[int, int, str]]) -> str:
    """Replace the marked places; where they overlap, all of it goes."""
    merged: list[tuple[int, int, str]] = []
    for start, end, name in sorted(marks, key=lambda each: (each[0], -each[1])):
        if merged and start < merged[-1][1]:
            first, last, kept = merged[-1]
            merged[-1] = first, max(last, end), kept
        elif end > start:
            merged.append((start, end, name))
    pieces, at = [], 0
    for first, last, name in merged:
        pieces += [text[at:first], name, _newlines(text[first:last])]
        at = last
    return "".join([*pieces, text[at:]])


def _newlines(text: str) -> str:
    """A value that was broken over lines takes none of them along: what follows stays where it was."""
    return "\n" * text.count("\n")


# --- blobs -----------------------------------------------------------------------------------------


def _blobs(text: str, book: _Book) -> Iterator[tuple[int, int, str]]:
    """Encoded text that holds anything of it."""
    for pattern, decode in ((patterns.BLOB, _from_base64), (patterns.HEX, _from_hex)):
        for found in pattern.finditer(text):
            inside = decode(found[0][:_LONGEST_BLOB])
            if inside is not None and _holds_secret(inside, book):
                yield *found.span(), book.note("encoded", found[0], hunted=False)


def _holds_secret(text: str, book: _Book) -> bool:
    if any(True for _ in book.found(text)):
        return True
    looks = any(
        _is_secret(look, _bare(found[found.lastindex or 0]))
        for look in patterns.LOOKS
        for found in look.pattern.finditer(text)
    )
    return looks or any(
        True for each in (patterns.digits, patterns.telephones, patterns.macs) for _ in each(text)
    )


def _from_base64(text: str) -> str | None:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(padded + "=" * (-len(padded) % 4)))
    except (binascii.Error, ValueError):
        return None


def _from_hex(text: str) -> str | None:
    return _readable(bytes.fromhex(text))


def _readable(octets: bytes) -> str | None:
    """Text, if it is text."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(each.isprintable() or each.isspace() for each in text) else None
