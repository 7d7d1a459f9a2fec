"""The SIM and the registration of a modem."""

from typing import TYPE_CHECKING

from .profiles import STAT

if TYPE_CHECKING:
    from .modem import SimModem

ALWAYS = {"absent": 10, "busy": 14, "dead": 13}
LOCKED = {"SIM PIN": 11, "SIM PUK": 12}


def sim_status(modem: "SimModem", now: float) -> str:
    """READY, SIM PIN or SIM PUK (27.007 clause 8.3); or absent, busy, dead."""
    sim = modem.sim
    if not sim.sim_present:
        return "absent"
    if now < modem.booted_at + sim.sim_busy:
        return "busy"
    if sim.puk_tries <= 0:
        return "dead"
    if sim.pin_tries <= 0:
        return "SIM PUK"
    return "SIM PIN" if sim.pin_enabled and not modem.pin_entered else "READY"


def sim_error(modem: "SimModem", needs: str, now: float) -> int | None:
    """The CME code against a command that needs the SIM ("sim") or its PIN entered ("unlocked")."""
    return (ALWAYS if needs == "sim" else ALWAYS | LOCKED).get(sim_status(modem, now))


def start_search(modem: "SimModem", now: float) -> None:
    """Look for the network anew."""
    modem.found_at = now + modem.network.search_for
    modem.at(modem.found_at, lambda _: None)  # to see the change in time
    wake_when_lost(modem)


def wake_when_lost(modem: "SimModem") -> None:
    """See the loss in time."""
    if modem.powered and modem.network.lost_after:
        modem.at(modem.found_at + modem.network.lost_after, lambda _: None)


def registration(modem: "SimModem", now: float, *, packet: bool = False) -> int:
    """The <stat> of +CREG; of +CGREG and +CEREG when ``packet``."""
    network = modem.network
    if modem.functionality != 1 or modem.operator_mode == 2 or sim_error(modem, "unlocked", now) is not None:
        return STAT["idle"]
    lost = network.lost_after and now >= modem.found_at + network.lost_after
    if now < modem.found_at or lost or (packet and not network.packet_service):
        return STAT["searching"]
    return STAT[network.registration]


def registered(modem: "SimModem", now: float, *, packet: bool = False) -> bool:
    """Home or roaming."""
    return registration(modem, now, packet=packet) in (STAT["home"], STAT["roaming"])


def registration_text(modem: "SimModem", command: str, n: int, now: float) -> str:
    """<stat>, with place and technology when ``n`` is 2 (27.007 clauses 7.2, 10.1.20, 10.1.22)."""
    stat = registration(modem, now, packet=command != "+CREG")
    if n == 2 and stat in (STAT["home"], STAT["roaming"]):
        return f'{stat},"{modem.network.lac}","{modem.network.cell}",{modem.facts(now)["act"]}'
    return str(stat)


def watch(modem: "SimModem", now: float) -> None:
    """Tell the host of a registration that has changed since the last call."""
    if not modem.runs:
        return
    stat = (registration(modem, now), registration(modem, now, packet=True))
    if stat == modem.last_stat:
        return
    modem.last_stat = stat
    modem.note(now, f"registration {stat[0]}, packet {stat[1]}")
    for port in modem.ports:
        for command, n in port.reporting.items():
            if n:
                modem.say(port, f"{command}: {registration_text(modem, command, n, now)}")
    for text in modem.profile.on_registration:
        modem.announce(text.format(**modem.facts(now)))
