"""Signal strength, from raw steps to dBm and dB."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from failberry.at.parse.fields import Field, Lines, ParseError, failed, last_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What the modem hears; None where it does not tell.

    ``rssi``, ``rscp`` and ``rsrp`` are powers in dBm, ``ecio``, ``rsrq`` and ``sinr`` are ratios in dB.
    """

    rssi: float | None = None
    rscp: float | None = None
    ecio: float | None = None
    rsrp: float | None = None
    rsrq: float | None = None
    sinr: float | None = None
    technology: str | None = None

    @property
    def dbm(self) -> int | None:
        """The one power that describes the signal best, in dBm, or None."""
        for power in (self.rssi, self.rscp, self.rsrp):
            if power is not None:
                return round(power)
        return None


_Scale = Callable[[Field], float | None]


def _scale(*, top: int, zero: float, step: float) -> _Scale:
    def scaled(field: Field) -> float | None:
        number = field.number
        return None if number is None or number > top else round(zero + step * number, 1)

    return scaled


_CSQ: Final = _scale(top=31, zero=-113, step=2)
_RXLEV: Final = _scale(top=63, zero=-111, step=1)
_POWER: Final = _scale(top=96, zero=-121, step=1)
_ECNO: Final = _scale(top=49, zero=-24.5, step=0.5)
_RSRQ: Final = _scale(top=34, zero=-20, step=0.5)
_RSRP: Final = _scale(top=97, zero=-141, step=1)
_HUAWEI_ECIO: Final = _scale(top=65, zero=-32.5, step=0.5)
_HUAWEI_SINR: Final = _scale(top=251, zero=-20.2, step=0.2)


def parse_csq(lines: Lines) -> Signal | ParseError:
    """``+CSQ`` (3GPP TS 27.007 clause 8.5); 99 means not known."""
    fields = last_fields(lines, "+CSQ")
    if fields is None or fields[0].number is None:
        return failed("+CSQ", lines, "no +CSQ line with a number")
    return Signal(rssi=_CSQ(fields[0]))


def parse_cesq(lines: Lines) -> Signal | ParseError:
    """``+CESQ`` (3GPP TS 27.007 clause 8.69): rxlev, ber, rscp, ecno, rsrq, rsrp; 99 and 255 are unknown."""
    fields = last_fields(lines, "+CESQ")
    if fields is None or len(fields) < 6:
        return failed("+CESQ", lines, "no +CESQ line with six fields")
    return Signal(
        rssi=_RXLEV(fields[0]),
        rscp=_POWER(fields[2]),
        ecio=_ECNO(fields[3]),
        rsrq=_RSRQ(fields[4]),
        rsrp=_RSRP(fields[5]),
    )


def parse_hcsq(lines: Lines) -> Signal | ParseError:
    """Huawei's ``^HCSQ``: the technology, then its own values; 255 means not known."""
    fields = last_fields(lines, "^HCSQ")
    if fields is None:
        return failed("^HCSQ", lines, "no ^HCSQ line")
    values = [*fields[1:], *[Field("", quoted=False)] * 4]
    match technology := fields[0].text.upper():
        case "NOSERVICE":
            return Signal()
        case "GSM":
            return Signal(technology=technology, rssi=_POWER(values[0]))
        case "WCDMA":
            return Signal(
                technology=technology,
                rssi=_POWER(values[0]),
                rscp=_POWER(values[1]),
                ecio=_HUAWEI_ECIO(values[2]),
            )
        case "LTE":
            return Signal(
                technology=technology,
                rssi=_POWER(values[0]),
                rsrp=_RSRP(values[1]),
                sinr=_HUAWEI_SINR(values[2]),
                rsrq=_RSRQ(values[3]),
            )
        case _:
            return failed("^HCSQ", lines, "a technology that is not known here")
