"""The password as it stands on the disk: salted, and slow to try (scrypt, RFC 7914).  Pure but for chance.

One line: ``scrypt:N:r:p:salt:hash``, both in hexadecimal.
"""

from __future__ import annotations

import hashlib
import os
from _operator import _compare_digest as compare_digest  # hmac's, which costs 4 MB

FILE = "/etc/failberry/web.password"
SHORTEST, LONGEST = 8, 1024
_N, _R, _P = 1 << 14, 8, 5
"""16 MB and half a second of a Raspberry Pi 3; OWASP's password storage cheat sheet."""
_MEMORY = 64 << 20


class UnreadableError(ValueError):
    """What stands there is not the hash of a password."""


def hashed(password: str, salt: bytes | None = None) -> str:
    """Make the line for the file."""
    salt = os.urandom(16) if salt is None else salt
    digest = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY)
    return f"scrypt:{_N}:{_R}:{_P}:{salt.hex()}:{digest.hex()}"


def matches(password: str, line: str) -> bool:
    """Compare; takes as long as :func:`hashed`.  Raises :class:`UnreadableError`."""
    try:
        name, n, r, p, salt, wanted = line.strip().split(":")
        if name != "scrypt" or len(wanted) != 128:
            raise UnreadableError(name)
        found = hashlib.scrypt(
            password.encode(), salt=bytes.fromhex(salt), n=int(n), r=int(r), p=int(p), maxmem=_MEMORY
        )
    except ValueError as fault:
        raise UnreadableError(str(fault)) from None
    return compare_digest(found.hex(), wanted)


def fault(password: str) -> str:
    """Say what is wrong with a new password; empty: nothing."""
    if len(password) < SHORTEST:
        return f"it has {len(password)} characters; take {SHORTEST} or more, such as four words"
    if len(password.encode()) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if not password.isprintable():
        return "it holds a control character; type it again"
    return ""
