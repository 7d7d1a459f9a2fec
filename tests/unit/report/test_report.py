"""The bundle of a system that is full of secrets holds none of them, in no disguise, in no file."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from failberry.adapters.inspection import Places
from failberry.ctl import report
from failberry.ctl.__main__ import main
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.scenarios import ALL_WELL

PIN, PASSWORD, USER = "7391", "Zwölf$Katzen&1 Hund", "kunde-4711@provider"
WIRED_PATH, CELLULAR_PATH = "/w-5f0c7e91ab42dd", "/c-Geh3imEr-Pfad"
DDNS_KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AWS_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PAP, WIFI, NM_PIN = "pap-Geheim-77", "correct horse battery staple", "60412"
IMEI, IMSI, ICCID = "352099001761481", "262011234567890", "89490200001234567892"
PHONE, NATIONAL = "+49 171 2345678", "01719876543"
MAC, EUI64 = "dc:a6:32:5e:7f:91", "fe80::dea6:32ff:fe5e:7f91"
PUBLIC4, PUBLIC6 = "203.0.113.77", "2001:db8:4711::5e:7f91"
SSH_BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIJx4Zs8vYqQm1n7Tq3p0m8aLQ5y5d6kqvE7mYt2Zx1cD"
SSH_COMMENT = "erika.musterfrau@laptop"
TOPIC, HOOK_KEY, RECIPIENT = (
    "casa-Geh3im-7f3kq2x9",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "anna@haus.example",
)
TOKEN = "tk_9aZq81LmPr55xYw2"  # noqa: S105 -- nobody's
HOUSE = "villa-musterfrau.example.org"
PEM_BODY = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"

KNOWN = {
    "pin": PIN, "password": PASSWORD, "user": USER, "wired path": WIRED_PATH, "cellular path": CELLULAR_PATH,
    "key": DDNS_KEY, "AWS id": AWS_ID, "AWS secret": AWS_SECRET, "PAP": PAP, "Wi-Fi": WIFI,
     "other PIN": NM_PIN,
    "comment": SSH_COMMENT, "house": HOUSE, "topic": TOPIC, "hook key": HOOK_KEY, "recipient": RECIPIENT,
}  # fmt: skip
"""From files of this machine."""
SEEN = {
    "IMEI": IMEI, "IMSI": IMSI, "ICCID": ICCID, "phone": PHONE, "national": NATIONAL, "key blob": SSH_BLOB,
    "token": TOKEN,
}  # fmt: skip
"""Told by nobody: known by their looks."""

CONFIG = f"""\
mode = "dual-wan-router"
[wired]
interface = "wan0"
[lan]
interface = "lan0"
[cellular]
pin = "{PIN}"
user = "{USER}"
password = "{PASSWORD}"
[health]
wired_path = "{WIRED_PATH}"
cellular_path = "{CELLULAR_PATH}"
[system]
authorized_keys = ["ssh-ed25519 {SSH_BLOB} {SSH_COMMENT}"]
[dns]
zone = "example.org"
name = "{HOUSE}"
wired_name = "w.{HOUSE}"
cellular_name = "m.{HOUSE}"
cellular_source = "elsewhere"
[[receiver]]
name = "phone"
via = "ntfy"
to = "https://ntfy.sh/{TOPIC}"
[[receiver]]
name = "hook"
via = "webhook"
to = "https://hook.example/in"
secret = "{HOOK_KEY}"
[[receiver]]
name = "mail"
via = "mail"
to = "{RECIPIENT}, otto@haus.example"
sender = "pi@haus.example"
server = "smtp.haus.example:587"
"""
FILES = {
    "etc/failberry/ddns.key": DDNS_KEY + "\n",
    "root/.aws/credentials": f"[default]\naws_access_key_id = {AWS_ID}\naws_secret_access_key = "
    f"{AWS_SECRET}\n",
    "etc/ppp/pap-secrets": f'# client server secret\n"x" * "{PAP}" *\n',
    "etc/wpa_supplicant/wpa_supplicant.conf": f'network={{\n  ssid="home"\n  psk="{WIFI}"\n}}\n',
    "etc/NetworkManager/system-connections/o2.nmconnection": f"[gsm]\ntype=gsm\npin={NM_PIN}\n",
}


def disguised(value: str) -> Iterator[str]:
    """Ways to write it, made by other means than the product's."""
    octets = value.encode()
    yield value
    yield value.upper()
    yield value.lower()
    yield quote(value, safe="")
    yield "".join(f"%{each:02x}" for each in octets)
    yield octets.hex()
    yield octets.hex(":").upper()
    for before in ("", "x", "xy"):
        yield base64.b64encode((before + value).encode()).decode()
        yield base64.urlsafe_b64encode((before + value + "!").encode()).decode()
    yield json.dumps(value)
    yield "".join(f"\\x{each:02x}" for each in octets)


def lines() -> list[str]:
    """All of it, as programs might print it."""
    text = []
    for name, value in (KNOWN | SEEN).items():
        forms = [value, value.upper(), value.lower()] if name in SEEN or len(value) < 6 else disguised(value)
        text += [f"{number}: xx {form} yy" for number, form in enumerate(forms)]
    text += [
        f"link/ether {MAC} brd ff:ff:ff:ff:ff:ff", f"lladdr {MAC.upper().replace(':', '-')}",
        f"enx{MAC.replace(':', '')}: renamed", f"inet6 {EUI64}/64 scope link", f"inet {PUBLIC4}/24 scope "
        "global",
        f"inet6 {PUBLIC6}/64", f"ip-{PUBLIC4.replace('.', '-')}.isp.example", "77.113.0.203.in-addr.arpa",
        f"+CNUM: ,\"{PHONE.replace(' ', '')}\",145", f"AT+CPIN=\"{PIN}\"", f"tel:{NATIONAL}",
        f"http://admin:{PAP}@192.168.8.1/?token={TOKEN}", f"Authorization: Bearer {TOKEN}",
        f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----",
        f"psk = \"{WIFI}\"", "unknown_password: s3hr-Geheim", "password=geheim",
        f"base64 of a line: {base64.b64encode(f'imei {IMEI} of {PHONE}'.encode()).decode()}",
        f"hex of a line: {f'my imei is {IMEI}'.encode().hex()}",
    ]  # fmt: skip
    return text


def journal() -> str:
    """Structured, with secrets that are broken over fields and entries."""
    entries = [{"MESSAGE": line} for line in lines()]
    for value in (PASSWORD, CELLULAR_PATH, DDNS_KEY, AWS_SECRET, WIFI, IMEI, ICCID, SSH_COMMENT):
        half = len(value) // 2
        entries.append({"MESSAGE": f"begins {value[:half]}", "FAILBERRY_WHY": f"{value[half:]} ends"})
        entries += [{"MESSAGE": f"begins {value[:half]}"}, {"MESSAGE": f"{value[half:]} ends"}]
        entries.append({"MESSAGE": list(f"as bytes {value}".encode())})
    common = {
        "__REALTIME_TIMESTAMP": "1763809200123456",
        "_SYSTEMD_UNIT": "failberry.service",
        "_HOSTNAME": HOUSE,
    }
    return "\n".join(json.dumps(common | each) for each in entries)


@dataclass(frozen=True)
class Made:
    """One bundle."""

    archive: bytes
    files: dict[str, str]
    said: str
    mode: int


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root with secret files, and programs that betray everything."""
    folder = tmp_path_factory.mktemp("machine")
    for name, content in FILES.items():
        file = folder / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (folder / "failberry.toml").write_text(CONFIG)
    (folder / "said").write_text("\n".join(lines()))
    (folder / "journal").write_text(journal())
    programs = folder / "bin"
    programs.mkdir()
    for name in {words[0] for _, _, words in report.sources.COMMANDS} | {"dmesg"}:
        # The kernel's log is sifted: each line must be of our hardware.
        sift = "sed 's/^/usb /'" if name == "dmesg" else "/bin/cat"
        (programs / name).write_text(f"#!/bin/sh\nexec {sift} <{folder}/said\n")
    (programs / "journalctl").write_text(f"#!/bin/sh\nexec /bin/cat {folder}/journal\n")
    for each in programs.iterdir():
        each.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        yield folder


def gathered(folder: Path, *, as_json: bool = False) -> Made:
    spilled = replace(
        ALL_WELL,
        wired=replace(ALL_WELL.wired, reason=" / ".join(lines())),
        cellular=replace(ALL_WELL.cellular, addresses=(PUBLIC4,)),
    )
    output, config = folder / "bundle.tar.gz", folder / "failberry.toml"
    arguments = SimpleNamespace(
        socket=str(folder / "control"), config=str(config), json=as_json, no_aws=True, output=str(output)
    )
    places = Places(config=config, state=folder, resolvers=folder / "none", root=folder / "root")
    said = io.StringIO()
    with daemon(folder / "control", SimulatedAppliance(snapshot=spilled)), contextlib.redirect_stdout(said):
        assert report.run(arguments, places) == 0
    octets = output.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        files = {each.name: archive.extractfile(each).read().decode() for each in archive}  # type: ignore[union-attr]
    return Made(archive=octets, files=files, said=said.getvalue(), mode=output.stat().st_mode & 0o777)


@pytest.fixture(scope="module")
def made(machine: Path) -> Made:
    return gathered(machine)


def test_a_bundle_of_a_house_full_of_secrets_has_none_of_them(made: Made) -> None:
    octets, files = made.archive, made.files
    plain = gzip.decompress(octets)
    journal_text = files["failberry-report/journal.txt"]
    joined = "".join(re.sub(r"(?m)^(\S+Z \S+: (?:[A-Z_]+=)?|    )", "", journal_text).split("\n"))
    leaks = []
    for name, value in (KNOWN | SEEN).items():
        forms = set(disguised(value)) if name in KNOWN else {value, value.lower(), value.upper()}
        for form in forms:
            core = form.rstrip("=")[4:-2] if len(form) > 24 and value not in form else form
            leaks += [f"{name} as {form}"] * (core.encode() in plain or core.encode() in octets)
        squeezed = re.sub(r"\W", "", joined).lower()
        if len(value) >= 6:
            leaks += [f"{name} over fields"] * (re.sub(r"\W", "", value).lower() in squeezed)
    for form in (MAC, MAC.upper(), MAC.replace(":", "-"), MAC.replace(":", ""), EUI64, PUBLIC4, PUBLIC6,
     PEM_BODY,
                 PUBLIC4.replace(".", "-"), "77.113.0.203", PHONE.replace(" ", ""), "s3hr-Geheim", "geheim\n",
                 IMEI.encode().hex(), "5e:7f:91"):  # fmt: skip
        leaks += [form] * (form.lower().encode() in plain.lower())
    assert not leaks, leaks
    said = " ".join(made.said.split())
    assert "Nothing was sent anywhere" in said
    assert "journal.txt" in said


def test_it_can_still_be_read(made: Made) -> None:
    files = made.files
    text = files["failberry-report/network/addresses.txt"]
    assert re.search(r"link/ether dc:a6:32:\[mac-\d+\] brd ff:ff:ff:", text)
    address = re.search(r"inet (\[address-\d+\])/24 scope global", text)
    assert address is not None
    # The same value has the same placeholder, in whatever file and disguise.
    assert files["failberry-report/status.json"].count(address[1]) >= 2
    assert f"ip-{address[1]}.isp.example" in text
    journal_text = files["failberry-report/journal.txt"]
    assert journal_text.startswith("2025-11-22T11:00:00Z failberry.service: ")
    # Times and units stand before each line, although lines are compared without them.
    assert all(re.match(r"\S+Z failberry.service: |    ", line) for line in journal_text.splitlines())
    page = files["failberry-report/README.txt"]
    for name in files:
        assert name == "failberry-report/README.txt" or name.removeprefix("failberry-report/") in page
    assert "address: " in page
    assert 'interface = "wan0"' in files["failberry-report/failberry.toml"]


def test_it_is_for_its_owner_alone(made: Made) -> None:
    assert made.mode == 0o600


def test_it_tells_programs_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    (tmp_path / "failberry.toml").write_text(CONFIG)
    told = json.loads(gathered(tmp_path, as_json=True).said)
    assert told["file"].endswith("bundle.tar.gz")
    assert told["redacted"]["pin"] >= 1
    assert told["left_out"] == []
    assert {"README.txt", "status.json", "doctor.json"} <= set(told["files"])


def test_a_place_that_cannot_be_written_is_told_before_anything_is_gathered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "-o", str(tmp_path / "nowhere" / "x.tar.gz")]) == 1
    assert "cannot be written" in capsys.readouterr().err
