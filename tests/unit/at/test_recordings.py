r"""Whole dialogues, replayed in one piece, byte by byte, and cut anywhere.

They are told after makers' manuals and what users published of these modems; only the order of things
and the numbers are ours.  One file of ``tests/recordings`` is one dialogue, of blocks with an empty line
between them::

    # a remark
    > AT+CSQ                            what we send; without it the modem speaks by itself
    ! timeout                           then, if the deadline passes (``! reset``: the port is reopened)
    < \r\n+CSQ: 18,99\r\n\r\nOK\r\n     what the modem sends, with Python's escapes
    = info +CSQ: 18,99                  what it means: info, urc, prompt, or final and its kind and code
    = final ok
    : Signal rssi=-77                   what the command's parser makes of the info lines
    ! surplus ~\xff}#                   what PPP will find, after CONNECT

A new modem is a row in ``failberry/at/quirks.py`` and a file there.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from failberry.at import commands
from failberry.at.codec import Codec, FinalResult, InfoLine, Item, Prompt, Urc
from failberry.at.commands import Command

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings").glob("*.txt"))
KNOWN = {value.text: value for value in vars(commands).values() if isinstance(value, Command)}
Split = Callable[[bytes], list[bytes]]


@dataclass(kw_only=True)
class Block:
    """One exchange, as written."""

    command: str | None = None
    timeout: bool = False
    reset: bool = False
    data: bytes = b""
    items: list[str] = field(default_factory=list)
    value: str | None = None
    surplus: bytes | None = None


def read(path: Path) -> list[Block]:
    blocks = []
    for paragraph in path.read_text(encoding="ascii").split("\n\n"):
        block = Block()
        for line in paragraph.strip().splitlines():
            sign, _, rest = line.partition(" ")
            match sign, rest.partition(" "):
                case ">", _:
                    block.command = rest
                case "<", _:
                    block.data += unescaped(rest)
                case "=", _:
                    block.items.append(rest)
                case ":", _:
                    block.value = rest
                case "!", ("timeout", _, _):
                    block.timeout = True
                case "!", ("reset", _, _):
                    block.reset = True
                case "!", ("surplus", _, surplus):
                    block.surplus = unescaped(surplus)
                case "#", _:
                    pass
                case _:
                    raise ValueError(f"{path.name}: {line!r}")
        blocks.append(block)
    return blocks


def unescaped(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def told(item: Item) -> str:
    match item:
        case InfoLine(text):
            return f"info {text}"
        case Urc(text):
            return f"urc {text}"
        case Prompt():
            return "prompt"
        case FinalResult(kind, _, None):
            return f"final {kind}"
        case FinalResult(kind, _, code):
            return f"final {kind} {code}"


def shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    if not is_dataclass(value):
        return str(value)
    given = [(each.name, getattr(value, each.name)) for each in fields(value)]
    return " ".join([type(value).__name__, *(f"{name}={part}" for name, part in given if part is not None)])


def in_one_piece(data: bytes) -> list[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def cut_anywhere(seed: int) -> Split:
    dice = random.Random(seed)  # noqa: S311  (the same cuts in each run)

    def cut(data: bytes) -> list[bytes]:
        cuts = sorted(dice.randint(0, len(data)) for _ in range(5))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    return cut


SPLITS = {"in one piece": in_one_piece, "byte by byte": byte_by_byte} | {
    f"cut by dice {seed}": cut_anywhere(seed) for seed in range(20)
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_replay(path: Path, split: Split) -> None:
    codec = Codec()
    for block in read(path):
        command = KNOWN.get(block.command or "")
        if block.command is not None:
            sent = codec.send(block.command, prefixes=command.prefixes if command else ())
            assert sent == block.command.encode() + b"\r"
        if block.timeout:
            codec.abandon()
        items = [item for piece in split(block.data) for item in codec.receive(piece)]
        assert [told(item) for item in items] == block.items
        if block.value is not None:
            assert command is not None
            assert (
                shown(command.parse([item.text for item in items if isinstance(item, InfoLine)]))
                == block.value
            )
        if block.surplus is not None:
            assert codec.surplus == block.surplus
        if block.reset:
            codec.reset()


def test_recordings_go_from_the_first_command_to_ppp() -> None:
    assert {"huawei_e3372", "quectel_ec25", "zte_mf180"} <= {path.stem for path in RECORDINGS}
    for path in RECORDINGS:
        blocks = read(path)
        assert sum(block.value is not None for block in blocks) >= 8
        assert any(block.surplus is not None for block in blocks)
