"""Vendors as data: identities, port roles, texts and floods.

An answer is a format string over ``facts.facts``; its key is the command as sent, without ``AT``. Its "needs"
says what the SIM must be: "" anything, "sim" present and no longer busy, "unlocked" the PIN entered as well.
To add a vendor, add a Profile; to add a query, add a line.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a port is for."""

    MODEM = "modem"  # AT commands and data calls
    AT = "at"  # AT commands only
    MUTE = "mute"  # diagnostics or storage: never answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One query's answer; lines of an answer are parted by a newline."""

    text: str
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """An unsolicited line that comes again and again on every AT port in command mode."""

    text: str
    first: float
    every: float
    registered_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """One access technology in the spellings of the commands that report it."""

    act: int  # 3GPP TS 27.007 clause 7.3
    zte: str
    huawei: tuple[int, str, int, str]  # sysmode, its name, submode, its name


TECHNOLOGIES = {
    "gsm": Technology(act=0, zte="GPRS", huawei=(1, "GSM", 2, "GPRS")),
    "edge": Technology(act=3, zte="EDGE", huawei=(1, "GSM", 3, "EDGE")),
    "umts": Technology(act=2, zte="UMTS", huawei=(3, "WCDMA", 41, "WCDMA")),
    "hsdpa": Technology(act=4, zte="HSDPA", huawei=(3, "WCDMA", 42, "HSDPA")),
    "hspa": Technology(act=6, zte="HSPA", huawei=(3, "WCDMA", 45, "HSPA+")),
    "lte": Technology(act=7, zte="LTE", huawei=(6, "LTE", 101, "LTE")),
}

# +CREG's <stat> (3GPP TS 27.007 clause 7.2).
STAT = {"idle": 0, "home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5, "emergency": 8}

# 3GPP TS 27.007 clause 9.2: the codes that this modem, or a scenario's "refuse", can give.
CME_TEXT = {
    0: "phone failure",
    1: "no connection to phone",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    40: "network personalization PIN required",
    50: "Incorrect parameters",
    60: "system failure",
    100: "unknown",
    103: "Illegal MS",
    106: "Illegal ME",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "Location area not allowed",
    113: "Roaming not allowed in this location area",
    122: "Congestion",
    127: "Missing or unknown APN",
    128: "Unknown PDP address or PDP type",
    129: "User authentication failed",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    135: "NSAPI already in use",
    143: "Unknown PDP context",
    148: "unspecified GPRS error",
    149: "PDP authentication failure",
    177: "Operator determined barring",
    192: "PDP type IPv4 only allowed",
    193: "PDP type IPv6 only allowed",
}

COMMON = {
    "I": Answer(
        text="Manufacturer: {maker}\nModel: {model}\nRevision: {revision}\nIMEI: {imei}\n+GCAP: +CGSM,+DS,+ES"
    ),
    "+GMI": Answer(text="{maker}"),
    "+GMM": Answer(text="{model}"),
    "+GMR": Answer(text="{revision}"),
    "+GSN": Answer(text="{imei}"),
    "+CGMI": Answer(text="{maker}"),
    "+CGMM": Answer(text="{model}"),
    "+CGMR": Answer(text="{revision}"),
    "+CGSN": Answer(text="{imei}"),
    "+GCAP": Answer(text="+GCAP: +CGSM,+DS,+ES"),
    "+CIMI": Answer(text="{imsi}", needs="unlocked"),
    "+CSQ": Answer(text="+CSQ: {rssi},99"),
    "+CPMS?": Answer(text='+CPMS: "ME",0,100,"ME",0,100,"ME",0,100', needs="unlocked"),
    "+CGDCONT=?": Answer(text='+CGDCONT: (1-16),"IP",,,(0-2),(0-4)'),
    "+FCLASS?": Answer(text="0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of modem."""

    name: str
    maker: str
    model: str
    revision: str
    imei: str
    usb_id: tuple[int, int]
    roles: tuple[Role, ...]
    technology: str
    connect: str = "CONNECT"
    # Answers beside COMMON, and commands that are accepted (OK) with no effect.
    answers: dict[str, Answer] = field(default_factory=dict)
    accepts: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    floods: tuple[Flood, ...] = ()
    # A command that ends the floods once it was answered.
    flood_stop: str = ""
    # The maker's own word for +CFUN=1,1.
    restart: str = ""
    # Said once at each change of registration.
    on_registration: tuple[str, ...] = ()
    # Contexts as delivered: cid, PDP type, APN.
    contexts: tuple[tuple[int, str, str], ...] = ()


ZTE_MF180 = Profile(
    name="zte_mf180",
    maker="ZTE INCORPORATED",
    model="MF180",
    revision="BD_MF180V1.0.0B04",
    imei="860100000000017",
    usb_id=(0x19D2, 0x0117),
    roles=(Role.MUTE, Role.AT, Role.MODEM, Role.MUTE),
    technology="hsdpa",
    connect="CONNECT 7200000",
    answers={
        "+ICCID": Answer(text="ICCID: {iccid}", needs="sim"),
        "+ZPAS?": Answer(text='+ZPAS: "{zte_service}","{zte_domain}"'),
        "+ZPINPUK=?": Answer(text="+ZPINPUK: {pin_tries},{puk_tries}", needs="sim"),
        "+ZDON?": Answer(text='+ZDON: "{operator}",{mcc},{mnc},"{zte_roam}"'),
        "+ZSNT?": Answer(text="+ZSNT: 0,0,0"),
        "+ZOPRT?": Answer(text="+ZOPRT: 5"),
    },
    accepts=frozenset({"+ZOPRT", "+ZSNT", "+ZURDY", "+CNMI", "+CGEQREQ", "+CGEQMIN", "+CSCS", "+CPMS"}),
    lacks=frozenset({"+CEREG"}),
    # The flood is there from power-on; +CPMS? stops it, but is refused until the PIN was entered.
    floods=(Flood(text="+ZUSIMR:2", first=0.5, every=2.0),),
    flood_stop="+CPMS?",
    on_registration=(
        '+ZDONR: "{operator}",{mcc},{mnc},"{zte_domain}","{zte_roam}"',
        '+ZPASR: "{zte_service}"',
    ),
    contexts=((1, "IP", "internet"),),
)

HUAWEI_E3372S = Profile(
    name="huawei_e3372s",
    maker="huawei",
    model="E3372",
    revision="21.180.01.00.00",
    imei="860200000000024",
    usb_id=(0x12D1, 0x1506),
    roles=(Role.MODEM, Role.AT, Role.AT, Role.MUTE),
    technology="lte",
    connect="CONNECT 150000000",
    answers={
        "^ICCID?": Answer(text="^ICCID: {iccid}", needs="sim"),
        "^CPIN?": Answer(text="^CPIN: {cpin},{huawei_tries},{puk_tries},{pin_tries},10,3", needs="sim"),
        "^SYSINFOEX": Answer(
            text="^SYSINFOEX:{huawei_service},{huawei_domain},{roaming},{sim_valid},,"
            '{huawei_mode},"{huawei_mode_name}",{huawei_submode},"{huawei_submode_name}"'
        ),
        "^SYSINFO": Answer(
            text="^SYSINFO:{huawei_service},{huawei_domain},{roaming},{huawei_mode},{sim_valid}"
        ),
        "^HCSQ?": Answer(text="^HCSQ:{hcsq}"),
        "^HWVER": Answer(text='^HWVER:"CL2E3372SM"'),
        "^U2DIAG?": Answer(text="^U2DIAG:0"),
    },
    accepts=frozenset({"^CURC", "^PORTSEL", "^BOOT", "+CNMI", "+CGEQREQ", "+CSCS", "+CPMS"}),
    floods=(
        Flood(text="^RSSI:{rssi}", first=0.7, every=3.0, registered_only=True),
        Flood(text="^HCSQ:{hcsq}", first=0.8, every=3.0, registered_only=True),
        Flood(text="^BOOT:27710117,0,0,0,75", first=0.4, every=10.0),
    ),
    flood_stop="^CURC=0",
    restart="^RESET",
    on_registration=("^SRVST:{huawei_service}", "^MODE:{huawei_mode},{huawei_submode}"),
)

GENERIC_3GPP = Profile(
    name="generic_3gpp",
    maker="Generic",
    model="3GPP-27007",
    revision="1.0",
    imei="350000000000006",
    usb_id=(0x1D6B, 0x0104),
    roles=(Role.MODEM, Role.AT, Role.AT, Role.MUTE),
    technology="lte",
    answers={
        "+CCID": Answer(text="+CCID: {iccid}", needs="sim"),
        "+CCID?": Answer(text="+CCID: {iccid}", needs="sim"),
        "+CPINR": Answer(text="+CPINR: SIM PIN,{pin_tries},3\n+CPINR: SIM PUK,{puk_tries},10", needs="sim"),
        "+CESQ": Answer(text="+CESQ: {cesq}"),
        "+WS46?": Answer(text="+WS46: 31"),
    },
    accepts=frozenset({"+CNMI", "+CSCS", "+CPMS"}),
)

PROFILES = {profile.name: profile for profile in (ZTE_MF180, HUAWEI_E3372S, GENERIC_3GPP)}
