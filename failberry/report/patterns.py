"""What betrays itself by its looks: keys, numbers of SIM and modem, addresses.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


@dataclass(frozen=True, slots=True)
class Look:
    """One kind of thing, found by its looks; group 1 is what is hidden, or all of it."""

    kind: str
    pattern: re.Pattern[str]


_WORDS = (
    r"pass(?:word|wd|phrase)?|psk|wpa[_-]?psk|secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|auth[_-]?token|"
    r"access[_-]?token|token|private[_-]?key|wep[_-]?key\d?|authorization|wired_path|cellular_path"
)
_PEM = r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE|PGP[A-Z ]*)-----.*?-----END [^\n-]*-----"
_SSH = (
    r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+)[ \t]+"
    r"(AAAA[A-Za-z0-9+/=]{20,}(?:[ \t]+[^\s\"']+(?: [^\s\"',\]]+)*)?)"
)
_SET = rf"(?i)\b(?:[\w.-]*[_.-])?(?:{_WORDS})\b[\"']?\s*[:=]\s*(\"[^\"\n]+\"|'[^'\n]+'|[^\s,;\"']+)"
_PIN = r"(?i)(?<![A-Za-z])(?:pin|puk)[12]?\b[\"']?\s*(?:[:=]|is)\s*[\"']?(\d{4,8})\b"
_SMS = r"(?i)\+(?:CNUM|CMGR|CMGL|CMT|CLIP|CSCA|CMGS|CUSD)\b[^\n]*?\"(\+?[\dA-Fa-f]{5,20})\""
LOOKS = (
    Look("key", re.compile(_PEM, re.DOTALL)),
    Look("ssh-key", re.compile(_SSH)),
    Look("aws-key", re.compile(r"\b((?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,})\b")),
    Look("token", re.compile(r"\b(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)")),
    Look("token", re.compile(r"(?i)\b(?:bearer|basic)[ \t]+([\w.~+/=-]{8,})")),
    Look("token", re.compile(r"(?i)[?&](?:\w*(?:token|key|secret|sig|auth|pass|pwd)\w*)=([^\s&\"'<>]+)")),
    Look("password", re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@")),
    Look("pin", re.compile(r"(?i)\+C(?:PIN|LCK|PWD)=[^\d\n]*\"?(\d{4,8})")),
    Look("pin", re.compile(r"(?i)\+CPIN=\"?\d+\"?,\s*\"?(\d{4,8})")),
    Look("pin", re.compile(_PIN)),
    Look("secret", re.compile(_SET)),
    Look("number", re.compile(_SMS)),
)
"""In this order, before all that is sought by its value."""

_DIGITS = re.compile(
    r"(?<![\dA-Fa-f.-])"
    r"(?:\d{2,6}([.-])(?:\d{2,8}\1){1,4}\d{1,8}|(?:\d{4,6} ){2,4}\d{1,6})"
    r"[Ff]?(?![\dA-Fa-f.-])"
)
"""IMEI 15 to 16, IMSI 15, ICCID 18 to 20 digits, in groups (3GPP TS 23.003, ITU-T E.118)."""
_RUN = re.compile(r"(?<!\d)\d{14,22}(?!\d)")
"""The same without groups, also amid letters."""
_NUMBER = re.compile(r"(?<![\w.+])(?:\+|00)[1-9](?:[ \t()/-]{0,2}\d){6,14}(?!\d)")
_NATIONAL = re.compile(r"(?<![\w.:/+-])0[1-9](?:[ /-]?\d){7,12}(?![\w.:])")
_MAC = re.compile(
    r"(?<![0-9A-Fa-f:])([0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\2){4}[0-9A-Fa-f]{2})(?![0-9A-Fa-f:])"
)
_MAC_NAME = re.compile(r"\b((?:en|wl|ww)x)([0-9a-f]{6})([0-9a-f]{6})\b")
_MAC_DOTS = re.compile(r"\b([0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})\b", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])((?:[0-9A-Fa-f]{0,4}:){2,7}"
    r"(?:[0-9A-Fa-f]{0,4}|\d{1,3}(?:\.\d{1,3}){3}))(?![\w:])"
)
_LONG_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
"""Machine and boot ids, hashes, keys."""
BLOB = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/_=-])")
"""What may be base64."""
HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){14,}(?![0-9A-Za-z])")

_KEPT4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
    )
)  # fmt: skip
_KEPT6 = tuple(IPv6Network(each) for each in ("::/127", "fc00::/7", "fe80::/10", "ff00::/8"))
FAMOUS = frozenset(
    map(
        ip_address,
        (
            "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112", "208.67.222.222",
            "208.67.220.220", "2606:4700:4700::1111", "2606:4700:4700::1001", "2001:4860:4860::8888",
            "2001:4860:4860::8844", "2620:fe::fe", "2620:fe::9",
        ),
    )
)  # fmt: skip
"""Addresses that everybody pings: they say nothing of anybody."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it tells where somebody is."""
    if address in FAMOUS:
        return False
    return not any(address in network for network in (_KEPT4 if address.version == 4 else _KEPT6))


def digits(text: str) -> Iterator[tuple[int, int]]:
    """Where numbers of SIM and modem stand."""
    for pattern in (_DIGITS, _RUN):
        for each in pattern.finditer(text):
            if 14 <= sum(letter.isdigit() for letter in each[0]) <= 22:
                yield each.span()


def telephones(text: str) -> Iterator[tuple[int, int]]:
    """Where telephone numbers stand."""
    for pattern in (_NUMBER, _NATIONAL):
        yield from (each.span() for each in pattern.finditer(text))


def macs(text: str) -> Iterator[tuple[int, int, str]]:
    """The last halves of hardware addresses, and the whole address as twelve digits."""
    for each in _MAC.finditer(text):
        yield each.start() + 9, each.end(), re.sub("[^0-9a-f]", "", each[0].lower())
    for each in _MAC_NAME.finditer(text):
        yield *each.span(3), each[2] + each[3]
    for each in _MAC_DOTS.finditer(text):
        yield each.start() + 7, each.end(), each[0].replace(".", "").lower()


def addresses(text: str) -> Iterator[tuple[int, int, IPv4Address | IPv6Address]]:
    """Where addresses stand that tell where somebody is; also those that hold a hardware address."""
    for pattern in (_IPV4, _IPV6):
        for each in pattern.finditer(text):
            try:
                address = ip_address(each[1])
            except ValueError:
                continue
            if is_public(address) or (address.version == 6 and holds_mac(address)):
                yield *each.span(1), address


def holds_mac(address: IPv4Address | IPv6Address) -> bool:
    """Whether the interface's half is made of a hardware address (RFC 4291, appendix A)."""
    return address.version == 6 and address.packed[11:13] == b"\xff\xfe"


def ids(text: str) -> Iterator[tuple[int, int]]:
    """Where long hexadecimal numbers stand."""
    yield from (each.span() for each in _LONG_HEX.finditer(text))
