"""The commands with an effect or a state (3GPP TS 27.007, V.250); plain queries are data in ``profiles``."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from . import calls, power, radio, texts
from .profiles import COMMON
from .reply import Reply
from .syntax import Command

if TYPE_CHECKING:
    from .modem import SimModem
    from .port import Port

SYNTAX_ERROR = 50  # +CME ERROR: incorrect parameters


OK = Reply()
ERROR = Reply(final="ERROR")
Handler = Callable[["SimModem", "Port", Command, float], Reply]


def line(text: str) -> Reply:
    """One line of information, then OK."""
    return Reply(lines=(text,))


# --- the terminal (V.250)


def echo(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.text != "0":
        port.echo = True
    elif not modem.faults.keep_echo:
        port.echo = False
    return OK


def verbose(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    port.verbose = command.text == "1"
    return OK


def quiet(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    port.quiet = command.text == "1"
    return OK


def reset(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    calls.drop(modem, port, now, text="")
    port.reset_settings()
    return OK


def defaults(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    port.reset_settings()
    return OK


def dtr_action(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    port.dtr_action = int(command.text or "0")
    return OK


def dial(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    calls.dial(modem, port, command.text.lstrip("TPtp "), now)
    return Reply(final="")


def hang_up(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    calls.drop(modem, port, now, text="")
    power.heal(modem, "hang_up", now)
    return OK


def online(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    return Reply(final="") if calls.resume(modem, port) else Reply(final="NO CARRIER")


def accept(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    return OK


# --- errors, radio, SIM (27.007 clauses 7 to 9)


def cmee(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        return line(f"+CMEE: {port.cmee}")
    if command.op == "=":
        if command.number() not in (0, 1, 2):
            return Reply(cme=SYNTAX_ERROR)
        port.cmee = command.number() or 0
    return OK


def cfun(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        return line(f"+CFUN: {modem.functionality}")
    if command.op == "=":
        if command.number() not in (0, 1, 4):
            return Reply(cme=SYNTAX_ERROR)
        if command.number(1) == 1:
            return _restart(modem)
        level = command.number() or 0
        if level != 1:
            calls.drop_all(modem, now)
        elif modem.functionality != 1:
            radio.start_search(modem, now)
            power.heal(modem, "radio", now)
        modem.functionality = level
    return OK


def restart(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    return _restart(modem) if command.key == modem.profile.restart else ERROR


def _restart(modem: "SimModem") -> Reply:
    return Reply(then=partial(power.reboot, modem)) if modem.faults.reboots_by_at else OK


def _puk(modem: "SimModem", puk: str, pin: str) -> Reply:
    sim = modem.sim
    if puk == sim.puk:
        modem.sim = dataclasses.replace(sim, pin=pin, pin_tries=3, puk_tries=10)
        modem.pin_entered = True
        return OK
    modem.sim = dataclasses.replace(sim, puk_tries=sim.puk_tries - 1)
    return Reply(cme=16 if modem.sim.puk_tries else 13)


def _pin(modem: "SimModem", pin: str) -> Reply:
    sim = modem.sim
    if pin == sim.pin:
        modem.sim = dataclasses.replace(sim, pin_tries=3)
        modem.pin_entered = True
        return OK
    modem.sim = dataclasses.replace(sim, pin_tries=sim.pin_tries - 1)
    return Reply(cme=16 if modem.sim.pin_tries else 12)


def cpin(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "=?":
        return OK
    if (code := radio.sim_error(modem, "sim", now)) is not None:
        return Reply(cme=code)
    status = radio.sim_status(modem, now)
    if command.op != "=":
        return line(f"+CPIN: {status}")
    match status, command.args:
        case "SIM PIN", (pin,):
            reply = _pin(modem, pin)
        case "SIM PUK", (puk, pin):
            reply = _puk(modem, puk, pin)
        case "SIM PUK", _:
            return Reply(cme=12)
        case _:
            return Reply(cme=3)
    if modem.pin_entered:
        radio.start_search(modem, now)
    return reply


def clck(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "=" and command.args[:2] == ("SC", "2"):
        if (code := radio.sim_error(modem, "sim", now)) is not None:
            return Reply(cme=code)
        return line(f"+CLCK: {int(modem.sim.pin_enabled)}")
    return OK if command.op == "=?" else Reply(cme=3)


# --- the network


def registration(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        n = port.reporting.get(command.name, 0)
        return line(f"{command.name}: {n},{radio.registration_text(modem, command.name, n, now)}")
    if command.op == "=":
        if command.number() not in (0, 1, 2):
            return Reply(cme=SYNTAX_ERROR)
        port.reporting[command.name] = command.number() or 0
    return OK


def cops(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    network = modem.network
    if command.op == "?":
        if not radio.registered(modem, now):
            return line(f"+COPS: {modem.operator_mode}")
        name = network.plmn if modem.operator_format == 2 else network.operator
        return line(
            f'+COPS: {modem.operator_mode},{modem.operator_format},"{name}",{modem.facts(now)["act"]}'
        )
    if command.op == "=?":
        found = f'(2,"{network.operator}","Test","{network.plmn}",{modem.facts(now)["act"]})'
        return Reply(lines=(f"+COPS: {found},,(0,1,2,3,4),(0,1,2)",), delay=30.0)
    match command.number():
        case 3:
            modem.operator_format = command.number(1) or 0
        case (0 | 1 | 2) as mode:
            # Choosing again, even the same, starts a new search.
            modem.operator_mode = mode
            radio.start_search(modem, now)
        case _:
            return Reply(cme=SYNTAX_ERROR)
    return OK


def cgatt(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        return line(f"+CGATT: {int(modem.attached and radio.registered(modem, now, packet=True))}")
    if command.op == "=":
        modem.attached = command.number() == 1
        if not modem.attached:
            calls.drop_all(modem, now)
            power.heal(modem, "hang_up", now)
        elif not radio.registered(modem, now, packet=True):
            return Reply(cme=30)
    return OK


def cgdcont(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        rows = (
            f'+CGDCONT: {cid},"{kind}","{apn}","",0,0' for cid, (kind, apn) in sorted(modem.contexts.items())
        )
        text = "\n".join(rows)
        return line(text) if text else OK
    cid = command.number()
    if command.op != "=" or cid is None or not 1 <= cid <= 16:
        return Reply(cme=SYNTAX_ERROR)
    modem.counters["context_writes"] += 1
    if len(command.args) == 1:
        modem.contexts.pop(cid, None)
        return OK
    kind = command.args[1].upper()
    if kind not in ("IP", "IPV6", "IPV4V6", "PPP"):
        return Reply(cme=SYNTAX_ERROR)
    modem.contexts[cid] = (kind, command.args[2] if len(command.args) > 2 else "")
    return OK


def cgact(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "?":
        rows = "\n".join(
            f"+CGACT: {cid},{int(cid in calls.active_contexts(modem))}" for cid in sorted(modem.contexts)
        )
        return line(rows) if rows else OK
    if command.op == "=" and command.number() == 0:
        calls.drop_all(modem, now, cid=command.number(1))
        power.heal(modem, "hang_up", now)
    return OK


def cgpaddr(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    cid = command.number() or 1
    address = modem.network.address if cid in calls.active_contexts(modem) else "0.0.0.0"
    return line(f'+CGPADDR: {cid},"{address}"')


def ceer(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    return line(f"+CEER: {modem.last_cause}")


def cgdata(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    if command.op == "=?":
        return line('+CGDATA: ("PPP")')
    calls.dial(modem, port, f"*99***{command.number(1) or 1}#", now)
    return Reply(final="")


COMMANDS: dict[str, Handler] = {
    "E": echo, "V": verbose, "Q": quiet, "Z": reset, "&F": defaults, "&D": dtr_action, "D": dial,
    "H": hang_up, "O": online, "X": accept, "L": accept, "M": accept, "&C": accept, "&K": accept,
    "&S": accept, "&W": accept, "+FCLASS": accept, "+IFC": accept, "+ICF": accept, "+IPR": accept,
    "+CMEE": cmee, "+CFUN": cfun, "+CPIN": cpin, "+CLCK": clck, "+CREG": registration,
    "+CGREG": registration, "+CEREG": registration, "+COPS": cops, "+CGATT": cgatt,
    "+CGDCONT": cgdcont, "+CGACT": cgact, "+CGPADDR": cgpaddr, "+CEER": ceer, "+CGDATA": cgdata,
    "^RESET": restart, "+CMGF": texts.cmgf, "+CMGS": texts.cmgs,
}  # fmt: skip


def execute(modem: "SimModem", port: "Port", command: Command, now: float) -> Reply:
    """Run one command: a fault's refusal, else a text of the vendor or of all, else the table above."""
    if command.name == "+CPIN" and command.op == "=":
        modem.counters["puk_attempts" if len(command.args) > 1 else "pin_attempts"] += 1
    refused = modem.faults.refuse.get(command.name)
    if refused is not None:
        return Reply(final=refused) if isinstance(refused, str) else Reply(cme=refused)
    profile = modem.profile
    if command.name in profile.lacks:
        return ERROR
    answer = profile.answers.get(command.key) or COMMON.get(command.key)
    if answer is not None:
        if answer.needs and (code := radio.sim_error(modem, answer.needs, now)) is not None:
            return Reply(cme=code)
        if command.key == profile.flood_stop:
            modem.flooding = False
        return line(answer.text.format(**modem.facts(now)))
    if command.name.startswith("S") and command.name[1:].isdecimal():
        return line("000") if command.op == "?" else OK
    if command.name in COMMANDS:
        return COMMANDS[command.name](modem, port, command, now)
    if command.op == "=?" and (command.name in profile.answers or command.name in COMMON):
        return OK
    if command.name in profile.accepts:
        if command.key == profile.flood_stop:
            modem.flooding = False
        return OK
    return ERROR
