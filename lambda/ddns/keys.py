"""Who may change which names: one JSON document in an SSM parameter of type SecureString.

::

    {"version": 1,
     "keys": {"pi1": {"secrets": ["<64 hexadecimal digits>"],
                      "hosts": {"wireless.example.com": null},
                      "explicit": false,
                      "passwords": ["<SHA-256 of a password, 64 hexadecimal digits>"]}}}

``secrets`` are one or two, so that a new one can be tried before the old one goes.  ``hosts`` gives for each
name the SetIdentifier of its record, null for a simple record.  ``explicit`` (false) allows addresses that
the request does not come from.  ``passwords`` (none) are for the dyndns2 protocol, two at most.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ddns.ports import CloudError, Parameter
from ddns.protocol import is_host, is_key, sign

AT_ONCE = 2
"""Secrets, or passwords, that are valid at the same time."""
DIGEST = 32
"""Bytes of a secret."""
REREAD = 60_000
"""Milliseconds between two readings for the sake of a signature that did not fit."""
MAX_AGE = 300_000
"""Milliseconds after which the keys are read again anyway: a key that was taken back ends."""
AFTER_FAILURE = 5_000
"""Milliseconds until AWS is asked again, after it did not give the keys."""

_FIELDS = {"secrets", "hosts"}
_OPTIONAL = {"explicit", "passwords"}


class KeysError(ValueError):
    """The document with the keys is not one.  The words name the place, and hold nothing of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What one holder of a secret may do."""

    name: str
    secrets: tuple[bytes, ...] = field(repr=False)
    hosts: Mapping[str, str | None]
    explicit: bool = False
    passwords: tuple[bytes, ...] = field(default=(), repr=False)
    """SHA-256 of each: they are made by us, of 128 bits or more, so there is nothing to guess from it."""


_NOBODY = Key(name="", secrets=(os.urandom(DIGEST),), hosts={})
"""Stands in for every key that there is not; nobody knows its secret, which lives as long as this process."""
_FILL = (os.urandom(DIGEST),) * AT_ONCE


def parse_keys(text: str) -> dict[str, Key]:
    """Read the document.  Raises KeysError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # Not chained: the decoder's message quotes nothing, but its exception carries the whole document.
        raise KeysError("the keys are not JSON") from None
    match document:
        case {"version": 1, "keys": dict(keys)}:
            return {name: _key(name, value) for name, value in keys.items()}
    raise KeysError('the keys are not {"version": 1, "keys": {…}}')


def _key(name: str, value: object) -> Key:
    if not is_key(name):
        raise KeysError("a key's name is not 1 to 32 of a-z, 0-9 and '-'")
    if not isinstance(value, dict) or not _FIELDS <= value.keys() <= _FIELDS | _OPTIONAL:
        raise KeysError(f"key {name}: needs {sorted(_FIELDS)}, may have {sorted(_OPTIONAL)}, nothing else")
    secrets, passwords = _digests(value["secrets"]), _digests(value.get("passwords", []))
    if not secrets or passwords is None:
        raise KeysError(
            f"key {name}: secrets (1 or 2) and passwords (up to 2) are 64 hexadecimal digits each"
        )
    hosts, explicit = value["hosts"], value.get("explicit", False)
    if not isinstance(hosts, dict) or not all(
        is_host(host) and (mark is None or (isinstance(mark, str) and 0 < len(mark) <= 128))
        for host, mark in hosts.items()
    ):
        raise KeysError(f"key {name}: hosts are names in small letters, each with a SetIdentifier or null")
    if not isinstance(explicit, bool):
        raise KeysError(f"key {name}: explicit is true or false")
    return Key(name=name, secrets=secrets, hosts=hosts, explicit=explicit, passwords=passwords)


def _digests(value: object) -> tuple[bytes, ...] | None:
    if not isinstance(value, list) or len(value) > AT_ONCE:
        return None
    try:
        digests = tuple(bytes.fromhex(each) for each in value)
    except (TypeError, ValueError):
        return None
    return digests if all(len(each) == DIGEST for each in digests) else None


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the one of its secrets that was used."""

    key: Key
    secret: bytes = field(repr=False)


class KeyRing:
    """The keys as last read.  Times are milliseconds of any one clock."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self._keys: dict[str, Key] | None = None
        self._read_at = 0
        self._tried_at: int | None = None
        self.problem = ""
        """Why the last reading failed; for the log."""

    def signer(self, name: str, signature: str, message: bytes, *, now: int) -> Signer | None:
        """Say who signed; None for an unknown key as for a bad signature, by the same path.

        Raises CloudError where there are no keys at all.
        """
        self._keep_fresh(now)
        found = self._signer(name, signature, message)
        if found is None and self._read(now, gap=REREAD):
            found = self._signer(name, signature, message)
        return found

    def holder(self, name: str, password: str, *, now: int) -> Key | None:
        """Say whose password it is; else as :meth:`signer`."""
        self._keep_fresh(now)
        given = hashlib.sha256(password.encode(errors="backslashreplace")).digest()
        found = self._holder(name, given)
        if found is None and self._read(now, gap=REREAD):
            found = self._holder(name, given)
        return found

    def _signer(self, name: str, signature: str, message: bytes) -> Signer | None:
        key = (self._keys or {}).get(name, _NOBODY)
        matched = None
        # As many as there can be, used or not: the time it takes tells neither a key nor a rotation.
        for secret in (*key.secrets, *_FILL)[:AT_ONCE]:
            if hmac.compare_digest(sign(secret, message), signature):
                matched = Signer(key, secret)
        return matched

    def _holder(self, name: str, given: bytes) -> Key | None:
        key = (self._keys or {}).get(name, _NOBODY)
        matched = None
        for digest in (*key.passwords, *_FILL)[:AT_ONCE]:
            if hmac.compare_digest(digest, given):
                matched = key
        return matched

    def _keep_fresh(self, now: int) -> None:
        if self._keys is None or not 0 <= now - self._read_at < MAX_AGE:
            self._read(now, gap=AFTER_FAILURE)
        if self._keys is None:
            raise CloudError(self.problem or "NoKeys")

    def _read(self, now: int, *, gap: int) -> bool:
        """Read again, unless that was tried less than ``gap`` ago; whether there is something new."""
        if self._tried_at is not None and 0 <= now - self._tried_at < gap:
            return False
        self._tried_at = now
        try:
            keys = parse_keys(self._parameter.read())
        except KeysError as problem:
            self.problem = str(problem)
            return False
        except CloudError as problem:
            # What was read before goes on being valid: a fault of AWS must not lock the house out.
            self.problem = problem.code
            return False
        self.problem = ""
        self._read_at = now
        changed, self._keys = keys != self._keys, keys
        return changed
