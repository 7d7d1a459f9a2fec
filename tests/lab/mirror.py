"""The Debian archive and the proxy that this machine's own apt uses, as for the image."""

from pathlib import Path

from image import mirror as archive
from image.mirror import proxy_options

from .cache import LabError

__all__ = ["mirror", "proxy_options"]


def mirror(configuration: Path = Path("/etc/apt")) -> str:
    """As ``image.mirror.mirror``, with the lab's own error."""
    try:
        return archive.mirror(configuration)
    except archive.MirrorError as error:
        raise LabError(str(error)) from None
