"""The Pi's key at our function: what the parameter at AWS shall hold, and the file on the Pi.  Pure.

The document is that of lambda/README.md, "Keys".  Whatever else it holds, keys of others and fields of our
own, stays.  In the normal state the key has one secret, that of the file.  A rotation puts a new one before
it, and the deployment after that takes the old one away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from failberry.errors import AdapterError, AdapterReason

SECRET_BYTES = 32
_SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlan:
    """What to write, and what to say of it."""

    document: str | None = field(default=None, repr=False)
    """For the parameter; None: it stays as it is."""
    secret: str | None = field(default=None, repr=False)
    """For the file; None: it stays as it is."""
    words: tuple[str, ...] = ()
    """The changes, one a line; without secrets."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in it that nobody may read."""
        return tuple(_SECRET.findall(self.document or "")) + ((self.secret,) if self.secret else ())


def read_secret(text: str, *, place: str) -> str:
    """Read the file's content: 64 hexadecimal digits.  Raises AdapterError."""
    secret = text.strip().lower()
    if not _SECRET.fullmatch(secret):
        words = f"{place} holds no key (64 hexadecimal digits); remove it, and a new one is made"
        raise AdapterError(AdapterReason.REFUSED, words)
    return secret


def plan_keys(
    *,
    name: str,
    hosts: Sequence[str],
    found: str | None,
    local: str | None,
    fresh: str,
    rotate: bool,
    place: str,
) -> KeyPlan:
    """Compare.  ``found`` is the parameter's text, ``local`` the file's secret, ``fresh`` a new secret.

    Raises AdapterError for a parameter that is not ours.
    """
    document = _document(found)
    entry: dict[str, Any] = document["keys"].get(name, {})
    known = [str(each) for each in entry.get("secrets", ())]
    words = []
    if rotate and known:
        kept = local if local in known else known[0]
        secret, secrets = fresh, [fresh, kept]
        words.append(f"~ key {name}: a new secret; the old one is valid, too, until the next `aws deploy`")
    elif local is None:
        secret = known[0] if known else fresh
        secrets = [secret]
    elif known and local not in known:
        secret, secrets = local, [local, known[0]]
        words.append(f"~ key {name}: the secret of {place}; that of AWS is valid, too, until the next deploy")
    else:
        secret, secrets = local, [local]
    wanted = {**entry, "secrets": secrets, "hosts": dict.fromkeys(sorted(hosts))}
    if not entry:
        words.append(f"+ key {name}, which may change {', '.join(sorted(hosts))}")
    elif entry.get("hosts") != wanted["hosts"]:
        words.append(f"~ key {name}: may change {', '.join(sorted(hosts))}")
    if len(known) > len(secrets):
        words.append(f"- key {name}: the old secret")
    if secret != local:
        words.append(f"{'+' if local is None else '~'} {place}")
    changed = wanted != entry
    document["keys"][name] = wanted
    return KeyPlan(
        document=json.dumps(document, sort_keys=True) if changed else None,
        secret=secret if secret != local else None,
        words=tuple(words),
    )


def _document(found: str | None) -> dict[str, Any]:
    if found is None:
        return {"version": 1, "keys": {}}
    try:
        document = json.loads(found)
    except ValueError:
        document = None
    match document:
        case {"version": 1, "keys": dict(keys)} if all(isinstance(each, dict) for each in keys.values()):
            return {"version": 1, "keys": dict(keys)}
    words = "the parameter with the keys holds something else; delete it, or set dns.stack to another name"
    raise AdapterError(AdapterReason.REFUSED, words)
