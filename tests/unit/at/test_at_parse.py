"""Answer lines as real modems give them: quoted or not, padded, asked for or not, right or wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from failberry.at.parse import (
    Attachment,
    Context,
    Domain,
    Function,
    Operator,
    ParseError,
    PinTries,
    Registration,
    Service,
    Signal,
    SimState,
    Stat,
    parse_ceer,
    parse_cesq,
    parse_contexts,
    parse_cpin,
    parse_csq,
    parse_function,
    parse_hcsq,
    parse_iccid,
    parse_identity,
    parse_imei,
    parse_imsi,
    parse_operator,
    parse_pin_tries,
    parse_registration,
    parse_sysinfoex,
    parse_zpas,
    technology,
)

CS, PS, EPS, NR = Domain.CIRCUIT, Domain.PACKET, Domain.EPS, Domain.FIVE_G


# --- +CPIN


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("+CPIN: READY", SimState.READY),
        ("+CPIN:READY", SimState.READY),
        ("+CPIN: SIM PIN", SimState.SIM_PIN),
        ('+CPIN: "SIM PIN"', SimState.SIM_PIN),
        ("+CPIN: SIM PIN2", SimState.SIM_PIN2),
        ("+CPIN: SIM PUK", SimState.SIM_PUK),
        ("+CPIN: SIM PUK2", SimState.SIM_PUK2),
        ("+CPIN: PH-SIM PIN", SimState.PH_SIM_PIN),
        ("+CPIN: PH-FSIM PUK", SimState.PH_FSIM_PUK),
        ("+CPIN: PH-NET PIN", SimState.PH_NET_PIN),
        ("+CPIN: PH-NETSUB PIN", SimState.PH_NETSUB_PIN),
        ("+CPIN: PH-SP PIN", SimState.PH_SP_PIN),
        ("+CPIN: PH-CORP PUK", SimState.PH_CORP_PUK),
    ],
)
def test_sim_states(line: str, state: SimState) -> None:
    assert parse_cpin(line) is state


def test_the_newest_of_several_lines_counts() -> None:
    assert parse_cpin(["+CPIN: SIM PIN", "noise", "+CPIN: READY"]) is SimState.READY


# --- +CREG and its kin


@pytest.mark.parametrize(
    ("line", "domain", "stat", "lac", "cell", "act"),
    [
        # state alone
        ("+CREG: 1,3", CS, Stat.DENIED, None, None, None),
        ("+CREG: 3", CS, Stat.DENIED, None, None, None),
        ("+CREG: 11", CS, Stat.EMERGENCY_ONLY, None, None, None),
        ("+CGREG: 0,1", PS, Stat.HOME, None, None, None),
        ("+CEREG: 0", EPS, Stat.IDLE, None, None, None),
        ("+C5GREG: 1, 10", NR, Stat.ROAMING, None, None, None),
        # asked for, with area and cell
        ("+CREG: 1,1,84CD,00D30173", CS, Stat.HOME, 0x84CD, 0xD30173, None),
        ('+CREG: 2,1,"CE00","01CEAD8F"', CS, Stat.HOME, 0xCE00, 0x1CEAD8F, None),
        ("+CREG: 2,0,00,0", CS, Stat.IDLE, 0, 0, None),
        ('+CREG:002,001,"18d8","ffff"', CS, Stat.HOME, 0x18D8, 0xFFFF, None),
        ("+CREG:2,1,0001,0010", CS, Stat.HOME, 1, 0x10, None),
        ('+CREG:002,001,"0001","0010"', CS, Stat.HOME, 1, 0x10, None),
        ('+CGREG:002,0011,"0f0d","14c3"', PS, Stat.EMERGENCY_ONLY, 0xF0D, 0x14C3, None),
        ("+CGREG: 2,1, 81ED, 1A9CEB", PS, Stat.HOME, 0x81ED, 0x1A9CEB, None),
        ('+CGREG: 2, 1, "0426", "F00F"', PS, Stat.HOME, 0x426, 0xF00F, None),
        ("+CREG: 2,1,  0 5, 2715", CS, Stat.HOME, 5, 0x2715, None),
        ("+CGREG:2,10,ebbd,f025", PS, Stat.ROAMING, 0xEBBD, 0xF025, None),
        ("+CREG: 2,1,000B,2816, B, C2816", CS, Stat.HOME, 0xB, 0x2816, None),
        # unsolicited, with area and cell
        ("+CREG: 1,84CD,00D30156", CS, Stat.HOME, 0x84CD, 0xD30156, None),
        ('+CREG: 11,"33FE","a3fb477"', CS, Stat.EMERGENCY_ONLY, 0x33FE, 0xA3FB477, None),
        ('+CREG: 1,"CE00","00005449"', CS, Stat.HOME, 0xCE00, 0x5449, None),
        ("+CREG: 2,,", CS, Stat.SEARCHING, None, None, None),
        ('+CGREG: 1, "0426", "F00F"', PS, Stat.HOME, 0x426, 0xF00F, None),
        ("+CREG: 5,0502,0404", CS, Stat.ROAMING, 0x502, 0x404, None),
        # with technology
        ('+CREG: 2,6,"8B37","0A265185",7', CS, Stat.SMS_ONLY, 0x8B37, 0xA265185, "LTE"),
        ('+CREG: 6,"8B37","0A265185",7', CS, Stat.SMS_ONLY, 0x8B37, 0xA265185, "LTE"),
        ('+CGREG: 2,1,"8BE3","00002B5D",3', PS, Stat.HOME, 0x8BE3, 0x2B5D, "EDGE"),
        ('+CGREG: 5,"0502","0404736D",2', PS, Stat.ROAMING, 0x502, 0x404736D, "UMTS"),
        ("+CREG: 1,0001,0010,0", CS, Stat.HOME, 1, 0x10, "GSM"),
        ('+CREG: 001,"0001","0010",000', CS, Stat.HOME, 1, 0x10, "GSM"),
        ("+CREG: 10,0001,0010,0", CS, Stat.ROAMING, 1, 0x10, "GSM"),
        ('+CREG: 0011,"0001","0010",000', CS, Stat.EMERGENCY_ONLY, 1, 0x10, "GSM"),
        ("+CEREG: 2,1, 1F00, 79D903 ,7", EPS, Stat.HOME, 0x1F00, 0x79D903, "LTE"),
        ("+CEREG: 1, 1F00, 79D903 ,7", EPS, Stat.HOME, 0x1F00, 0x79D903, "LTE"),
        ('+CEREG: 2,10,"8d83","671f98a",7', EPS, Stat.ROAMING, 0x8D83, 0x671F98A, "LTE"),
        ("+CEREG: 1, 2, 0001, 00000100, 7", EPS, Stat.SEARCHING, 1, 0x100, "LTE"),
        ("+CEREG: 2, 0001, 00000100, 7", EPS, Stat.SEARCHING, 1, 0x100, "LTE"),
        # with a routing area code, behind the technology or between area and cell
        ('+CGREG: 1,"1422","00000142",3,"00"', PS, Stat.HOME, 0x1422, 0x142, "EDGE"),
        ('+CGREG: 2,1,"1422","00000142",3,"00"', PS, Stat.HOME, 0x1422, 0x142, "EDGE"),
        ('+CGREG: 11,"B092","00000697",3,"00"', PS, Stat.EMERGENCY_ONLY, 0xB092, 0x697, "EDGE"),
        ("+CEREG: 2,10, 2CA8, 20 ,B5583D ,7", EPS, Stat.ROAMING, 0x2CA8, 0xB5583D, "LTE"),
        ("+CEREG: 11, 78FE, 20 ,14419E ,7", EPS, Stat.EMERGENCY_ONLY, 0x78FE, 0x14419E, "LTE"),
        ("+CEREG: 2,1, 1F00, 20 ,79D903 ,7", EPS, Stat.HOME, 0x1F00, 0x79D903, "LTE"),
        # 5G
        ("+C5GREG: 2,1,1F00,79D903,11,6,ABCDEF", NR, Stat.HOME, 0x1F00, 0x79D903, "5G"),
        ("+C5GREG: 1,1F00,79D903,11,6,ABCDEF", NR, Stat.HOME, 0x1F00, 0x79D903, "5G"),
    ],
)
def test_registration(
    line: str, domain: Domain, stat: Stat, lac: int | None, cell: int | None, act: str | None
) -> None:
    assert parse_registration(line) == Registration(domain=domain, stat=stat, lac=lac, cell=cell, act=act)


def test_sms_only_and_emergency_only_carry_no_data() -> None:
    stats = [parse_registration(f"+CREG: 0,{number}") for number in range(12)]
    assert [one.stat.value for one in stats if isinstance(one, Registration)] == [
        "idle",
        "home",
        "searching",
        "denied",
        "unknown",
        "roaming",
        "sms-only",
        "sms-only",
        "emergency-only",
        "home",
        "roaming",
        "emergency-only",
    ]


# --- signal


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,99", -113),
        ("+CSQ: 18,99", -77),
        ("+CSQ: 31,0", -51),
        ("+CSQ:99,99", None),
        ("+CSQ: 199,99", None),
    ],
)
def test_csq(line: str, dbm: int | None) -> None:
    signal = parse_csq(line)
    assert isinstance(signal, Signal)
    assert signal.dbm == dbm


@pytest.mark.parametrize(
    ("line", "signal"),
    [
        ("+CESQ: 99,99,255,255,20,80", Signal(rsrq=-10, rsrp=-61)),
        ("+CESQ: 99,99,95,40,255,255", Signal(rscp=-26, ecio=-4.5)),
        ("+CESQ:10,6,255,255,255,255", Signal(rssi=-101)),
        ("+CESQ: 99,99,255,255,255,255", Signal()),
    ],
)
def test_cesq(line: str, signal: Signal) -> None:
    assert parse_cesq(line) == signal


@pytest.mark.parametrize(
    ("line", "signal"),
    [
        ('^HCSQ:"LTE",30,19,66,0', Signal(technology="LTE", rssi=-91, rsrp=-122, sinr=-7.0, rsrq=-20)),
        ("^HCSQ: LTE,33,40,135,11", Signal(technology="LTE", rssi=-88, rsrp=-101, sinr=6.8, rsrq=-14.5)),
        ('^HCSQ: "WCDMA",30,30,58', Signal(technology="WCDMA", rssi=-91, rscp=-91, ecio=-3.5)),
        ('^HCSQ: "GSM",36,255', Signal(technology="GSM", rssi=-85)),
        ('^HCSQ: "NOSERVICE"', Signal()),
        ("^HCSQ: NOSERVICE", Signal()),
        ('^HCSQ: "LTE",255,255,255,255', Signal(technology="LTE")),
    ],
)
def test_hcsq(line: str, signal: Signal) -> None:
    assert parse_hcsq(line) == signal


def test_one_power_stands_for_the_signal() -> None:
    assert Signal(rssi=-77.4, rsrp=-100).dbm == -77
    assert Signal(rscp=-90).dbm == -90
    assert Signal(rsrp=-101).dbm == -101
    assert Signal(sinr=3).dbm is None


# --- operator, technology, service


@pytest.mark.parametrize(
    ("line", "operator"),
    [
        ("+COPS: 0", Operator(mode=0)),
        ('+COPS: 0,0,"T-Mobile",2', Operator(mode=0, format=0, name="T-Mobile", technology="UMTS")),
        ('+COPS: 1,0,"CHINA MOBILE"', Operator(mode=1, format=0, name="CHINA MOBILE")),
        ('+COPS: 1,2,"46000",7', Operator(mode=1, format=2, name="46000", technology="LTE")),
        ("+COPS: 0,2,26201", Operator(mode=0, format=2, name="26201")),
        ('+COPS:0,0,"O2 - de, West",6', Operator(mode=0, format=0, name="O2 - de, West", technology="HSPA")),
        ('+COPS: 0,0,"T-Mobile', Operator(mode=0, format=0, name="T-Mobile")),
        ('+COPS: 0,0,"",99', Operator(mode=0, format=0)),
        (
            '+COPS: 0,0,"0054002D004D006F00620069006C0065",2',
            Operator(mode=0, format=0, name="T-Mobile", technology="UMTS"),
        ),
        ('+COPS: 0,0,"Türk Telekom",13', Operator(mode=0, format=0, name="Türk Telekom", technology="5G")),
    ],
)
def test_operator(line: str, operator: Operator) -> None:
    assert parse_operator(line) == operator


def test_technologies() -> None:
    assert [technology(number) for number in range(15)] == [
        *("GSM", "GSM", "UMTS", "EDGE", "HSDPA", "HSUPA", "HSPA", "LTE", "EC-GSM", "NB-IoT", "LTE"),
        *("5G", "5G", "5G", None),
    ]


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ('+ZPAS: "GPRS/EDGE","CS_ONLY"', Service(technology="GPRS/EDGE", attachment=Attachment.CIRCUIT)),
        ('+ZPAS: "HSPA","CS_PS"', Service(technology="HSPA", attachment=Attachment.BOTH)),
        ("+ZPAS: UMTS,PS_ONLY", Service(technology="UMTS", attachment=Attachment.PACKET)),
        ('+ZPAS: "No Service"', Service(technology=None)),
        ('+ZPASR: "HSDPA"', Service(technology="HSDPA")),
    ],
)
def test_zpas(line: str, service: Service) -> None:
    assert parse_zpas(line) == service


@pytest.mark.parametrize(
    ("line", "service"),
    [
        (
            '^SYSINFOEX:2,3,0,1,,3,"WCDMA",41,"HSPA+"',
            Service(technology="HSPA+", attachment=Attachment.BOTH, roaming=False),
        ),
        (
            "^SYSINFOEX:2,2,1,1,,3,WCDMA,41,HSPA+",
            Service(technology="HSPA+", attachment=Attachment.PACKET, roaming=True),
        ),
        (
            '^SYSINFOEX: 2,3,0,1,0,6,"LTE",101,"LTE"',
            Service(technology="LTE", attachment=Attachment.BOTH, roaming=False),
        ),
        (
            '^SYSINFOEX:0,0,0,255,,0,"NO SERVICE",0,"NO SERVICE"',
            Service(technology=None, attachment=Attachment.NONE, roaming=False),
        ),
        ('^SYSINFOEX:2,,,1,,6,"LTE"', Service(technology="LTE")),
    ],
)
def test_sysinfoex(line: str, service: Service) -> None:
    assert parse_sysinfoex(line) == service


# --- contexts, power, last failure


def test_contexts() -> None:
    assert parse_contexts(
        [
            '+CGDCONT: 1,"IP","direct","",0,0',
            '+CGDCONT: 2,"IPV4V6","internet","10.0.0.1"',
            '+CGDCONT: 3,"IP",,,0,0',
            '+CGDCONT:16,"ipv6"',
        ]
    ) == (
        Context(cid=1, pdp_type="IP", apn="direct"),
        Context(cid=2, pdp_type="IPV4V6", apn="internet", address="10.0.0.1"),
        Context(cid=3, pdp_type="IP", apn=""),
        Context(cid=16, pdp_type="IPV6", apn=""),
    )
    assert parse_contexts([]) == ()


@pytest.mark.parametrize(
    ("line", "level"), [("+CFUN: 1", 1), ("+CFUN: 1,0", 1), ("+CFUN:0", 0), ("+CFUN: 19,0", 19)]
)
def test_function(line: str, level: int) -> None:
    assert parse_function(line) == Function(level=level)


def test_last_failure() -> None:
    assert (
        parse_ceer("+CEER: Requested service option not subscribed")
        == "Requested service option not subscribed"
    )
    assert parse_ceer(["+CEER: EMM_CAUSE", "No cells"]) == "EMM_CAUSE No cells"
    assert parse_ceer("No cause information available") == "No cause information available"


# --- identity


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("ZTE CORPORATION", "ZTE CORPORATION"),
        ("+CGMI: huawei", "huawei"),
        ('+CGMM: "MF180"', "MF180"),
        (["", "+CGMR: BD_MF180V1.0.0B02"], "BD_MF180V1.0.0B02"),
        (["Quectel", "EC25"], "Quectel"),
        ("Manufacturer: huawei", "huawei"),
    ],
)
def test_identity(lines: str | list[str], name: str) -> None:
    assert parse_identity(lines) == name


def test_serial_and_subscriber_numbers() -> None:
    assert parse_imei("357000001234567") == "357000001234567"
    assert parse_imei('+CGSN: "357000001234567"') == "357000001234567"
    assert parse_imei(["+CGSN: 1", "IMEI: 35700000123456789"]) == "35700000123456789"
    assert parse_imsi("001010123456789") == "001010123456789"
    assert parse_imsi("+CIMI: 001010123456789") == "001010123456789"


@pytest.mark.parametrize(
    ("line", "iccid"),
    [
        ("8944200053671052499", "8944200053671052499"),
        ("8944200053671052499F", "8944200053671052499"),
        ('+CCID: "89324102234690160476"', "89324102234690160476"),
        ("+ICCID: 8944200053671052499F", "8944200053671052499"),
        ("ICCID: 8944200053671052499", "8944200053671052499"),
        ('^ICCID: "984402003576012594F9"', "8944200053671052499"),
        ("^ICCID: 98231420326409614067", "89324102234690160476"),
        ("!ICCID: 8944200053671052499", "8944200053671052499"),
        ("#CCID: 8944200053671052499", "8944200053671052499"),
        ("+QCCID: 898602F9091830030220", "898602F9091830030220"),
        ('+CRSM: 144,0,"984402003576012594F9"', "8944200053671052499"),
        ("+CRSM: 144, 0,98231420326409614067", "89324102234690160476"),
        ("89 4420 0053 6710 52499", "8944200053671052499"),
    ],
)
def test_iccid(line: str, iccid: str) -> None:
    assert parse_iccid(line) == iccid


# --- remaining tries


@pytest.mark.parametrize(
    ("lines", "pin", "puk"),
    [
        ("+ZPINPUK: 3,10", 3, 10),
        ("+ZPINPUK:1,10", 1, 10),
        ("^CPIN: READY,,10,3,10,3", 3, 10),
        ("^CPIN: SIM PIN,2,10,2,9,3", 2, 10),
        ("+CPINC: 3,2,10,9", 3, 10),
        ("+EPINC: 1, 3, 10, 10", 1, 10),
        ("+UPINCNT: 3,3,10,10", 3, 10),
        ("+UPINCNT: 0,3,5,5", 0, 5),
        ("^SPIC: 3", 3, None),
        ("#PCT: 2", 2, None),
        (['+QPINC: "SC",3,10', '+QPINC: "P2",1,9'], 3, 10),
        (["+CPINR: SIM PIN,2,3", "+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN2,1,3"], 2, 10),
        ('+CPINR: "SIM PIN",2', 2, None),
        ("+CPINC: 999,3,10,10", None, 10),
    ],
)
def test_remaining_tries(lines: str | list[str], pin: int | None, puk: int | None) -> None:
    assert parse_pin_tries(lines) == PinTries(pin=pin, puk=puk)


# --- what is not an answer


@pytest.mark.parametrize(
    ("parser", "lines"),
    [
        (parse_cpin, []),
        (parse_cpin, "+CPIN: BANANA"),
        (parse_cpin, "SIM PIN"),
        (parse_registration, "+CREG: "),
        (parse_registration, "+CREG: 2,99"),
        (parse_registration, "+CREG: home,far"),
        (parse_registration, "+CSQ: 1,1"),
        (parse_csq, "+CSQ: ,"),
        (parse_csq, "+CSQ 15,99"),
        (parse_cesq, "+CESQ: 99,99,255"),
        (parse_hcsq, '^HCSQ: "5GNR",1'),
        (parse_operator, '+COPS: "T-Mobile"'),
        (parse_contexts, "+CGDCONT: 1"),
        (parse_contexts, '+CGDCONT: one,"IP","x"'),
        (parse_function, "+CFUN: ?"),
        (parse_ceer, ["", "+CEER:"]),
        (parse_zpas, "OK"),
        (parse_sysinfoex, "^SYSINFOEX:2,3"),
        (parse_identity, ["", "+CGMI:"]),
        (parse_imei, "12345"),
        (parse_imei, "٣٥٧٠٠٠٠٠١٢٣٤٥٦٧"),
        (parse_imsi, "SIM busy"),
        (parse_iccid, "982314203264096"),
        (parse_iccid, "98231420326pl9614067"),
        (parse_iccid, "0044200053671052499"),
        (parse_pin_tries, "+CPINC: 999,999,999,999"),
        (parse_pin_tries, "OK"),
    ],
)
def test_what_is_not_an_answer_is_a_named_error(
    parser: Callable[[Any], object], lines: str | list[str]
) -> None:
    error = parser(lines)
    assert isinstance(error, ParseError)
    assert error.command
    assert error.problem
    assert error.line == (lines if isinstance(lines, str) else " | ".join(lines))


def test_an_error_does_not_carry_a_long_line_into_the_log() -> None:
    error = parse_cpin("+CPIN: " + "x" * 4000)
    assert isinstance(error, ParseError)
    assert len(error.line) == 120
