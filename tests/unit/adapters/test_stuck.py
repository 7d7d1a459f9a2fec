"""Messages that cannot be sent, as the less trusted process tells of them."""

import json

import pytest

from failberry.adapters.stuck import CODE, notices


def test_its_words_become_a_notice() -> None:
    [told] = notices(json.dumps({"what": "3 messages cannot be sent to mail", "why": "x\x1b[2J"}).encode())
    assert (told.code, told.text) == (CODE, "3 messages cannot be sent to mail: x?[2J")
    assert len(notices(json.dumps({"what": "a" * 3000, "why": ""}).encode())[0].text) == 200


@pytest.mark.parametrize("written", [b"", b"[]", b"{}", b"\xff", b'{"what": 1}', b"[" * 4096])
def test_what_means_nothing_says_nothing(written: bytes) -> None:
    assert notices(written) == ()
