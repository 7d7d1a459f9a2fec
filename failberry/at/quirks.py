"""What makers do differently, as data.  A new modem is a row here and a recording in the tests.

Interface numbers are ``bInterfaceNumber`` of USB, which do not move as ``ttyUSB`` numbers do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from failberry.at import commands
from failberry.at.commands import Command
from failberry.at.parse import PinTries


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The USB interfaces of one product: the one that dials, and the one that tells meanwhile."""

    dial: int
    status: int | None = None


_REBOOT: Final = commands.set_function(1, reset=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CdRom:
    """How to take away for good the CD-ROM as which a stick shows itself first; never done unasked."""

    off: Command[None]
    on: str = ""
    """The command that is said to bring it back; empty: nobody says any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """How one maker's modems deviate."""

    name: str
    vendor_ids: frozenset[int] = frozenset()
    products: frozenset[int] | None = None
    """Product ids this row is for; None is all of the vendor's."""
    makers: tuple[str, ...] = ()
    """What the answer of ``AT+CGMI`` holds, in lower case, whoever's vendor id the modem bears."""
    dial_interface: int | None = None
    """None: not known; take the serial interface that has an interrupt endpoint."""
    status_interface: int | None = None
    product_ports: Mapping[int, Ports] = field(default_factory=lambda: MappingProxyType({}))
    init: tuple[str, ...] = ()
    """Commands to send after the standard ones; an ERROR is ignored."""
    pin_tries: Command[PinTries] | None = commands.QUERY_PIN_TRIES
    iccid: tuple[Command[str], ...] = (commands.READ_ICCID, commands.QUERY_CCID, commands.QUERY_ICCID)
    """Ways to ask for the SIM card's number, best first."""
    technology: Command[str] | None = None
    """Finer than what ``AT+COPS?`` tells."""
    reboot: Command[None] = _REBOOT
    """Has the firmware start anew; the stick leaves the bus and comes back."""
    cdrom: CdRom | None = None
    """None: no command is known, or there is no CD-ROM."""
    noise: tuple[str, ...] = ()
    """Starts of unsolicited lines that say nothing of use."""

    def ports_of(self, product_id: int) -> tuple[int | None, int | None]:
        """The interfaces that dial and tell, as far as they are known for this product."""
        ports = self.product_ports.get(product_id)
        if ports is None:
            return self.dial_interface, self.status_interface
        return ports.dial, ports.status


GENERIC: Final = Quirk(name="generic")

_QUALCOMM: Final = frozenset({0x05C6})

_QUECTEL: Final = Quirk(
    name="Quectel",
    vendor_ids=frozenset({0x2C7C}),
    makers=("quectel",),
    product_ports=MappingProxyType(
        dict.fromkeys(
            # EC21, EC25, EG91, EG95, BG96, EG06, EG12, RM500
            (0x0121, 0x0125, 0x0191, 0x0195, 0x0296, 0x0306, 0x0512, 0x0800),
            Ports(dial=3, status=2),
        )
    ),
    pin_tries=commands.QUERY_QUECTEL_PIN_TRIES,
    iccid=(commands.QUERY_QUECTEL_ICCID, commands.READ_ICCID),
    noise=("+QIND:", "+QUSIM:", "+QLWURC:", "+QGPSURC:", "RDY"),
)

_UBLOX: Final = Quirk(
    name="u-blox",
    vendor_ids=frozenset({0x1546}),
    makers=("u-blox", "ublox"),
    product_ports=MappingProxyType(
        {
            0x1102: Ports(dial=0, status=2),  # LISA-U2, SARA-U2
            0x1104: Ports(dial=0),
            0x1107: Ports(dial=0, status=2),  # TOBY-R2
            0x110A: Ports(dial=0, status=2),  # LARA-R2
        }
    ),
    pin_tries=commands.QUERY_UBLOX_PIN_TRIES,
    iccid=(commands.QUERY_CCID, commands.READ_ICCID),
    noise=("+UUSIMSTAT:",),
)

_QUIRKS: Final = (
    Quirk(
        name="ZTE",
        vendor_ids=frozenset({0x19D2}),
        makers=("zte",),
        status_interface=1,
        product_ports=MappingProxyType(
            {
                0x0001: Ports(dial=0, status=2),  # MF620, MF622
                0x0015: Ports(dial=1, status=3),  # MF628
                0x0016: Ports(dial=2, status=1),
                0x0017: Ports(dial=2, status=1),
                0x0031: Ports(dial=3, status=1),  # MF110, MF626, MF627, MF636
                0x0037: Ports(dial=3, status=1),
                0x0052: Ports(dial=3, status=1),
                0x0063: Ports(dial=3, status=1),  # K3565-Z
                0x0064: Ports(dial=2, status=0),
                0x0066: Ports(dial=3, status=1),
                0x0108: Ports(dial=3, status=1),
                0x0117: Ports(dial=2, status=1),
                0x0128: Ports(dial=4, status=1),
                0x1008: Ports(dial=3, status=1),  # K3570-Z
                0x1010: Ports(dial=3, status=1),
                0x2002: Ports(dial=3, status=1),  # K3765-Z
                0x2003: Ports(dial=3, status=1),  # MF180
            }
        ),
        # +CPMS? ends the flood of +ZUSIMR:2 that some firmwares answer with an error and others crash from;
        # +ZOPRT=5 keeps the modem switched on.
        init=("AT+CPMS?", "AT+ZOPRT=5"),
        pin_tries=commands.QUERY_ZTE_PIN_TRIES,
        technology=commands.QUERY_ZTE_TECHNOLOGY,
        # Removes and restores a file on the stick; that =9 restores it is hearsay.
        cdrom=CdRom(off=commands.raw("AT+ZCDRUN=8"), on="AT+ZCDRUN=9"),
        noise=("+ZUSIMR:", "+ZDONR:", "+ZPASR:", "+ZPSTM:", "+ZEND"),
    ),
    Quirk(
        name="Huawei",
        vendor_ids=frozenset({0x12D1}),
        makers=("huawei",),
        product_ports=MappingProxyType(
            {
                0x1001: Ports(dial=0, status=2),  # E169, E1550 and many more
                0x1003: Ports(dial=0, status=1),  # E220, E270
                0x140C: Ports(dial=0, status=3),  # E180v, E17xx
                0x1506: Ports(dial=0, status=1),  # E3372 in stick mode, E171
            }
        ),
        # Its periodic reports fill the buffers of ports that nobody reads.
        init=("AT^CURC=0",),
        pin_tries=commands.QUERY_HUAWEI_PIN_TRIES,
        iccid=(commands.QUERY_HUAWEI_ICCID, commands.READ_ICCID, commands.QUERY_CCID),
        technology=commands.QUERY_HUAWEI_TECHNOLOGY,
        reboot=commands.raw("AT^RESET"),
        cdrom=CdRom(off=commands.raw("AT^U2DIAG=0")),
        noise=(
            "^RSSI:",
            "^RSSILVL:",
            "^HRSSILVL:",
            "^HCSQ:",
            "^LTERSRP:",
            "^CSNR:",
            "^MODE:",
            "^BOOT:",
            "^SRVST:",
            "^SIMST:",
            "^STIN:",
            "^DSFLOWRPT:",
            "^DSDORMANT:",
            "^EONS:",
            "^CSCHANNELINFO:",
            "^ECCLIST:",
            "^LWURC:",
            "+CUSATP:",
            "+CUSATEND",
        ),
    ),
    Quirk(
        name="Sierra",
        vendor_ids=frozenset({0x1199}),
        makers=("sierra",),
        product_ports=MappingProxyType(
            {
                0x9071: Ports(dial=3),  # MC74xx
                0x9079: Ports(dial=3),  # EM7455
                0x9091: Ports(dial=3),  # EM7565
            }
        ),
        pin_tries=commands.QUERY_SIERRA_PIN_TRIES,
        iccid=(commands.QUERY_SIERRA_ICCID, commands.QUERY_ICCID, commands.READ_ICCID),
    ),
    _QUECTEL,
    Quirk(
        name="Telit",
        vendor_ids=frozenset({0x1BC7}),
        makers=("telit",),
        product_ports=MappingProxyType(
            {
                0x1003: Ports(dial=0, status=2),  # UC864
                0x1031: Ports(dial=1, status=2),  # LE910C1
                0x1033: Ports(dial=1, status=2),
                0x1040: Ports(dial=4, status=5),  # LE922, LM9x0
            }
        ),
        pin_tries=commands.QUERY_TELIT_PIN_TRIES,
        iccid=(commands.QUERY_TELIT_ICCID, commands.READ_ICCID),
        noise=("#QSS:",),
    ),
    _UBLOX,
    Quirk(
        name="Cinterion",
        vendor_ids=frozenset({0x1E2D}),
        makers=("cinterion", "gemalto", "thales"),
        product_ports=MappingProxyType(
            {
                0x005B: Ports(dial=0, status=2),  # PLS62
                0x0061: Ports(dial=0, status=2),  # PLS8
                0x0069: Ports(dial=0, status=2),  # PLS63
            }
        ),
        pin_tries=commands.QUERY_CINTERION_PIN_TRIES,
        noise=("^SYSSTART",),
    ),
    Quirk(
        name="MediaTek",
        vendor_ids=frozenset({0x0E8D}),
        makers=("mediatek", "mtk"),
        pin_tries=commands.QUERY_MEDIATEK_PIN_TRIES,
    ),
    # Older products bear the vendor id of Qualcomm, who made the chip.
    replace(
        _QUECTEL,
        vendor_ids=_QUALCOMM,
        products=frozenset({0x9003, 0x9090, 0x9215}),  # UC20, UC15, EC20
        product_ports=MappingProxyType(dict.fromkeys((0x9003, 0x9090, 0x9215), Ports(dial=3, status=2))),
    ),
    replace(
        _UBLOX,
        vendor_ids=_QUALCOMM,
        products=frozenset({0x908B}),  # LARA-R6
        product_ports=MappingProxyType({0x908B: Ports(dial=1, status=2)}),
    ),
)


def quirk_for(vendor_id: int, product_id: int, manufacturer_text: str = "") -> Quirk:
    """The row for a USB device, or :data:`GENERIC` if none fits.

    ``manufacturer_text`` is the answer of ``AT+CGMI``; it decides for modems that bear the vendor id of
    their chip's maker.
    """
    for quirk in _QUIRKS:
        if vendor_id in quirk.vendor_ids and (quirk.products is None or product_id in quirk.products):
            return quirk
    maker = manufacturer_text.lower()
    for quirk in _QUIRKS:
        if any(word in maker for word in quirk.makers):
            # Under another vendor's id that maker's product and interface numbers mean nothing.
            return replace(
                quirk, dial_interface=None, status_interface=None, product_ports=MappingProxyType({})
            )
    return GENERIC
