"""Tells of a version of this package that was refused, as long as none has come since that is kept.

``etc/upgrade/upgrade-watch`` notes it in a file of lines ``name=value``: ``version``, ``previous``, ``at``
(UTC), ``reason`` and ``outcome``.  The file is root's, and bounded here all the same.
"""

from __future__ import annotations

from failberry import __version__
from failberry.core.snapshot import Notice

REFUSED = "/var/lib/failberry-upgrade/refused"
_FORGET = "`sudo /usr/lib/failberry/upgrade-watch forget` lets apt try it again"


def notices(written: bytes, *, running: str = __version__) -> tuple[Notice, ...]:
    """Put what the file says into words; nothing where it says nothing."""
    lines = written.decode(errors="replace").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    version, reason = fields.get("version", ""), fields.get("reason", "")
    if not version or not reason:
        return ()
    outcome = f"{fields.get('previous', 'the previous version')} {fields.get('outcome', '')}".strip()
    when = fields.get("at", "").replace("T", " ").removesuffix("Z")
    text = f"version {version} was refused{f' ({when} UTC)' if when else ''}: {reason}; {outcome}"
    cure = f"a newer version is taken as soon as there is one; {_FORGET}"
    if version == running:
        cure = "install a version that worked: `sudo dpkg --install /var/lib/failberry-upgrade/previous.deb`"
    return (Notice(code="version_refused", text=text, cure=cure),)
