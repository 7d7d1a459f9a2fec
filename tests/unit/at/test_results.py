"""Numbers and texts lead to the same name, class and advice."""

import pytest

from failberry.at.codec import Codec, FinalResult, ResultKind
from failberry.at.results import CME_ERRORS, CMS_ERRORS, CmeClass, cme, cms_name, explain


@pytest.mark.parametrize(
    ("klass", "codes"),
    [
        (CmeClass.TELL, [5, 6, 7, 10, 12, 15, 16, 17, 18, 40, 41, 42, 43, 44, 45, 46, 47, 103, 105, 106]),
        (CmeClass.PIN, [11]),
        (CmeClass.WAIT_SIM, [13, 14]),
        (
            CmeClass.WAIT_NETWORK,
            [30, 31, 32, 57, 102, 104, 107, 108, 109, 110, 115, 116, 117, 118, 122, 134, 148],
        ),
        (CmeClass.PLAN, [111, 112, 113, 114, 132, 133, 177, 189]),
        (CmeClass.APN, [127, 128, 129, 130, 131, 149, 179]),
        (CmeClass.FAMILY, [192, 193, 194, 196]),
        (CmeClass.STUCK, [135, 143, 146]),
        (CmeClass.BROKEN, [0, 1, 60, 100]),
        (CmeClass.UNSUPPORTED, [3, 4, 50, 51]),
        (CmeClass.UNKNOWN, [9, 99, 170, 511, 9999]),
    ],
)
def test_classes(klass: CmeClass, codes: list[int]) -> None:
    assert {code: cme(code).klass for code in codes} == dict.fromkeys(codes, klass)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("+CME ERROR: 11", 11),
        ("+CME ERROR: SIM PIN required", 11),
        ("+CME ERROR:SIM PIN REQUIRED", 11),
        ("SIM PIN required", 11),
        ("11", 11),
        ("+CME ERROR: 0014", 14),
        ("+CME ERROR: SIM busy", 14),
        ("+CME ERROR: SIM not inserted", 10),
        ("+CME ERROR: incorrect password", 16),
        ("+CME ERROR: no network service", 30),
        ("+CME ERROR: No Network", 30),
        ("+CME ERROR: network not allowed - emergency calls only", 32),
        ("+CME ERROR: Requested service option not subscribed (#33)", 133),
        ("+CME ERROR: unspecified GPRS error", 148),
        ("+CME ERROR: unknown error", 100),
        ("+CME ERROR: missing or unknown APN", 127),
    ],
)
def test_numbers_and_texts(text: str, code: int) -> None:
    assert cme(text) == cme(code)
    assert cme(text).code == code


def test_each_name_of_the_table_leads_back_to_it() -> None:
    # 171 is the later number of the same error.
    assert [code for code, (name, _) in CME_ERRORS.items() if cme(name).code != code] == [171]
    assert [code for code, name in CMS_ERRORS.items() if cms_name(name) != name] == []


@pytest.mark.parametrize(
    ("said", "code", "name"),
    [
        ("+CME ERROR: raspberry", None, "raspberry"),
        ("+CME ERROR: ", None, "unknown error"),
        ("+CME ERROR: 4711", 4711, "unknown error 4711"),
        (4711, 4711, "unknown error 4711"),
        (-1, -1, "unknown error -1"),
    ],
)
def test_what_is_not_in_the_table_is_named_as_it_came(said: str | int, code: int | None, name: str) -> None:
    error = cme(said)
    assert (error.code, error.name, error.klass) == (code, name, CmeClass.UNKNOWN)


def test_advice_says_what_to_do() -> None:
    assert "seat the SIM card" in cme(10).advice
    assert "cellular.pin" in cme(11).advice
    assert "never sends a PUK" in cme(12).advice
    assert "cellular.pin" in cme(16).advice
    assert "locked to one carrier" in cme(40).advice
    assert "cellular.apn" in cme(127).advice
    assert '"IPV6"' in cme(193).advice
    for code in CME_ERRORS:
        assert cme(code).advice.endswith(".")
        assert len(cme(code).advice) <= 110


def test_cms_names() -> None:
    assert cms_name(310) == "SIM not inserted"
    assert cms_name("+CMS ERROR: 322") == "memory full"
    assert cms_name("+CMS ERROR: memory full") == "memory full"
    assert cms_name("+CMS ERROR: bananas") == "bananas"
    assert cms_name(1) == "unknown error 1"
    assert cms_name("") == "unknown error"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("+CME ERROR: 10", 10),
        ("+CME ERROR: SIM not inserted", 10),
        ("COMMAND NOT SUPPORT", 4),
        ("NA", 4),
        ("MODEM ERROR: 5", 100),
    ],
)
def test_results_that_explain_themselves(line: str, code: int) -> None:
    codec = Codec()
    codec.send("AT+CPIN?")
    (result,) = codec.receive(f"\r\n{line}\r\n".encode())
    assert isinstance(result, FinalResult)
    assert explain(result) == cme(code)


@pytest.mark.parametrize(
    "kind", sorted(set(ResultKind) - {ResultKind.CME_ERROR, ResultKind.UNSUPPORTED, ResultKind.MODEM_ERROR})
)
def test_results_whose_kind_says_it_all(kind: ResultKind) -> None:
    assert explain(FinalResult(kind, "text")) is None
