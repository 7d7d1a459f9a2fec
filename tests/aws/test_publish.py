"""The APT repository on S3: published on moto's server, installed from by the real apt in its own root."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from failberry.aws.session import AwsError, Session
from publish import repository
from publish.bucket import CURES, Bucket
from publish.index import RefusedError
from publish.tools import Signer

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
BUCKET = "packages"


@pytest.fixture(scope="module")
def keyring() -> Iterator[Callable[[], str]]:
    """Makes keys in a keyring of its own, without a passphrase; returns a fingerprint."""
    # Short: the agent's socket lies in it.
    home = tempfile.mkdtemp(prefix="gpg")
    before = os.environ.get("GNUPGHOME")
    os.environ["GNUPGHOME"] = home
    made: list[str] = []

    def key() -> str:
        name = f"Publisher {len(made)}"
        words = ["--batch", "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]
        subprocess.run(["gpg", *words], check=True, capture_output=True, timeout=60)
        told = subprocess.run(
            ["gpg", "--batch", "--with-colons", "--list-keys", name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        made.append(next(line.split(":")[9] for line in told.splitlines() if line.startswith("fpr:")))
        return made[-1]

    yield key
    subprocess.run(["gpgconf", "--kill", "all"], check=False, timeout=30)
    if before is None:
        del os.environ["GNUPGHOME"]
    else:
        os.environ["GNUPGHOME"] = before
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def signer(keyring: Callable[[], str]) -> Signer:
    return Signer([keyring()])


class Shop:
    """A bucket, what gives its files to the Internet, and an owner's apt."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.client = boto3.session.Session().client("s3", endpoint_url=endpoint, **KEYS)
        self.client.create_bucket(Bucket=BUCKET)
        self.folder = folder
        self.left: int | None = None
        """Writes until the line breaks; None: it holds."""
        self.written: list[str] = []
        self._session = Session(cures=CURES, connect=lambda *_: self, patience=0.0)
        self.bucket = Bucket(self._session, BUCKET)
        handler = type("Handler", (_Front,), {"client": self.client})
        self._front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._front.serve_forever, daemon=True).start()
        self.apt = Apt(folder / "apt", f"http://127.0.0.1:{self._front.server_address[1]}")

    def close(self) -> None:
        self._front.shutdown()
        self._front.server_close()
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for each in page.get("Contents", ()):
                self.client.delete_object(Bucket=BUCKET, Key=each["Key"])
        self.client.delete_bucket(Bucket=BUCKET)

    # What the session asks for.

    def get_object(self, **parameters: Any) -> Any:
        return self.client.get_object(**parameters)

    def put_object(self, **parameters: Any) -> Any:
        if self.left is not None:
            if not self.left:
                raise ClientError({"Error": {"Code": "Broken", "Message": "the line is gone"}}, "PutObject")
            self.left -= 1
        self.written.append(parameters["Key"])
        return self.client.put_object(**parameters)

    # What the publisher does.

    def deb(self, version: str, content: str = "good") -> Path:
        tree = self.folder / f"tree-{version}-{content}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share/failberry").mkdir(parents=True)
        (tree / "usr/share/failberry/word").write_text(f"{version} {content}")
        (tree / "DEBIAN/control").write_text(
            f"Package: failberry\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <n@example.org>\n"
            "Description: a line\n and more\n"
        )
        deb = self.folder / f"failberry_{version}_all.deb"
        words = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb)]
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        return deb

    def publish(self, signer: Signer, *debs: Path) -> None:
        repository.publish(self.bucket, signer, debs, suite="stable", tell=lambda _: None)


class _Front(http.server.BaseHTTPRequestHandler):
    """Gives the bucket's files to everybody, as a bucket with a public policy does."""

    client: Any

    def do_GET(self) -> None:
        try:
            body = self.client.get_object(Bucket=BUCKET, Key=self.path[1:])["Body"].read()
        except ClientError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Apt:
    """An owner's machine: the real apt and dpkg, with everything of theirs in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self._url = folder, url
        for each in (
            "etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/keyrings",
            "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/info",
            "var/lib/dpkg/updates", "var/log/apt",
        ):  # fmt: skip
            (folder / each).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()

    def trust(self, key: bytes) -> None:
        """Write the entry of docs/howto/apt-repository.md."""
        ring = self.folder / "etc/apt/keyrings/failberry.pgp"
        ring.write_bytes(key)
        (self.folder / "etc/apt/sources.list.d/failberry.sources").write_text(
            f"Types: deb\nURIs: {self._url}\nSuites: stable\nComponents: main\nSigned-By: {ring}\n"
        )

    def get(self, *words: str, architecture: str = "arm64") -> subprocess.CompletedProcess[str]:
        options = {
            "Dir": self.folder,
            "Dir::State::status": self.folder / "var/lib/dpkg/status",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Retries": 0,
            "Acquire::http::Proxy": "DIRECT",
            "APT::Update::Error-Mode": "any",
            "DPkg::Options::": f"--root={self.folder}",
        }
        flags = [f"-o{name}={value}" for name, value in options.items()]
        return subprocess.run(
            ["apt-get", "--yes", *flags, "-oDPkg::Options::=--force-not-root,unsafe-io", *words],
            capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip

    def updated(self, **more: str) -> str:
        done = self.get("update", **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def installed(self, what: str = "failberry") -> str:
        done = self.get("install", "--allow-downgrades", what)
        assert done.returncode == 0, done.stdout + done.stderr
        return (self.folder / "usr/share/failberry/word").read_text()


@pytest.fixture
def shop(moto: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(moto, tmp_path)
    yield made
    made.close()


def test_a_new_version_is_found_and_the_old_one_is_kept(shop: Shop, signer: Signer) -> None:
    shop.publish(signer, shop.deb("1"))
    shop.apt.trust(signer.public)
    assert "W:" not in shop.apt.updated()
    assert shop.apt.installed() == "1 good"
    shop.publish(signer, shop.deb("2"))
    shop.apt.updated()
    assert shop.apt.installed() == "2 good"
    assert shop.apt.installed("failberry=1") == "1 good"


@pytest.mark.parametrize("architecture", ["amd64", "armhf"])
def test_every_architecture_finds_it_without_a_word_of_complaint(
    shop: Shop, signer: Signer, architecture: str
) -> None:
    shop.publish(signer, shop.deb("1"))
    shop.apt.trust(signer.public)
    said = shop.apt.updated(architecture=architecture)
    assert "W:" not in said
    assert "N:" not in said
    assert (
        "failberry" in shop.apt.get("--print-uris", "install", "failberry", architecture=architecture).stdout
    )


def test_whatever_is_tampered_with_is_refused(shop: Shop, signer: Signer) -> None:
    shop.publish(signer, shop.deb("1"))
    shop.apt.trust(signer.public)
    shop.apt.updated()
    kept = {
        each["Key"]: shop.client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
        for each in shop.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    tampered = {name: content.replace(b"failberry", b"failbarry") for name, content in kept.items()}
    for name, content in kept.items():
        if "by-hash" in name:
            shop.client.put_object(Bucket=BUCKET, Key=name, Body=b"x" + content)
    shutil.rmtree(shop.apt.folder / "var/lib/apt/lists")
    (shop.apt.folder / "var/lib/apt/lists/partial").mkdir(parents=True)
    assert shop.apt.get("update").returncode != 0, "an index that is not what was signed"
    with pytest.raises(RefusedError, match="is gone, or was changed"):
        shop.publish(signer, shop.deb("2"))

    for name, content in kept.items():
        shop.client.put_object(Bucket=BUCKET, Key=name, Body=content)
    name = "dists/stable/InRelease"
    shop.client.put_object(
        Bucket=BUCKET, Key=name, Body=kept[name].replace(b"Suite: stable", b"Suite: stabler")
    )
    assert shop.apt.get("update").returncode != 0, "a list of sums that was changed after it was signed"
    with pytest.raises(RefusedError, match="not signed by this key"):
        shop.publish(signer, shop.deb("3"))

    shop.client.put_object(Bucket=BUCKET, Key=name, Body=kept[name])
    shop.apt.updated()
    (package,) = (each for each in kept if each.startswith("pool/"))
    shop.client.put_object(Bucket=BUCKET, Key=package, Body=tampered[package])
    assert shop.apt.get("install", "failberry").returncode != 0, "a package that is not what the index says"


def test_interrupted_anywhere_the_old_state_is_whole(shop: Shop, signer: Signer) -> None:
    shop.publish(signer, shop.deb("1"))
    shop.apt.trust(signer.public)
    newer, writes = shop.deb("2"), 0
    while True:
        shop.left = writes
        try:
            shop.publish(signer, newer)
        except AwsError as broken:
            assert "Broken" in str(broken)
            shop.apt.updated()
            assert shop.apt.installed() == "1 good"
            writes += 1
            assert writes < 20
            continue
        break
    # The indexes, the key, and the one write that makes it visible; the package is there since the first try.
    assert writes == 11
    assert shop.written[-1] == "dists/stable/InRelease"
    shop.apt.updated()
    assert shop.apt.installed() == "2 good"


def test_a_published_version_never_changes(shop: Shop, signer: Signer) -> None:
    first = shop.deb("1")
    shop.publish(signer, first)
    shop.publish(signer, first)
    before = list(shop.written)
    with pytest.raises(RefusedError, match="failberry 1 is published already, and is another file"):
        shop.publish(signer, shop.deb("1", "changed"))
    assert shop.written == before


def test_nothing_is_published_without_a_key(shop: Shop) -> None:
    with pytest.raises(RefusedError, match="no key"):
        Signer([""])
    with pytest.raises(RefusedError, match="no secret key"):
        Signer(["0" * 40])
    with pytest.raises(RefusedError, match="not a whole fingerprint"):
        Signer(["ABCD1234"])
    assert shop.written == []


def test_a_strangers_index_is_not_signed_again(
    shop: Shop, signer: Signer, keyring: Callable[[], str]
) -> None:
    stranger = Signer([keyring()])
    shop.publish(stranger, shop.deb("1"))
    with pytest.raises(RefusedError, match="not signed by this key"):
        shop.publish(signer, shop.deb("2"))
    shop.apt.trust(signer.public)
    assert shop.apt.get("update").returncode != 0


def test_one_key_takes_over_from_another(shop: Shop, keyring: Callable[[], str], tmp_path: Path) -> None:
    old, new = keyring(), keyring()
    shop.publish(Signer([old]), shop.deb("1"))
    shop.publish(Signer([old, new]), shop.deb("2"))
    shop.apt.trust(Signer([old]).public)
    shop.apt.updated()
    shop.apt.trust(Signer([new]).public)
    shop.apt.updated()
    shop.publish(Signer([new]), shop.deb("3"))
    shop.apt.updated()
    assert shop.apt.installed() == "3 good"


def test_the_command(shop: Shop, moto: str, keyring: Callable[[], str]) -> None:
    """As ``make publish-apt`` runs it."""

    account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def run(key: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "publish", "--bucket", BUCKET, "--key", key, str(deb)],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, **account, "AWS_ENDPOINT_URL_S3": moto},
        )  # fmt: skip

    deb = shop.deb("1")
    refused = run("")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Nothing was published: no key")
    done = run(keyring())
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 versions are published now" in done.stdout


def test_a_version_that_was_refused_is_not_brought_again(shop: Shop, signer: Signer) -> None:
    shop.publish(signer, shop.deb("1"))
    shop.publish(signer, shop.deb("2"))
    shop.publish(signer, shop.deb("3"))
    shop.apt.trust(signer.public)
    shop.apt.updated()
    # As etc/upgrade/upgrade-watch writes it, of two versions.
    (shop.apt.folder / "etc/apt/preferences.d/failberry-refused").write_text(
        "".join(
            f"Explanation: why\nPackage: failberry\nPin: version {each}\nPin-Priority: -1\n\n"
            for each in "23"
        )
    )
    assert shop.apt.installed() == "1 good"
    assert "0 upgraded" in shop.apt.get("upgrade").stdout
    shop.publish(signer, shop.deb("4"))
    shop.apt.updated()
    assert shop.apt.installed() == "4 good"
