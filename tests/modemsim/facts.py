"""What the modem knows, in the spellings of the commands that report it: the names in ``profiles`` texts."""

from typing import TYPE_CHECKING

from .profiles import STAT, TECHNOLOGIES
from .radio import registration, sim_status

if TYPE_CHECKING:
    from .modem import SimModem


def _signal(rssi: int, technology: str) -> dict[str, object]:
    if rssi == 99:
        return {"hcsq": '"NOSERVICE"', "cesq": "99,99,255,255,255,255"}
    dbm = -113 + 2 * rssi  # 3GPP TS 27.007 clause 8.5
    power = min(max(dbm - 15, -140), -44)  # of the pilot: RSCP and RSRP are part of the whole
    match technology:
        case "lte":
            # +CESQ: clause 8.69; ^HCSQ: rssi + 121, rsrp + 141, (sinr + 20) * 5, (rsrq + 20) * 2.
            return {
                "hcsq": f'"LTE",{dbm + 121},{power + 141},151,20',
                "cesq": f"99,99,255,255,20,{power + 141}",
            }
        case "gsm" | "edge":
            return {"hcsq": f'"GSM",{dbm + 121}', "cesq": f"{dbm + 111},99,255,255,255,255"}
        case _:
            return {
                "hcsq": f'"WCDMA",{dbm + 121},{power + 121},50',
                "cesq": f"99,99,{power + 121},36,255,255",
            }


def facts(modem: "SimModem", now: float) -> dict[str, object]:
    """All names that an answer's format string may use."""
    sim, network, profile = modem.sim, modem.network, modem.profile
    name = network.technology or profile.technology
    technology = TECHNOLOGIES[name]
    stat = registration(modem, now)
    registered = stat in (STAT["home"], STAT["roaming"])
    packet = registered and network.packet_service
    rssi = network.signal if modem.functionality == 1 else 99
    status = sim_status(modem, now)
    mode, mode_name, submode, submode_name = (
        technology.huawei if registered else (0, "NO SERVICE", 0, "NO SERVICE")
    )
    return {
        "maker": profile.maker,
        "model": profile.model,
        "revision": profile.revision,
        "imei": profile.imei,
        "imsi": sim.imsi,
        "iccid": sim.iccid,
        "cpin": status,
        "pin_tries": sim.pin_tries,
        "puk_tries": sim.puk_tries,
        "huawei_tries": {"SIM PIN": sim.pin_tries, "SIM PUK": sim.puk_tries}.get(status, ""),
        "sim_valid": 1 if status == "READY" else 0 if status.startswith("SIM") else 255,
        "rssi": rssi,
        "operator": network.operator if registered else "",
        "mcc": int(network.plmn[:3]),
        "mnc": int(network.plmn[3:]),
        "act": technology.act,
        "roaming": int(stat == STAT["roaming"]),
        "zte_service": technology.zte if registered else "Limited Service" if stat == 3 else "No Service",
        "zte_domain": "CS_PS" if packet else "CS_ONLY",
        "zte_roam": "ROAM_ON" if stat == STAT["roaming"] else "ROAM_OFF",
        "huawei_service": 2 if registered else 1 if stat == STAT["denied"] else 0,
        "huawei_domain": 3 if packet else 1 if registered else 0,
        "huawei_mode": mode,
        "huawei_mode_name": mode_name,
        "huawei_submode": submode,
        "huawei_submode_name": submode_name,
        **_signal(rssi, name),
    }
