"""What modem and SIM say of the APN, and which APNs others use on that network."""

from __future__ import annotations

import re
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from failberry.adapters.inspection.daemon import Ask, Unasked
from failberry.config import Config
from failberry.core.causes import Fault
from failberry.core.pin import PinState
from failberry.core.snapshot import Snapshot
from failberry.doctor.evidence import Provider, SimFacts

if TYPE_CHECKING:
    from failberry.adapters.inspection import Places

LIST = Path("usr/share/mobile-broadband-provider-info/serviceproviders.xml")
"""Of Debian's mobile-broadband-provider-info."""
_LARGEST = 8 << 20
AT_PATIENCE = 20.0
"""Seconds: its turn on the port, and the modem's answer."""
_CONTEXT = re.compile(r'\+CGDCONT: *1,"[^"]*","([^"]*)"')
_IMSI = re.compile(r"\b(\d{6})\d{8,9}\b")


def facts(ask: Ask, config: Config | None, status: Snapshot | None, places: Places) -> SimFacts:
    """Ask the modem for what matters, if anything does: a line that works is left in peace."""
    refused = refused_pins(places.state / "state.sqlite")
    if config is None or status is None or status.modem.dial_tty is None:
        return SimFacts(refused_pins=refused)
    if config.cellular.apn and status.modem.fault is not Fault.REFUSED:
        return SimFacts(refused_pins=refused)
    modem_apn = stored_apn(ask)
    home, providers = find(issuer(ask), places.root / LIST)
    return SimFacts(home=home, modem_apn=modem_apn, providers=providers, refused_pins=refused)


def stored_apn(ask: Ask) -> str | None:
    """The APN that is stored in the modem; empty: none, ``None``: it did not say."""
    lines = _at(ask, "AT+CGDCONT?")
    if lines is None:
        return None
    found = _CONTEXT.search("\n".join(lines))
    return found[1] if found is not None else ""


def issuer(ask: Ask) -> str:
    """The first six digits of the IMSI: country, network, and perhaps a digit more; empty: it did not say."""
    found = _IMSI.search("\n".join(_at(ask, "AT+CIMI") or ()))
    return found[1] if found is not None else ""


def _at(ask: Ask, command: str) -> list[str] | None:
    answer = ask("SendCommand", patience=AT_PATIENCE, command=command)
    if isinstance(answer, Unasked):
        return None
    match answer:
        case {"answer": {"ok": True, "lines": list(lines)}}:
            return [str(each) for each in lines]
        case _:
            return None


def find(digits: str, path: Path) -> tuple[str, tuple[Provider, ...] | None]:
    """Which APNs the operators of a network use for the Internet, by the beginning of an IMSI.

    Answers with MCC and MNC, too; ``None``: the list is not installed, or is none.
    """
    try:
        if path.stat().st_size > _LARGEST:
            return digits[:5], None
        tree = ET.parse(path)  # noqa: S314 -- a file of a Debian package, which root alone can write
    except (OSError, ET.ParseError):
        return digits[:5], None
    if not digits:
        return "", ()
    home, found = digits[:5], []
    for provider in tree.iter("provider"):
        name = (provider.findtext("name") or "").strip()
        for gsm in provider.iter("gsm"):
            ids = {each.get("mcc", "") + each.get("mnc", "") for each in gsm.iter("network-id")}
            if (
                own := next((each for each in ids if len(each) >= 5 and digits.startswith(each)), None)
            ) is None:
                continue
            home = own
            found += [
                Provider(name=name, apn=apn.get("value", ""), user=(apn.findtext("username") or "").strip())
                for apn in gsm.iter("apn")
                if _for_internet(apn)
            ]
    return home, tuple(dict.fromkeys(found))


def _for_internet(apn: ET.Element) -> bool:
    usages = {each.get("type") for each in apn.iter("usage")}
    return not usages or "internet" in usages


def refused_pins(path: Path) -> int:
    """How many PINs are not tried again; nothing is made where there is no file."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)
    except sqlite3.Error:
        return 0
    try:
        row = database.execute("SELECT count(*) FROM pin_record WHERE state <> ?", (PinState.GOOD.value,))
        return int(row.fetchone()[0])
    except sqlite3.Error:
        return 0
    finally:
        database.close()
