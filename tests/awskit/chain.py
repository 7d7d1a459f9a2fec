"""A certificate authority of the tests' own: root, intermediate and server, as large as those of AWS."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CONFIG = """\
[ca]
default_ca = ours
[ours]
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[below]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[req]
distinguished_name = name
[name]
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs servers; ``root`` is what a client trusts."""

    folder: Path
    root: Path

    def server(self, host: str, *, begins: timedelta = timedelta(days=-1)) -> ssl.SSLContext:
        """For whoever listens as ``host``; valid from so long after now on."""
        start = datetime.now(UTC) + begins
        name = f"{host}-{start:%Y%m%d%H%M%S}"
        self._request(name, host, "-addext", f"subjectAltName=DNS:{host}")
        self._sign(name, "intermediate", "server", start)
        chain = self.folder / f"{name}.chain"
        parts = (self.folder / f"{each}.pem" for each in (name, "intermediate"))
        chain.write_text("".join(each.read_text() for each in parts))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self.folder / f"{name}.key")
        return context

    def _request(self, name: str, subject: str, *more: str) -> None:
        _openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", *more),
            *("-keyout", f"{self.folder}/{name}.key", "-out", f"{self.folder}/{name}.csr"),
        )

    def _sign(self, name: str, by: str, section: str, start: datetime) -> None:
        end = start + timedelta(days=30)
        _openssl(
            *("ca", "-batch", "-notext", "-config", f"{self.folder}/config", "-extensions", section),
            *("-cert", f"{self.folder}/{by}.pem", "-keyfile", f"{self.folder}/{by}.key"),
            *("-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"),
            *("-in", f"{self.folder}/{name}.csr", "-out", f"{self.folder}/{name}.pem"),
        )


def authority(folder: Path) -> Authority:
    """Make one in an empty folder."""
    (folder / "config").write_text(_CONFIG.format(folder=folder))
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    made = Authority(folder, folder / "root.pem")
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=Failberry test root"),
        *("-config", f"{folder}/config", "-extensions", "authority"),
        *("-keyout", f"{folder}/root.key", "-out", f"{folder}/root.pem"),
    )
    made._request("intermediate", "Failberry test intermediate")
    made._sign("intermediate", "root", "below", datetime.now(UTC) - timedelta(days=1))
    return made


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
