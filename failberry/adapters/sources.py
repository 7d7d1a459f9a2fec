"""Collects what a support bundle is made of: texts as they are, and the secrets to be taken out of them.

Nothing here is redacted; that is :mod:`failberry.report`'s.  Secret files are read for one purpose: to know
what must not be in the bundle.  Their contents are no source.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from failberry.adapters.inspection.daemon import Ask, Unasked
from failberry.adapters.inspection.machine import UNITS
from failberry.adapters.inspection.programs import run
from failberry.adapters.sysfs import text
from failberry.config import Config
from failberry.configtext import show
from failberry.declarations import Shape, declarations
from failberry.report.bundle import Source
from failberry.report.redact import Secret

JOURNAL_LINES = 3000
LARGEST = 512 << 10
"""Characters of one text: the end of it is kept."""
_EVENTS = 500
_SLOW = 20.0

COMMANDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("system/versions.txt", "kernel", ("uname", "-srvmo")),
    ("system/packages.txt", "versions of the packages it stands on", (
        "dpkg-query", "--show", "failberry", "failberry-image", "ppp", "nftables", "systemd", "busybox",
        "usb-modeswitch", "python3", "python3-serial", "python3-pyroute2", "python3-usb", "python3-boto3",
        "modemmanager", "network-manager", "iptables", "linux-image-*",
    )),
    ("system/units.txt", "our units as systemd sees them", ("systemctl", "show", "--no-pager", *UNITS)),
    ("system/timers.txt", "failed units", ("systemctl", "list-units", "--failed", "--no-pager", "--plain")),
    ("system/disks.txt", "disks", ("df", "-h")),
    ("system/memory.txt", "memory", ("free", "-m")),
    ("system/clock.txt", "clock", ("timedatectl", "show")),
    ("network/addresses.txt", "interfaces and addresses", ("ip", "-d", "address", "show")),
    ("network/counters.txt", "interfaces and counters", ("ip", "-s", "link", "show")),
    ("network/rules4.txt", "routing rules of IPv4", ("ip", "-4", "rule", "show")),
    ("network/rules6.txt", "routing rules of IPv6", ("ip", "-6", "rule", "show")),
    ("network/routes4.txt", "routes of IPv4, all tables", ("ip", "-4", "route", "show", "table", "all")),
    ("network/routes6.txt", "routes of IPv6, all tables", ("ip", "-6", "route", "show", "table", "all")),
    ("network/neighbours.txt", "neighbours", ("ip", "neighbour", "show")),
    ("network/nftables.txt", "packet filter", ("nft", "list", "ruleset")),
    ("network/iptables.txt", "packet filter of iptables", ("iptables-save",)),
    ("network/listeners.txt", "who listens", ("ss", "-Hltnup")),
    ("network/resolvers.txt", "name servers", ("cat", "/etc/resolv.conf")),
    ("hardware/usb.txt", "USB devices", ("lsusb",)),
    ("hardware/usb-tree.txt", "USB tree", ("lsusb", "-t")),
)  # fmt: skip
_DMESG = re.compile(
    r"usb|tty(?:USB|ACM)|ppp|option|cdc_|rndis|qmi|mbim|modem|volt|over-current|mmc|EXT4|I/O error|"
    r"watchdog|oom|Out of memory|panic|Oops|conntrack|eth\d|r8152|lan78|smsc|genet|xhci|dwc",
    re.IGNORECASE,
)
_MESSAGES = re.compile(r"MESSAGE|FAILBERRY_[A-Z0-9_]{1,40}")


def sources(ask: Ask, config: Config | None, config_path: Path) -> Iterator[Source]:
    """Everything, one after the other; what cannot be had says why."""
    yield _told(ask, "status.json", "how the daemon sees the house", "GetStatus")
    yield _told(ask, "usb.json", "the USB bus as the daemon sees it", "GetUsb", patience=_SLOW)
    events = ask("Events", limit=_EVENTS)
    if not isinstance(events, Unasked):
        yield Source(name="events.json", about="what happened", text=json.dumps(events, indent=1))
    if config is not None:
        yield Source(
            name="failberry.toml", about="configuration with all defaults, secrets hidden", text=show(config)
        )
    else:
        yield Source(name="failberry.toml", about="configuration, as it stands", text=text(config_path))
    yield from _journal()
    for name, about, words in COMMANDS:
        done = run(*words, seconds=_SLOW)
        if done is not None:
            yield Source(name=name, about=about, text=_end(done.stdout + done.stderr))
    log = run("dmesg", "--ctime", seconds=_SLOW)
    if log is not None:
        lines = [line for line in log.stdout.splitlines() if _DMESG.search(line)]
        yield Source(name="hardware/kernel-log.txt", about="what the kernel says of our hardware",
                     text=_end("\n".join(lines)))  # fmt: skip


def _told(ask: Ask, name: str, about: str, method: str, **more: Any) -> Source:
    answer = ask(method, **more)
    words = f"not told: {answer.why}" if isinstance(answer, Unasked) else json.dumps(answer, indent=1)
    return Source(name=name, about=about, text=words)


def _end(told: str) -> str:
    return told if len(told) <= LARGEST else f"[…]\n{told[-LARGEST:]}"


def _journal() -> Iterator[Source]:
    wanted = [
        f"--unit={each}"
        for each in (*UNITS, "failberry-dns@*", "failberry-sns@*", "failberry-vrrp.service", "ModemManager")
    ]
    done = run(
        "journalctl", "--output=json", "--no-pager", f"--lines={JOURNAL_LINES}", *wanted, seconds=2 * _SLOW
    )
    if done is not None:
        yield journal(done.stdout)


def journal(exported: str) -> Source:
    """Read what ``journalctl --output=json`` wrote: an object in each line."""
    prefixes, lines = [], []
    for line in exported.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        when = _when(entry.get("__REALTIME_TIMESTAMP"))
        unit = re.sub(
            r"[^\w.@-]", "", str(entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER") or "")
        )
        unit = re.sub(r"@.*\.", "@.", unit)
        for name in sorted(filter(_MESSAGES.fullmatch, entry), key=lambda each: (each != "MESSAGE", each)):
            for number, part in enumerate(_field(entry[name]).split("\n")):
                mark = f"{name}=" if name != "MESSAGE" else ""
                prefixes.append(f"{when} {unit}: {mark}" if not number else "    ")
                lines.append(part)
    return Source(
        name="journal.txt", about="journal of our units", text="\n".join(lines), prefixes=tuple(prefixes)
    )


def _field(value: object) -> str:
    """As text: bytes that are none come as a list of numbers (systemd's JOURNAL_EXPORT_FORMATS)."""
    if isinstance(value, list):
        if all(isinstance(each, int) and 0 <= each < 256 for each in value):
            return bytes(value).decode("utf-8", "replace")
        return "\n".join(map(str, value))
    return str(value)


def _when(stamp: object) -> str:
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(int(str(stamp)) / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "?"


# --- what must not be in it ------------------------------------------------------------------------

_FILES: tuple[tuple[str, str, str], ...] = (
    ("etc/failberry/*.key", "key", r"^([0-9A-Fa-f]{16,})$"),
    ("etc/failberry/*aws*", "aws-key", r"(?i)^\s*aws_(?:secret_)?access_key(?:_id)?\s*=\s*(\S+)"),
    ("root/.aws/credentials", "aws-key", r"(?i)^\s*aws_\w+\s*=\s*(\S+)"),
    ("etc/ppp/*-secrets", "password", r"^\s*[^#\s]\S*\s+\S+\s+[\"']?([^\s\"']+)"),
    ("etc/wpa_supplicant/*.conf", "password",
     r"^\s*(?:psk|password|sae_password|wep_key\d)\s*=\s*\"?([^\"\n]+)\"?"),
    ("etc/hostapd/*.conf", "password", r"^\s*(?:wpa_passphrase|wpa_psk|sae_password)\s*=\s*(\S+)"),
    ("etc/NetworkManager/system-connections/*", "password",
     r"^\s*(?:psk|password|pin|private-key-password|wep-key\d|private-key|preshared-key)\s*=\s*(.+?)\s*$"),
    ("etc/iwd/*.psk", "password", r"^\s*(?:Passphrase|PreSharedKey)\s*=\s*(.+?)\s*$"),
    ("etc/wireguard/*.conf", "key", r"^\s*(?:PrivateKey|PresharedKey)\s*=\s*(\S+)"),
    ("etc/ddclient.conf", "password", r"^\s*password\s*=\s*'?([^'\s]+)"),
    ("etc/machine-id", "machine", r"^(\w{32})$"),
)  # fmt: skip
"""Where secrets lie on a Debian machine, and how they are written there."""


def secrets(config: Config | None, config_path: Path, root: Path = Path("/")) -> tuple[Secret, ...]:
    """Every value that is known to be secret."""
    found = (
        [*_of_config(config), *_of_broken_config(config_path)] if config is None else [*_of_config(config)]
    )
    for pattern, kind, words in _FILES:
        for file in sorted(root.glob(pattern)):
            found += [
                Secret(kind, each.strip())
                for each in re.findall(words, text(file), re.MULTILINE)
                if each.strip()
            ]
    return tuple(dict.fromkeys(found))


def _of_config(config: Config | None) -> Iterator[Secret]:
    if config is None:
        return
    for section in declarations(Config):
        found = getattr(config, section.name)
        if section.shape is Shape.VALUE or found is None:
            continue
        for table in found if section.shape is Shape.TABLES else (found,):
            for each in declarations(section.kind):
                value = getattr(table, each.name)
                if each.secret and isinstance(value, str) and value:
                    kind = each.name.replace("_", "-")
                    yield Secret(kind, value)
                    yield Secret(kind, value.lstrip("/"))
    if config.cellular.user:
        yield Secret("user", config.cellular.user)
    yield from _of_receivers(config)
    if config.dns is not None:
        for name in (config.dns.name, config.dns.wired_name, config.dns.cellular_name, config.dns.zone):
            yield Secret("name", name)
        if config.dns.url:
            yield Secret("url", config.dns.url)
    for line in config.system.authorized_keys:
        words = line.split(None, 2)
        yield from (Secret("ssh-key", each) for each in words[1:])


def _of_receivers(config: Config) -> Iterator[Secret]:
    """Of an address its last part, which is a topic or a token; of several mail addresses each."""
    for each in config.receiver:
        mails = [part.strip() for part in each.to.split(",")] if "@" in each.to else []
        for part in (*mails, each.to.rpartition("/")[2], each.user, each.sender):
            if part:
                yield Secret("to", part)


def _of_broken_config(path: Path) -> Iterator[Secret]:
    """Every secret of a file that cannot be used, as far as it can be read."""
    names = {
        each.name
        for section in declarations(Config)
        if section.shape in (Shape.TABLE, Shape.OPTIONAL_TABLE)
        for each in declarations(section.kind)
        if each.secret
    } | {"user", "url"}
    content = text(path)
    try:
        tables = [each for each in tomllib.loads(content).values() if isinstance(each, dict)]
        found = [(name, str(value)) for table in tables for name, value in table.items() if name in names]
    except tomllib.TOMLDecodeError:
        words = rf"^\s*({'|'.join(sorted(names))})\s*=\s*[\"']?([^\"'\n#]+)"
        found = re.findall(words, content, re.MULTILINE)
    yield from (Secret(name.replace("_", "-"), value.strip()) for name, value in found if value.strip())
