"""A certificate for servers of the tests, and the trust in it."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that signs itself."""

    certificate: Path
    """For SSL_CERT_FILE, too."""
    key: Path

    def server(self) -> ssl.SSLContext:
        """For whoever listens."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def certify(folder: Path, *names: str) -> Certificate:
    """Make one for these names (``DNS:localhost``) and addresses (``IP:127.0.0.1``)."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=failberry-test", "-addext", f"subjectAltName={','.join(names)}",
        "-keyout", made.key, "-out", made.certificate,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return made
