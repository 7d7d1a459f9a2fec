"""ddclient and inadyn, as Debian has them, update a name through the function's dyndns2 door, over TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.awskit.certificates import Certificate, certify
from tests.unit.aws.awsmemory import ELSEWHERE, HOST, PASSWORD, SOURCE, Cloud
from tests.unit.aws.functionurl import FunctionUrl

MINUTE = 60_000


@dataclass
class Site:
    """Where a client finds the function, and what it keeps to itself."""

    folder: Path
    port: int
    trusted: Path

    def ddclient(self, address: str, *, password: str) -> str:
        settings = self.folder / "ddclient.conf"
        settings.write_text(
            f"ssl=yes\nssl_ca_file={self.trusted}\nuse=ip, ip={address}\nprotocol=dyndns2\n"
            f"server=127.0.0.1:{self.port}\nlogin=pi1\npassword='{password}'\n{HOST}\n"
        )
        # It insists.
        settings.chmod(0o600)
        files = ("-file", settings, "-cache", self.folder / "cache", "-pid", self.folder / "pid")
        return self._run("ddclient", "-daemon=0", "-foreground", "-nosyslog", "-noquiet", *files)

    def inadyn(self, address: str, *, password: str) -> str:
        settings = self.folder / "inadyn.conf"
        settings.write_text(
            f'ca-trust-file = "{self.trusted}"\n'
            "custom failberry {\n"
            f'    ddns-server = "localhost:{self.port}"\n'
            '    ddns-path = "/nic/update?hostname=%h&myip=%i"\n'
            f'    username = "pi1"\n    password = "{password}"\n    hostname = "{HOST}"\n'
            f'    checkip-command = "/bin/echo {address}"\n'
            "}\n"
        )
        places = ("--config", settings, "--cache-dir", self.folder, "--no-pidfile")
        return self._run("inadyn", "--once", "--foreground", "--force", *places)

    def _run(self, program: str, *words: str | Path) -> str:
        path = shutil.which(program, path="/usr/sbin:/usr/bin")
        if path is None:
            pytest.fail(f"{program} is not installed; cure: make setup", pytrace=False)
        done = subprocess.run([path, *words], capture_output=True, text=True, check=False, timeout=30)
        return done.stdout + done.stderr


Update = Callable[..., str]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(dyndns2=True)


@pytest.fixture
def function(cloud: Cloud, certificate: Certificate) -> Iterator[FunctionUrl]:
    with FunctionUrl(cloud.handle, source=SOURCE, tls=certificate.server()) as function:
        yield function
    assert function.failures == []


@pytest.fixture
def site(function: FunctionUrl, certificate: Certificate, tmp_path: Path) -> Site:
    return Site(tmp_path, int(function.url.rstrip("/").rpartition(":")[2]), certificate.certificate)


@pytest.fixture(params=["ddclient", "inadyn"])
def update(request: pytest.FixtureRequest, site: Site) -> Update:
    chosen: Update = getattr(site, request.param)
    return chosen


def test_a_name_follows_its_line(cloud: Cloud, function: FunctionUrl, site: Site, update: Update) -> None:
    told = update(SOURCE, password=PASSWORD)
    assert cloud.address() == SOURCE, told
    cloud.now += MINUTE
    function.source = ELSEWHERE
    (site.folder / "cache").unlink(missing_ok=True)
    told = update(ELSEWHERE, password=PASSWORD)
    assert cloud.address() == ELSEWHERE, told
    assert len(cloud.zone.writes) == 2


def test_what_is_right_already_is_not_written_again(cloud: Cloud, site: Site, update: Update) -> None:
    update(SOURCE, password=PASSWORD)
    cloud.now += MINUTE
    (site.folder / "cache").unlink(missing_ok=True)
    told = update(SOURCE, password=PASSWORD)
    assert (len(cloud.zone.writes), "abuse" in told, cloud.ledger.entries[("pi1", HOST)].ts) == (
        1,
        False,
        cloud.now,
    ), told


def test_another_password_changes_nothing(cloud: Cloud, update: Update) -> None:
    told = update(SOURCE, password="wrong")  # noqa: S106
    assert cloud.address() is None
    assert "badauth" in told or "Authentication" in told or "401" in told, told


def test_whoever_cannot_prove_to_be_the_function_hears_no_password(
    cloud: Cloud, certificate: Certificate, function: FunctionUrl, tmp_path: Path
) -> None:
    strangers = certify(tmp_path, "IP:127.0.0.1", "DNS:localhost")
    heard: list[object] = []
    with FunctionUrl(
        lambda event, _: heard.append(event) or {"body": ""}, tls=strangers.server()
    ) as stranger:
        site = Site(tmp_path, int(stranger.url.rstrip("/").rpartition(":")[2]), certificate.certificate)
        for update in (site.ddclient, site.inadyn):
            told = update(SOURCE, password=PASSWORD)
            assert heard == [], told
