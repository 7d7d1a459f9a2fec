"""What the owner may say to the modem, when, and on which port."""

import pytest

from failberry.core.facts import PortRole
from failberry.core.modem_state import ModemState
from failberry.core.permission import QUIET_STATES, SESSION_STATES, Allowed, Denied, permit

BOTH = frozenset(PortRole)


def quiet(text: str) -> Allowed | Denied:
    return permit(text, state=ModemState.UNKNOWN, stepping=False, open_ports=BOTH)


def in_session(text: str) -> Allowed | Denied:
    return permit(text, state=ModemState.CONNECTED, stepping=False, open_ports=BOTH)


@pytest.mark.parametrize(
    "text",
    [
        "AT+CPIN=1234",
        'AT+CPIN="1234"',
        'at+cpin="12345678","1234"',
        "AT + C P I N = 1234",
        "ATE0+CPIN=1234",
        "AT+CSQ;+CPIN=1234",
        'AT+CSCS="x;+CPIN=1234"',
        'AT+CPIN="SC"',
        "AT^CPIN=1234,1",
        "AT+ZPINPUK=1234",
        'AT+CLCK="SC",0,"1234"',
        'AT+CPWD="SC","1234","0000"',
        'AT+CSIM=26,"0020000108"',
        "AT+CRSM=214,28486,0,0,9",
        'AT^CARDLOCK="12345678"',
        "AT+EPIN2=1234",
        "ATD*99#",
        "ATDT*99***1#",
        "ATE0D*99#",
        "ATS0=0D*99#",
        "ATO",
        "ATA",
        "AT+CGDATA=PPP,1",
        "AT^NDISDUP=1,1",
        "AT$QCRMCALL=1,1",
        "ATV0",
        "ATV",
        "ATE0V0",
        "ATQ1",
        "ATS3=65",
        "AT+IPR=9600",
        "AT+CMUX=0",
        "AT+CMGS=12",
        'AT+CUSD=1,"**04*1*2*2#"',
        "AT+COPS=?",
        "AT+ZCDRUN=8",
        "at+zcdrun=E",
        "AT^U2DIAG=0",
        "AT^SETPORT=FF;10,12",
        'AT+QCFG="usbnet",1',
        "AT#USBCFG=1",
        "AT!USBCOMP=1,1,100D",
        "AT&W",
        "ATE0&W0",
        "AT^NVWR=1,2",
    ],
)
def test_never_whoever_talks(text: str) -> None:
    for answer in (quiet(text), in_session(text)):
        assert isinstance(answer, Denied), text
        assert "never passed on" in answer.why
        assert "1234" not in answer.why


@pytest.mark.parametrize("text", ["", "CSQ", "+CSQ", "AT+CSQ\r", "ATÄ", "AT+++", "AT@X", "AT" + "I" * 300])
def test_what_is_no_command(text: str) -> None:
    answer = quiet(text)
    assert isinstance(answer, Denied)
    assert answer.why.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "AT",
        "ATI",
        "ATI3",
        "at+csq",
        "AT+CSQ;+CREG?;+COPS?",
        "AT+CPIN?",
        "AT+CPINR",
        "AT+ZPINPUK=?",
        'AT+QPINC="SC"',
        "AT+CLCK=?",
        "AT+CFUN?",
        "AT+CGDCONT?",
        "AT+CGDCONT=?",
        "AT+CRSM=176,12258,0,0,10",
        "AT^SYSCFG?",
        "AT^HCSQ?",
        "AT+ZPAS?",
        "AT+COPS=3,0",
        "AT+CREG=2",
        "AT+CMEE=1",
        "ATE0V1Q0",
        "AT&V",
        "ATS0?",
        "AT+COPS?",
        'AT+QCFG="usbnet"',
        'AT+CPMS="SM"',
    ],
)
def test_what_only_asks_passes_at_any_time(text: str) -> None:
    assert quiet(text) == Allowed(port=PortRole.DIAL, command=quiet(text).command)  # type: ignore[union-attr]
    answer = in_session(text)
    assert isinstance(answer, Allowed), answer
    assert answer.port is PortRole.STATUS
    assert answer.command.text == text


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("AT+CFUN=1,1", "modem reset"),
        ("AT+CFUN=4", "modem reset"),
        ("AT^RESET", "modem reset"),
        ("AT!RESET", "modem reset"),
        ("AT+QPOWD", "modem reset"),
        ("ATZ", "modem redial"),
        ("AT&F", "modem redial"),
        ("ATH", "modem redial"),
        ("ATE0H0", "modem redial"),
        ("AT+CGACT=0,1", "modem redial"),
        ("AT+CGATT=0", "modem redial"),
        ("AT+COPS=0", "modem redial"),
        ("AT+COPS=2", "modem redial"),
        ('AT+CGDCONT=1,"IP","x"', "modem redial"),
        ("AT&D0", "modem status"),
        ("AT+ZSNT=0,0,0", "modem status"),
        ("AT^SYSCFG=2,2,3FFFFFFF,1,2", "modem status"),
        ("AT$WHATEVER", "modem status"),
        ("AT+CSQ;H", "modem redial"),
    ],
)
def test_what_disturbs_waits_until_nobody_talks(text: str, instead: str) -> None:
    assert isinstance(quiet(text), Allowed)
    busy = [
        permit(text, state=each, stepping=False, open_ports=BOTH) for each in set(ModemState) - QUIET_STATES
    ]
    stepping = permit(text, state=ModemState.UNKNOWN, stepping=True, open_ports=BOTH)
    for answer in (*busy, stepping):
        assert isinstance(answer, Denied)
        assert f"`failberryctl {instead}`" in answer.why
        assert "must wait" in answer.why


@pytest.mark.parametrize("state", ModemState)
def test_the_port(state: ModemState) -> None:
    def ports(*open_ports: PortRole) -> PortRole | None:
        answer = permit("AT+CSQ", state=state, stepping=False, open_ports=frozenset(open_ports))
        return answer.port if isinstance(answer, Allowed) else None

    session = state in SESSION_STATES
    assert ports(*PortRole) is (PortRole.STATUS if session else PortRole.DIAL)
    assert ports(PortRole.DIAL) is (None if session else PortRole.DIAL)
    assert ports(PortRole.STATUS) is PortRole.STATUS
    assert ports() is None


def test_without_a_port_it_says_why() -> None:
    one = permit("AT+CSQ", state=ModemState.CONNECTED, stepping=False, open_ports=frozenset({PortRole.DIAL}))
    assert isinstance(one, Denied)
    assert one.why.startswith("The modem is connected, which takes its only AT port")
    none = permit("AT+CSQ", state=ModemState.UNKNOWN, stepping=False, open_ports=frozenset())
    assert isinstance(none, Denied)
    assert "No port" in none.why
