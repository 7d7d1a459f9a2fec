"""The oddities of real ports, one by one.  ``tests/property/test_at_codec.py`` adds all the ways to split."""

import pytest

from failberry.at.codec import (
    MAX_LINE,
    MAX_SURPLUS,
    Codec,
    FinalResult,
    InfoLine,
    Item,
    Prompt,
    ResultKind,
    Urc,
    conceal,
)

OK = FinalResult(ResultKind.OK, "OK")
PPP = b"~\xff}#\xc0!}!}!} }4}"


def answer(command: str, data: bytes, *prefixes: str) -> list[Item]:
    codec = Codec()
    codec.send(command, prefixes=prefixes)
    return codec.receive(data)


def test_a_command_is_sent_with_a_carriage_return_and_is_pending_until_its_result() -> None:
    codec = Codec()
    assert codec.pending is None
    assert codec.send("AT+CSQ", prefixes=("+CSQ:",)) == b"AT+CSQ\r"
    assert codec.pending == "AT+CSQ"
    assert codec.receive(b"\r\n+CSQ: 15,99\r\n") == [InfoLine("+CSQ: 15,99")]
    assert codec.pending == "AT+CSQ"
    assert codec.receive(b"\r\nOK\r\n") == [OK]
    assert codec.pending is None


@pytest.mark.parametrize("command", ["", "AT\r", "AT+CSQ\nATD*99#", "AT\0", "ATé"])
def test_what_is_not_one_line_of_ascii_is_not_sent(command: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Codec().send(command)


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("OK", ResultKind.OK, None),
        ("ERROR", ResultKind.ERROR, None),
        ("+CME ERROR: 10", ResultKind.CME_ERROR, 10),
        ("+CME ERROR:14", ResultKind.CME_ERROR, 14),
        ("+CME ERROR: SIM PIN required", ResultKind.CME_ERROR, None),
        ("+CME ERROR: ", ResultKind.CME_ERROR, None),
        ("+CME ERROR:", ResultKind.CME_ERROR, None),
        ("+CME ERROR: 123456789", ResultKind.CME_ERROR, None),
        ("+CMS ERROR: 500", ResultKind.CMS_ERROR, 500),
        ("+CMS ERROR: memory full", ResultKind.CMS_ERROR, None),
        ("MODEM ERROR: 5", ResultKind.MODEM_ERROR, 5),
        ("COMMAND NOT SUPPORT", ResultKind.UNSUPPORTED, None),
        ("NA", ResultKind.UNSUPPORTED, None),
    ],
)
def test_final_results_of_any_command(line: str, kind: ResultKind, code: int | None) -> None:
    assert answer("AT+CPIN?", f"\r\n{line}\r\n".encode()) == [FinalResult(kind, line.strip(), code)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("CONNECT", ResultKind.CONNECT),
        ("CONNECT 7200000", ResultKind.CONNECT),
        ("NO CARRIER", ResultKind.NO_CARRIER),
        ("BUSY", ResultKind.BUSY),
        ("NO ANSWER", ResultKind.NO_ANSWER),
        ("NO DIALTONE", ResultKind.NO_DIALTONE),
        ("NO DIAL TONE", ResultKind.NO_DIALTONE),
        ("DELAYED", ResultKind.DELAYED),
        ("VOICE", ResultKind.VOICE),
        ("FCLASS", ResultKind.FCLASS),
    ],
)
def test_final_results_of_calls_only(line: str, kind: ResultKind) -> None:
    data = f"\r\n{line}\r\n".encode()
    assert answer("ATD*99#", data) == [FinalResult(kind, line)]
    # On its way out, a call that another command ended says so between that command and its result.
    assert answer("ATZ", data + b"\r\nOK\r\n") == [Urc(line), OK]


def test_only_success_is_ok() -> None:
    assert [kind for kind in ResultKind if FinalResult(kind, "").ok] == [ResultKind.OK, ResultKind.CONNECT]


@pytest.mark.parametrize(
    "line", ["NO CARRIER", "RING", "OK", "ERROR", "+CME ERROR: 14", "CONNECT", "+ZUSIMR:2"]
)
def test_without_a_pending_command_everything_is_unsolicited(line: str) -> None:
    codec = Codec()
    assert codec.receive(f"\r\n{line}\r\n".encode()) == [Urc(line)]
    assert codec.surplus == b""


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n+CSQ: 15,99\r\n\r\nOK\r\n",
        b"AT+CSQ\r\r\n+CSQ: 15,99\r\n\r\nOK\r\n",  # echo
        b"AT+CSQ\r\n+CSQ: 15,99\r\nOK\r\n",  # echo, and no blank lines
        b"\n+CSQ: 15,99\r\n\nOK\r\n",  # the leading CR is missing
        b"+CSQ: 15,99\n\nOK\n",
        b"\r+CSQ: 15,99\r\rOK\r",
        b"\r\r\n+CSQ: 15,99\r\r\n\r\r\nOK\r\r\n",
        b"\0\0\r\n+CSQ: 15,99\r\n\r\nOK\r\n",
        b"\0\0+CSQ: 15,99\r\n\0OK\0\r\n",
        b"  +CSQ: 15,99 \r\n\r\n OK \r\n",
    ],
)
def test_framing_is_bent_in_many_ways(data: bytes) -> None:
    assert answer("AT+CSQ", data, "+CSQ:") == [InfoLine("+CSQ: 15,99"), OK]


def test_unsolicited_lines_come_between_a_command_and_its_result() -> None:
    data = b'\r\n^RSSI:14\r\n\r\n+COPS: 0,0,"T-Mobile",2\r\n\r\n^MODE: 5,4\r\n\r\nOK\r\n'
    assert answer("AT+COPS?", data, "+COPS:") == [
        Urc("^RSSI:14"),
        InfoLine('+COPS: 0,0,"T-Mobile",2'),
        Urc("^MODE: 5,4"),
        OK,
    ]


def test_without_prefixes_bare_lines_and_the_own_name_are_answers() -> None:
    data = b"\r\n+CREG: 1\r\n357000001234567\r\n+ZEND\r\nRING\r\n+CGSN: 1\r\nOK\r\n"
    assert answer("AT+CGSN", data) == [
        Urc("+CREG: 1"),
        InfoLine("357000001234567"),
        Urc("+ZEND"),
        Urc("RING"),
        InfoLine("+CGSN: 1"),
        OK,
    ]
    assert answer("at+cgsn", b"\r\n+CGSN: 1\r\n") == [InfoLine("+CGSN: 1")]
    assert answer("ATI", b"\r\nManufacturer: huawei\r\n") == [InfoLine("Manufacturer: huawei")]


def test_with_prefixes_nothing_else_is_an_answer() -> None:
    assert answer("AT+CPIN?", b"\r\nhello\r\n+CPIN: READY\r\n", "+CPIN:") == [
        Urc("hello"),
        InfoLine("+CPIN: READY"),
    ]


@pytest.mark.parametrize(
    ("data", "urc"),
    [
        (b"\r\nOK+CREG: 1\r\n", "+CREG: 1"),
        (b"\r\nOK\r\n+ZUSIMR:2\r\n", "+ZUSIMR:2"),
        (b"\r\nOK\r\n\r\n+ZUSIMR:2\r\n", "+ZUSIMR:2"),
        (b"\r\nOK^RSSI:14\r\n", "^RSSI:14"),
    ],
)
def test_an_unsolicited_line_is_glued_behind_the_result(data: bytes, urc: str) -> None:
    assert answer("AT", data) == [OK, Urc(urc)]


def test_a_glued_call_result() -> None:
    assert answer("ATD*99#", b"\r\nNO CARRIER+CGREG: 0\r\n") == [
        FinalResult(ResultKind.NO_CARRIER, "NO CARRIER"),
        Urc("+CGREG: 0"),
    ]


def test_an_unfinished_unsolicited_line_gets_the_echo_glued_on() -> None:
    codec = Codec()
    assert codec.receive(b"\r\n+ZUSIMR:2") == []
    codec.send("AT+CSQ", prefixes=("+CSQ:",))
    assert codec.receive(b"AT+CSQ\r\r\n+CSQ: 3,99\r\n\r\nOK\r\n") == [
        Urc("+ZUSIMR:2"),
        InfoLine("+CSQ: 3,99"),
        OK,
    ]


def test_the_echo_of_a_command_is_looked_for_before_its_answer_only() -> None:
    assert answer("ATI", b"ATI\r\r\nSATI\r\nATI\r\nOK\r\n") == [InfoLine("SATI"), InfoLine("ATI"), OK]
    assert answer("ATI", b"\r\nE171\r\nSATI\r\nOK\r\n") == [InfoLine("E171"), InfoLine("SATI"), OK]


@pytest.mark.parametrize("data", [b"\r\n> ", b"\r\n>", b"AT+CMGS=20\r\r\n> "])
def test_a_prompt_has_no_line_end(data: bytes) -> None:
    codec = Codec()
    codec.send("AT+CMGS=20", prefixes=("+CMGS:",))
    assert codec.receive(data) == [Prompt()]
    assert codec.pending == "AT+CMGS=20"
    assert codec.receive(b"\r\n+CMGS: 4\r\n\r\nOK\r\n") == [InfoLine("+CMGS: 4"), OK]


def test_a_prompt_stands_at_the_start_of_its_line() -> None:
    assert answer("ATI", b"\r\na > b\r\n" + b" " * MAX_LINE + b">\r\nOK\r\n") == [InfoLine("a > b"), OK]


def test_a_prompt_that_nobody_waits_for_is_just_a_line() -> None:
    codec = Codec()
    assert codec.receive(b"\r\n> ") == []
    assert codec.receive(b"\r\n") == [Urc(">")]


def test_there_is_one_prompt_to_a_command() -> None:
    assert answer("AT+CMGS=20", b"\r\n>>>>\r\n>\r\n", "+CMGS:") == [Prompt(), Urc(">>>"), Urc(">")]


@pytest.mark.parametrize(
    ("data", "text", "surplus"),
    [
        (b"\r\nCONNECT\r\n" + PPP, "CONNECT", PPP),
        (b"\r\nCONNECT 7200000\r\n" + PPP, "CONNECT 7200000", PPP),
        (b"\nCONNECT\r\n" + PPP, "CONNECT", PPP),
        (b"\r\nCONNECT\r" + PPP, "CONNECT", PPP),
        (b"\r\nCONNECT\r\r\n" + PPP, "CONNECT", PPP),
        (b"\r\nCONNECT" + PPP, "CONNECT", PPP),
        (b"\r\nCONNECT 115200" + PPP, "CONNECT 115200", PPP),
        (b"ATD*99#\r\r\nCONNECT\r\n" + PPP + b"\r\nOK\r\n~", "CONNECT", PPP + b"\r\nOK\r\n~"),
        (b"\r\nCONNECT~\r\nOK\r\n~", "CONNECT", b"~\r\nOK\r\n~"),
        (b"\r\nCONNECT\r\n", "CONNECT", b""),
    ],
)
def test_what_follows_connect_is_ppp(data: bytes, text: str, surplus: bytes) -> None:
    codec = Codec()
    codec.send("ATD*99#")
    assert codec.receive(data) == [FinalResult(ResultKind.CONNECT, text)]
    assert codec.surplus == surplus
    assert codec.pending is None


def test_data_mode_interprets_nothing_until_reset() -> None:
    codec = Codec()
    codec.send("ATD*99#")
    codec.receive(b"\r\nCONNECT\r\n")
    assert codec.receive(PPP) == []
    assert codec.receive(b"\r\nNO CARRIER\r\n") == []
    assert codec.surplus == PPP + b"\r\nNO CARRIER\r\n"
    with pytest.raises(RuntimeError, match="carries PPP"):
        codec.send("ATH")
    codec.reset()
    assert codec.surplus == b""
    assert codec.receive(b"\r\nNO CARRIER\r\n") == [Urc("NO CARRIER")]
    codec.send("ATH")
    assert codec.receive(b"\r\nOK\r\n") == [OK]


def test_the_surplus_is_bounded_and_keeps_its_start() -> None:
    codec = Codec()
    codec.send("ATD*99#")
    codec.receive(b"\r\nCONNECT\r\n~" + b"a" * MAX_SURPLUS)
    codec.receive(b"b")
    assert codec.surplus == b"~" + b"a" * (MAX_SURPLUS - 1)


def test_only_calls_connect() -> None:
    codec = Codec()
    codec.send("ATH")
    assert codec.receive(b"\r\nCONNECT\r\n\r\nOK\r\n") == [Urc("CONNECT"), OK]
    assert codec.surplus == b""


@pytest.mark.parametrize("command", ["ATD*99#", "ATDT*99***1#", "atd*99#", "ATO", 'AT+CGDATA="PPP",1'])
def test_these_are_calls(command: str) -> None:
    assert answer(command, b"\r\nCONNECT\r\n") == [FinalResult(ResultKind.CONNECT, "CONNECT")]


def test_an_abandoned_command_leaves_its_late_lines_unsolicited() -> None:
    codec = Codec()
    codec.send("AT+COPS?", prefixes=("+COPS:",))
    codec.abandon()
    assert codec.pending is None
    assert codec.receive(b"AT+COPS?\r\r\n+COPS: 0\r\n\r\nOK\r\n") == [Urc("+COPS: 0"), Urc("OK")]


def test_a_hundred_kilobytes_of_garbage_are_dropped_and_the_rest_is_decoded() -> None:
    codec = Codec()
    codec.send("AT+CSQ", prefixes=("+CSQ:",))
    assert codec.receive(b"\xa5" * 100_000) == []
    assert codec.receive(b"\r\n+CSQ: 15,99\r\n\r\nOK\r\n") == [InfoLine("+CSQ: 15,99"), OK]


def test_a_line_may_be_just_so_long() -> None:
    longest = "x" * MAX_LINE
    assert answer("ATI", f"{longest}\r".encode()) == [InfoLine(longest)]
    assert answer("ATI", f"{longest}x\rOK\r".encode()) == [OK]


def test_no_line_can_move_a_terminal() -> None:
    data = b'\r\n+COPS: 0,0,"\x1b[2J\x07T\xc3\xbcrk\xe9\xc2\x9b\xe2\x80\xae\t1",2\r\n'
    assert answer("AT+COPS?", data, "+COPS:") == [InfoLine('+COPS: 0,0,"?[2J?Türk\ufffd\ufffd\ufffd 1",2')]


@pytest.mark.parametrize("abandoned", [False, True])
def test_a_pin_comes_out_nowhere(*, abandoned: bool) -> None:
    codec = Codec()
    codec.send('AT+CPIN="1234"')
    assert codec.pending == "AT+CPIN=****"
    if abandoned:
        codec.abandon()
    # The first echo is dropped; a mangled one is not recognised, but shows nothing either.
    items = codec.receive(b'AT+CPIN="1234"\r\r\nT+CPIN="1234"\r\n')
    assert items
    assert "1234" not in repr(items)


def test_secrets_are_concealed() -> None:
    assert conceal('AT+CGAUTH=1,1,"me","secret"') == "AT+CGAUTH=****"
    assert conceal('at^cpin="1234"') == "at^cpin=****"
    assert conceal("AT+CPIN?") == "AT+CPIN?"
    with pytest.raises(ValueError, match=r"CPIN=\*\*\*\*") as refused:
        Codec().send("AT+CPIN=1234\r")
    assert "1234" not in str(refused.value)
