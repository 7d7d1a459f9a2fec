"""As much CBOR (RFC 8949) as the RPC v2 protocol of newer SDKs takes: what JSON has, and bytes and times."""

from __future__ import annotations

import struct
from typing import Any

_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_DEEPEST = 32


def encode(value: object) -> bytes:
    """Write a document."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            raw = value.encode()
            return _head(3, len(raw)) + raw
        case list() | tuple():
            return _head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            return _head(5, len(value)) + b"".join(encode(part) for pair in value.items() for part in pair)
    raise TypeError(f"CBOR has no {type(value).__name__} here")


def decode(raw: bytes) -> Any:
    """Read one document; raises ValueError for anything else."""
    try:
        value, end = _item(raw, 0, 0)
    except (IndexError, struct.error) as error:
        raise ValueError("CBOR that ends too soon") from error
    if end != len(raw) or value is _BREAK:
        raise ValueError("not one document of CBOR")
    return value


def _head(major: int, number: int) -> bytes:
    for extra, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
        if number < 24:
            return bytes((major << 5 | number,))
        if number < limit:
            return bytes((major << 5 | extra,)) + struct.pack(form, number)
    return bytes((major << 5 | 27,)) + struct.pack(">Q", number)


def _item(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise ValueError("CBOR that is nested too deeply")
    major, extra = raw[at] >> 5, raw[at] & 31
    at += 1
    if major == 7:
        return _plain(raw, at, extra)
    if extra == 31:
        return _endless(raw, at, major, depth)
    if extra > 27:
        raise ValueError("CBOR that is not well-formed")
    width = 0 if extra < 24 else 1 << (extra - 24)
    number = extra if extra < 24 else int.from_bytes(raw[at : at + width], "big")
    at += width
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        chunk = raw[at : at + number]
        if len(chunk) != number:
            raise ValueError("CBOR that ends too soon")
        return (chunk if major == 2 else chunk.decode()), at + number
    if major == 6:
        # A tag: of those there is only the time (1), which is a number as in JSON.
        return _item(raw, at, depth + 1)
    items = []
    for _ in range(number * (2 if major == 5 else 1)):
        value, at = _item(raw, at, depth + 1)
        items.append(value)
    return _container(major, items), at


def _plain(raw: bytes, at: int, extra: int) -> tuple[Any, int]:
    if extra == 31:
        return _BREAK, at
    if extra in _FLOATS:
        width = struct.calcsize(_FLOATS[extra])
        return struct.unpack(_FLOATS[extra], raw[at : at + width])[0], at + width
    return _SIMPLE[extra], at


def _endless(raw: bytes, at: int, major: int, depth: int) -> tuple[Any, int]:
    items: list[Any] = []
    while True:
        value, at = _item(raw, at, depth + 1)
        if value is _BREAK:
            break
        items.append(value)
    if major in {2, 3}:
        return (b"" if major == 2 else "").join(items), at
    return _container(major, items), at


def _container(major: int, items: list[Any]) -> Any:
    return items if major == 4 else dict(zip(items[::2], items[1::2], strict=True))
