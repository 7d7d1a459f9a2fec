"""The page's own files: read once, at the start; small, and all there is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from failberry.web.exchange import Answer, Asked

FOLDER = Path(__file__).with_name("page")
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
FRONT = "/index.html"


class Assets:
    """Files by their paths."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, Answer] = {}
        for each in sorted(folder.iterdir()):
            if each.suffix in KINDS:
                content = each.read_bytes()
                # Asked each time, and mostly answered by 304: a new version of the package is seen at once.
                headers = {
                    "Cache-Control": "no-cache",
                    "ETag": f'"{hashlib.sha256(content).hexdigest()[:24]}"',
                }
                self._files[f"/{each.name}"] = Answer(body=content, kind=KINDS[each.suffix], headers=headers)

    def find(self, asked: Asked) -> Answer | None:
        """Return the file of that path, if it is one."""
        found = self._files.get(FRONT if asked.path == "/" else asked.path)
        if found is not None and asked.known == found.headers["ETag"]:
            return Answer(status=304, kind=found.kind, headers=found.headers)
        return found
