"""What is sent, how long an answer may take, and what cannot be sent at all."""

import pytest

from failberry.at import commands
from failberry.at.codec import Codec
from failberry.at.commands import Command
from failberry.at.parse import ParseError, PinTries, Registration, SimState

EVERY = {name: value for name, value in vars(commands).items() if isinstance(value, Command)}


@pytest.mark.parametrize(
    ("name", "text", "timeout"),
    [
        ("ATTENTION", "AT", 3.0),
        ("RESET", "ATZ", 6.0),
        ("ECHO_OFF_VERBOSE", "ATE0V1", 3.0),
        ("EXTENDED_RESULTS", "ATX4&C1&D2", 3.0),
        ("NUMERIC_ERRORS", "AT+CMEE=1", 3.0),
        ("QUERY_PIN", "AT+CPIN?", 3.0),
        ("QUERY_FUNCTION", "AT+CFUN?", 3.0),
        ("QUERY_REGISTRATION", "AT+CREG?", 3.0),
        ("QUERY_GPRS_REGISTRATION", "AT+CGREG?", 3.0),
        ("QUERY_EPS_REGISTRATION", "AT+CEREG?", 3.0),
        ("QUERY_SIGNAL", "AT+CSQ", 3.0),
        ("QUERY_EXTENDED_SIGNAL", "AT+CESQ", 3.0),
        ("SET_OPERATOR_FORMAT", "AT+COPS=3,0", 3.0),
        ("QUERY_OPERATOR", "AT+COPS?", 3.0),
        ("QUERY_CONTEXTS", "AT+CGDCONT?", 3.0),
        ("LAST_FAILURE", "AT+CEER", 3.0),
        ("HANG_UP", "ATH", 10.0),
    ],
)
def test_constants(name: str, text: str, timeout: float) -> None:
    assert (EVERY[name].text, EVERY[name].timeout) == (text, timeout)


@pytest.mark.parametrize("name", EVERY)
def test_each_command_can_be_sent_and_survives_an_empty_answer(name: str) -> None:
    command = EVERY[name]
    assert Codec().send(command.text, prefixes=command.prefixes) == command.text.encode() + b"\r"
    assert not command.secret
    assert command.shown == command.text
    # Orders have nothing to say, and no context at all may be stored; a query without an answer is an error.
    assert command.parse(()) in (None, ()) or isinstance(command.parse(()), ParseError)


def test_functions() -> None:
    assert commands.set_function(1).text == "AT+CFUN=1"
    assert commands.set_function(1, reset=True).text == "AT+CFUN=1,1"
    assert commands.set_function(4).timeout == 20.0
    assert commands.activate_context(1, active=False).text == "AT+CGACT=0,1"
    assert commands.activate_context(2, active=True).timeout == 45.0
    assert commands.define_context(1, "IP", "direct").text == 'AT+CGDCONT=1,"IP","direct"'
    assert commands.define_context(1, "IPV4V6", "").text == 'AT+CGDCONT=1,"IPV4V6",""'
    assert commands.dial("*99#").text == "ATD*99#"
    assert commands.dial("*99***1#").timeout == 60.0
    assert commands.dial("T*99#").text == "ATDT*99#"
    assert commands.raw("AT+ZOPRT=5").text == "AT+ZOPRT=5"
    assert commands.raw("AT^CURC=0").timeout == 10.0
    assert commands.raw(" AT +CMEE = 1").text == " AT +CMEE = 1"


def test_the_pin_is_sent_and_never_shown() -> None:
    command = commands.enter_pin("1234")
    assert command.text == 'AT+CPIN="1234"'
    assert command.timeout == 10.0
    assert command.shown == "AT+CPIN=****"
    assert "1234" not in repr(command)
    assert "1234" not in f"{[command]} {command}"


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", '12"4', "1234\r", "١٢٣٤", "12345678;+CLCK"])
def test_what_is_not_a_pin_is_not_sent_and_not_shown(pin: str) -> None:
    with pytest.raises(ValueError, match="4 to 8 digits") as refused:
        commands.enter_pin(pin)
    assert not pin or pin not in str(refused.value)


@pytest.mark.parametrize(
    "apn", ['a"b', "a\\22b", "a\rAT+CPIN=1", "a\nb", "a b", "a\0", "интернет", "a" * 101, 'a",1', "\x7f"]
)
def test_an_apn_cannot_break_out_of_its_quotes(apn: str) -> None:
    with pytest.raises(ValueError, match="not an APN"):
        commands.define_context(1, "IP", apn)


@pytest.mark.parametrize("pdp_type", ["", "ip", 'IP"', "IPV5"])
def test_a_pdp_type_is_one_of_few(pdp_type: str) -> None:
    with pytest.raises(ValueError, match="not a PDP type"):
        commands.define_context(1, pdp_type, "internet")


@pytest.mark.parametrize(
    "string",
    [
        "",
        "#",
        "*",
        "*99#;",
        "*99#\r",
        "*99# ",
        "911;",
        "**04*1234*4321*4321#",
        "**05*12345678*1234*1234#",
        "*#06#",
        "##002#",
    ],
)
def test_what_is_not_a_data_number_is_not_dialled(string: str) -> None:
    with pytest.raises(ValueError, match="not a data number"):
        commands.dial(string)


@pytest.mark.parametrize("text", ["", "+ZOPRT=5", "AT\r", "AT+A\r\nATD*99#", "ATé", "AT" + "x" * 254, "echo"])
def test_what_is_not_a_command_is_not_sent(text: str) -> None:
    with pytest.raises(ValueError, match="not an AT command"):
        commands.raw(text)


@pytest.mark.parametrize(
    "text",
    [
        "AT+CPIN=1234",
        'at+cpin="1234"',
        "AT + CPIN = 1234",
        'AT^CPIN="1234"',
        'AT+CLCK="SC",0,"1234"',
        'ATE0;+CPWD="SC","1234"',
    ],
)
def test_no_raw_command_spends_a_pin_try(text: str) -> None:
    with pytest.raises(ValueError, match=r"cellular\.pin") as refused:
        commands.raw(text)
    assert "1234" not in str(refused.value)


@pytest.mark.parametrize("text", ["ATD*99#", "atdt911", "AT D*99#"])
def test_no_raw_command_dials(text: str) -> None:
    with pytest.raises(ValueError, match=r"cellular\.dial"):
        commands.raw(text)


def test_raw_commands_may_ask_and_may_carry_a_password() -> None:
    assert not commands.raw("AT+CPIN?").secret
    assert commands.raw('AT+CGAUTH=1,1,"me","hidden"').shown == "AT+CGAUTH=****"


def test_answers_are_parsed() -> None:
    assert commands.QUERY_PIN.parse(["+CPIN: SIM PIN"]) is SimState.SIM_PIN
    assert commands.QUERY_ZTE_PIN_TRIES.parse(["+ZPINPUK: 3,10"]) == PinTries(pin=3, puk=10)
    assert isinstance(commands.QUERY_REGISTRATION.parse(["+CREG: 0,1"]), Registration)
    assert commands.RESET.parse(["whatever"]) is None


def test_technology_is_a_word_or_an_error() -> None:
    assert commands.QUERY_ZTE_TECHNOLOGY.parse(['+ZPAS: "HSPA","CS_PS"']) == "HSPA"
    assert isinstance(commands.QUERY_ZTE_TECHNOLOGY.parse(['+ZPAS: "No Service"']), ParseError)
    assert commands.QUERY_HUAWEI_TECHNOLOGY.parse(['^SYSINFOEX:2,3,0,1,,6,"LTE",101,"LTE"']) == "LTE"
    assert isinstance(commands.QUERY_HUAWEI_TECHNOLOGY.parse([]), ParseError)
