"""Template and code of the functions, as they are sent to AWS."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from failberry.errors import AdapterError, AdapterReason

INSTALLED = Path("/usr/share/failberry/lambda")
"""Where the Debian package has them; beside our own package is where a clone has them."""
BODY_LIMIT = 51_200
"""Bytes of a template that is sent with the call, without a bucket (CloudFormation's quotas)."""
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that an archive knows."""
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What the functions run."""

    template: str = field(repr=False)
    archive: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """As Lambda tells it of what it has (CodeSha256)."""
        return base64.b64encode(hashlib.sha256(self.archive).digest()).decode()


def read(*places: Path) -> Code:
    """Read them, from a clone or from where the package has them; raises AdapterError where they are not."""
    tried = places or (_cloned(), INSTALLED)
    folder = next((each for each in tried if (each / "template.yaml").is_file()), None)
    if folder is None:
        words = f"there is no template in {INSTALLED}; install the package failberry again"
        raise AdapterError(AdapterReason.GONE, words)
    return Code(template=(folder / "template.yaml").read_text(encoding="utf-8"), archive=_pack(folder))


def _cloned() -> Path:
    return Path(__file__).parents[2] / "lambda"


def _pack(folder: Path) -> bytes:
    """The same bytes from the same code, wherever and whenever: not compressed, as compressors differ."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.glob("*/*.py")):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EARLIEST)
            entry.create_system, entry.external_attr = 3, _MODE
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()
