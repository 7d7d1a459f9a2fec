"""Text messages as PDUs, against worked examples, and read back by a decoder of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.at import sms
from failberry.at.sms import MOST_PARTS, encode


def read(pdu: str) -> tuple[str, str, bytes]:
    """Number, text and header of an SMS-SUBMIT with a relative validity."""
    octets = bytes.fromhex(pdu)
    assert octets[0] == 0
    first, _, digits, kind = octets[1:5]
    assert (first & 0x1B, kind) == (0x11, 0x91)
    size = (digits + 1) // 2
    number = "".join(f"{each:02X}"[::-1] for each in octets[5 : 5 + size])[:digits]
    protocol, coding, validity, length = octets[5 + size : 9 + size]
    assert (protocol, validity) == (0, 11)
    body = octets[9 + size :]
    header = body[: body[0] + 1] if first & 0x40 else b""
    if coding == 8:
        assert length == len(body) <= 140
        return number, body[len(header) :].decode("utf-16-be"), header
    assert length <= 160
    assert len(body) == -(-length * 7 // 8)
    bits = int.from_bytes(body, "little")
    septets = [bits >> (7 * at) & 127 for at in range(length)][-(-len(header) * 8 // 7) :]
    text, back = "", {value: key for key, value in sms._EXTENDED.items()}
    shifted = False
    for each in septets:
        if each == 27:
            shifted = True
        else:
            text += back[each] if shifted else sms._BASIC[each]
            shifted = False
    return number, text, header


def test_a_worked_example() -> None:
    """``hellohello`` in septets is E8329BFD4697D9EC37, as every description of the packing has it."""
    [part] = encode("+46708251358", "hellohello", reference=1)
    assert part.pdu == "0011000B916407281553F800000B0AE8329BFD4697D9EC37"
    assert part.length == len(part.pdu) // 2 - 1


def test_what_the_alphabet_lacks_goes_in_two_octets_each() -> None:
    [part] = encode("+4917012345678", "Лінія 🙂", reference=1)
    assert read(part.pdu) == ("4917012345678", "Лінія 🙂", b"")


def test_typographers_signs_cost_no_alphabet() -> None:
    [part] = encode("+4917012345678", "down – “why” → café…", reference=1)
    assert read(part.pdu)[1] == 'down - "why" -> café...'
    assert part.pdu[26:28] == "00"


@pytest.mark.parametrize(
    ("letter", "whole", "piece"), [("a", 160, 153), ("€", 80, 76), ("Л", 70, 67), ("🙂", 35, 33)]
)
def test_how_much_goes_into_one_and_into_several(letter: str, whole: int, piece: int) -> None:
    assert len(encode("+491701234567", letter * whole, reference=7)) == 1
    parts = encode("+491701234567", letter * (whole + 1), reference=7)
    assert [len(read(each.pdu)[1]) for each in parts] == [piece, whole + 1 - piece]
    assert [read(each.pdu)[2] for each in parts] == [bytes((5, 0, 3, 7, 2, 1)), bytes((5, 0, 3, 7, 2, 2))]
    parts = encode("+491701234567", letter * 1000, reference=7)
    assert len(parts) == MOST_PARTS
    assert read(parts[-1].pdu)[1].endswith(f"{letter}...")


@given(st.text(max_size=700), st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_any_text_can_be_sent_and_is_whole_or_cut_with_dots(text: str, number: str) -> None:
    parts = encode(number, text, reference=300)
    assert 1 <= len(parts) <= MOST_PARTS
    told = [read(each.pdu) for each in parts]
    assert {each[0] for each in told} == {number[1:]}
    whole = "".join(each[1] for each in told)
    shown = "".join(each for each in text.translate(sms._PLAIN) if each.isprintable() or each == "\n")
    assert whole == shown or (whole.endswith("...") and shown.startswith(whole[:-3]))
    assert all(each.length == len(each.pdu) // 2 - 1 <= 164 for each in parts)


@pytest.mark.parametrize(
    "number", ["", "0170123456", "+12", "+49 170 123456", "+49170\n1234567", "+0123456789"]
)
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="country"):
        encode(number, "x", reference=1)


def test_a_part_shows_neither_number_nor_text() -> None:
    [part] = encode("+46708251358", "hellohello", reference=1)
    assert "E832" not in repr(part)
