"""Answer lines into frozen values.

Each parser takes one line or all lines of one answer, asked for or not, and returns a value or a
:class:`ParseError`, which is a value too: nothing a modem can say raises.
"""

from failberry.at.parse.device import (
    Function,
    PinTries,
    SimState,
    parse_ceer,
    parse_cpin,
    parse_function,
    parse_iccid,
    parse_identity,
    parse_imei,
    parse_imsi,
    parse_pin_tries,
)
from failberry.at.parse.fields import ParseError
from failberry.at.parse.network import (
    Attachment,
    Context,
    Domain,
    Operator,
    Registration,
    Service,
    Stat,
    parse_contexts,
    parse_operator,
    parse_registration,
    parse_sysinfoex,
    parse_zpas,
    technology,
)
from failberry.at.parse.signal import Signal, parse_cesq, parse_csq, parse_hcsq

__all__ = [
    "Attachment",
    "Context",
    "Domain",
    "Function",
    "Operator",
    "ParseError",
    "PinTries",
    "Registration",
    "Service",
    "Signal",
    "SimState",
    "Stat",
    "parse_ceer",
    "parse_cesq",
    "parse_contexts",
    "parse_cpin",
    "parse_csq",
    "parse_function",
    "parse_hcsq",
    "parse_iccid",
    "parse_identity",
    "parse_imei",
    "parse_imsi",
    "parse_operator",
    "parse_pin_tries",
    "parse_registration",
    "parse_sysinfoex",
    "parse_zpas",
    "technology",
]
