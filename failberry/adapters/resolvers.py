"""The name servers of the line that carries the house, in a file that resolvers read.

The file is a resolv.conf (resolv.conf(5)).  dnsmasq takes it as its ``resolv-file`` and looks at it again
when it changes (etc/dnsmasq/dnsmasq.conf); a Pi whose /etc/resolv.conf is a link to it follows by itself,
because the C library does the same.

It has a folder of its own that everybody may enter: dnsmasq reads it as a user of its own, who shall see
nothing else of ours.  The folder is there from boot (debian/failberry.tmpfiles), because dnsmasq does not
start where the folder of its ``resolv-file`` is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from failberry.core.facts import Address

FILE = Path("/run/failberry-names/resolv.conf")
MOST = 8
"""Name servers; the C library takes the first three, dnsmasq all."""
_HEAD = """\
# Written by failberryd: the name servers of the line that carries the house now. Changes here are lost.
"""


class Resolvers:
    """Keeps the file."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file

    def keep(self, servers: Sequence[Address]) -> str | None:
        """Have exactly these servers in the file; return what went wrong, with the consequence.

        None at all changes nothing: a server that may be out of reach is better than none.
        """
        usable = [
            each for each in servers if not (each.is_link_local and not getattr(each, "scope_id", None))
        ]
        if not usable:
            return None
        text = _HEAD + "".join(f"nameserver {each}\n" for each in dict.fromkeys(usable[:MOST]))
        try:
            with contextlib.suppress(FileNotFoundError):
                # Whoever reads it forgets his cache when it changes, so it changes only for a reason.
                if self._file.read_text(encoding="ascii", errors="replace") == text:
                    return None
            if not self._file.parent.exists():
                self._file.parent.mkdir(parents=True)
                self._file.parent.chmod(0o755)
            draft = self._file.with_suffix(".new")
            draft.write_text(text, encoding="ascii")
            draft.chmod(0o644)
            draft.replace(self._file)
        except OSError as error:
            return f"{self._file} cannot be written ({error.strerror}): names are asked over the former line"
        return None

    def remove(self) -> None:
        """Remove the file; whoever read it keeps what he knows."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
