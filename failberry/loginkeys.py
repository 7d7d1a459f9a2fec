"""Public keys that may log in over SSH, one line each: whether they are whole, and what they are called.

The format is that of sshd(8), AUTHORIZED_KEYS FILE FORMAT; the bytes are those of RFC 4253 section 6.6,
RFC 5656 section 3.1, RFC 8709 section 4 and OpenSSH's PROTOCOL.u2f.  Whatever is refused is never quoted:
it might be a private key.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

_FIELDS = {
    # Kind of key: how many fields follow its name in the bytes.
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
_SHORTEST_RSA = 2048
_LONGEST = 16_384
_WHERE = "copy the one line of the file that ends in .pub"
_PRIVATE = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|^Private-Lines:", re.MULTILINE)
_KIND = re.compile(
    r"(?:^|\s)(?P<kind>ssh-[a-z0-9]+|ecdsa-sha2-nistp[0-9]+|sk-[a-z0-9-]+@openssh\.com)\s+(?=\S)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginKey:
    """One line that sshd takes."""

    line: str
    kind: str
    fingerprint: str
    """As `ssh-keygen -l` shows it."""
    comment: str


class NoKeyError(ValueError):
    """It is no public key; the text is "problem; cure", without anything of what was given."""


def holds_private_key(text: str) -> bool:
    """Whether somebody has mistaken the secret half for the public one."""
    return _PRIVATE.search(text) is not None


def login_key(line: str) -> LoginKey:
    """Read one line.  Raises :class:`NoKeyError`."""
    line = line.strip()
    _refuse_strangers(line)
    match = next((each for each in _KIND.finditer(line) if not _quoted(line, each.start("kind"))), None)
    if match is None:
        raise NoKeyError(f"does not begin like a public key (ssh-ed25519, ssh-rsa, …); {_WHERE}")
    kind = match["kind"]
    if kind not in _FIELDS:
        raise NoKeyError(
            f"is of the kind {kind}, which sshd no longer takes; make a new one: ssh-keygen -t ed25519"
        )
    encoded, _, comment = line[match.end() :].partition(" ")
    try:
        blob = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise NoKeyError(f"is damaged: its long part is not base64; {_WHERE}") from None
    fields = _fields(blob)
    if not fields or fields[0] != kind.encode():
        raise NoKeyError(f"is damaged: it calls itself {kind}, and its bytes are not of that; {_WHERE}")
    if (
        len(fields) != 1 + _FIELDS[kind]
        or not all(fields)
        or (kind.endswith("ed25519") and len(fields[1]) != 32)
    ):
        raise NoKeyError(f"is not whole: something is missing at its end, or too much; {_WHERE}")
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < _SHORTEST_RSA:
        raise NoKeyError(
            f"has less than {_SHORTEST_RSA} bits, which can be broken; make a new one: ssh-keygen -t ed25519"
        )
    digest = b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return LoginKey(line=line, kind=kind, fingerprint=f"SHA256:{digest}", comment=comment.strip()[:60])


def _refuse_strangers(line: str) -> None:
    if holds_private_key(line):
        raise NoKeyError(
            "is a PRIVATE key, which must never leave your computer; delete it here, make a new pair "
            "(ssh-keygen -t ed25519), and copy the file that ends in .pub"
        )
    if "BEGIN SSH2 PUBLIC KEY" in line:
        raise NoKeyError(
            "is in another program's format; in PuTTYgen load the key and copy the text of the box "
            '"Public key for pasting into OpenSSH authorized_keys file"'
        )
    if len(line) > _LONGEST or not line.isprintable():
        raise NoKeyError(f"is not one line of text; {_WHERE}")
    if line.startswith(("/", "~", "C:\\")) or re.fullmatch(r"\S+\.pub", line):
        raise NoKeyError(f"is the name of a file; {_WHERE}, not its name")


def _quoted(line: str, place: int) -> bool:
    """Within an option's text, such as ``command="…"``."""
    return line.replace('\\"', "__").count('"', 0, place) % 2 == 1


def _fields(blob: bytes) -> list[bytes]:
    """Each has its length before it (RFC 4251 section 5, string).  The last is empty if it was cut short."""
    found: list[bytes] = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            return [*found, b"", b""]
        found.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return found
