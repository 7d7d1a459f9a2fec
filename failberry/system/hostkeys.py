"""The Pi's own SSH key: made once for each card, and kept, so that the owner's computer knows it again."""

from __future__ import annotations

import subprocess
from pathlib import Path

from failberry.loginkeys import NoKeyError, login_key
from failberry.system.folders import DiskFolder

NAME = "ssh_host_ed25519_key"
_DRAFTS = (f"{NAME}.draft", f"{NAME}.draft.pub")
_TIMEOUT = 60.0
_BEGIN, _END = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"


def host_key(directory: Path, hostname: str) -> tuple[str, ...]:
    """Have a key there; return its fingerprint.

    Raises ``OSError``.  What a power cut has left unfinished is made anew: nobody has seen it yet, because
    the private half gets its name last.
    """
    folder = DiskFolder(directory)
    for left in set(folder.names()) & set(_DRAFTS):
        folder.remove(left)
    private = folder.read(NAME, 1 << 16) or b""
    public = folder.read(f"{NAME}.pub", 1 << 16)
    if not (private.startswith(_BEGIN) and private.strip().endswith(_END)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        public = _make(folder, directory, hostname)
    elif public is None:
        public = _run(["ssh-keygen", "-y", "-f", str(directory / NAME)])
        folder.write(f"{NAME}.pub", public)
    try:
        return (login_key(public.decode(errors="replace")).fingerprint,)
    except NoKeyError:
        return ()


def _make(folder: DiskFolder, directory: Path, hostname: str) -> bytes:
    draft, public_draft = _DRAFTS
    _run(
        [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            f"root@{hostname}",
            "-f",
            str(directory / draft),
        ]
    )
    private, public = folder.read(draft, 1 << 16), folder.read(public_draft, 1 << 16)
    if private is None or public is None:
        raise OSError("ssh-keygen has made no key")
    folder.write(f"{NAME}.pub", public)
    folder.write(draft, private)  # once more, for it to be on the card before it has its name
    folder.rename(draft, NAME)
    folder.remove(public_draft)
    return public


def _run(words: list[str]) -> bytes:
    try:
        done = subprocess.run(
            words, check=True, capture_output=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"no SSH host key could be made: {error}") from None
    return done.stdout
