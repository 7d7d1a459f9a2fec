"""The Pi's key in its file: read and written by root alone, never half-written."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from failberry.aws.keys import SECRET_BYTES, read_secret
from failberry.errors import AdapterError, AdapterReason

KEY_FILE = "/etc/failberry/ddns.key"
_MODE = 0o600


class KeyFile:
    """One file.  Everything raises AdapterError."""

    def __init__(self, path: str = KEY_FILE) -> None:
        self.path = path

    def read(self) -> str | None:
        """The secret, 64 hexadecimal digits; None: there is no file."""
        try:
            with Path(self.path).open(encoding="ascii", errors="replace") as file:
                # A bound, and enough to see that there is more.
                text = file.read(4 * SECRET_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("reading", error) from None
        return read_secret(text, place=self.path)

    def write(self, secret: str) -> None:
        """Replace it, whole or not at all."""
        new = f"{self.path}.{os.getpid()}.new"
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{secret}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(new).replace(self.path)
            self._settle()
        except OSError as error:
            with contextlib.suppress(OSError):
                Path(new).unlink()
            raise self._unusable("writing", error) from None

    def see_that_it_can_be_written(self) -> None:
        """Ask before anything is changed at AWS."""
        folder = Path(self.path).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            words = f"{folder} cannot be written; use sudo, or give another place by --key-file"
            raise AdapterError(AdapterReason.DENIED, words)

    def remove(self) -> bool:
        """Delete it; whether there was one."""
        try:
            Path(self.path).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable("removing", error) from None
        return True

    def _settle(self) -> None:
        folder = os.open(Path(self.path).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unusable(self, doing: str, error: OSError) -> AdapterError:
        denied = isinstance(error, PermissionError)
        cure = "use sudo, or give another place by --key-file" if denied else "look at the path and the disk"
        reason = AdapterReason.DENIED if denied else AdapterReason.REFUSED
        return AdapterError(reason, f"{doing} {self.path}: {error.strerror}; {cure}")
