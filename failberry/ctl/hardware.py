"""Commands that touch the modem or the USB bus, or show how that would be done."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import ATTENTION, OK
from failberry.ctl.commands import refuse, request
from failberry.ctl.screen import view
from failberry.ctl.style import Style
from failberry.ctl.words import sentence
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.control.answers import AtAnswer, PowerPreview

HUB_PATIENCE = 75.0
"""Seconds for the daemon to ask all hubs, which waits while one of them is being switched."""
AT_PATIENCE = 45.0
"""Seconds for a command: its turn on the port, and the modem's answer."""


def redial(arguments: SimpleNamespace) -> int:
    """Hang up and dial again."""
    return _step(arguments, "redial", lambda: client.call(arguments.socket, "Redial"))


def reset(arguments: SimpleNamespace) -> int:
    """Restart the modem, or reset it on the bus."""
    rung = "usb_reset" if arguments.usb else "modem_reboot"
    return _step(arguments, rung, lambda: client.call(arguments.socket, "TakeStep", rung=rung))


def power_cycle(arguments: SimpleNamespace) -> int:
    """Cut the modem's power and give it again; or show what that would do."""
    if arguments.dry_run or arguments.json:
        return _power_plan(arguments)
    parameters = {"rung": "power_cycle", "force": arguments.force}
    return _step(
        arguments,
        "power_cycle",
        lambda: client.call(arguments.socket, "TakeStep", patience=HUB_PATIENCE, **parameters),
    )


def _step(arguments: SimpleNamespace, rung: str, call: Callable[[], object]) -> int:
    def ask() -> None:
        call()

    if arguments.no_wait:
        from failberry.ctl.follow import LATER  # late: as below

        return request(arguments, ask, done=f"Asked. {LATER}")
    from failberry.ctl.follow import follow  # late: few commands follow anything

    return request(arguments, lambda: follow(arguments, ask, rung=rung))


def _power_plan(arguments: SimpleNamespace) -> int:
    told: dict[str, Any] = {}

    def ask() -> None:
        told.update(client.call(arguments.socket, "GetPowerPlan", patience=HUB_PATIENCE)["power"])

    if (code := request(arguments, ask)) != OK:
        return code
    if arguments.json:
        print(json.dumps(told, indent=2))
    else:
        style = Style.of(sys.stdout, os.environ)
        print("\n".join(plan_lines(view(told), style, force=arguments.force)))
    return ATTENTION if _stands_against(view(told), force=arguments.force) else OK


def _stands_against(power: PowerPreview, *, force: bool) -> str:
    """Why the cycle would not be done; empty: it would."""
    return power.plan.impossible or ("" if force or power.forced else power.refusal)


def plan_lines(power: PowerPreview, style: Style, *, force: bool) -> list[str]:
    """What a power cycle would do, for people."""
    plan, against = power.plan, _stands_against(power, force=force)
    basis = {
        "configuration": "power.ports in the configuration",
        "board": "the table of Raspberry Pi boards",
        "hub": "what the hub says of itself, which need not be true",
    }
    lines = style.wrap(f"To cut the power of the modem at USB {plan.target}:")
    if plan.impossible:
        return [*lines, *style.wrap(f"not possible: {plan.impossible}", first="  ")]
    ports = ", ".join(f"{each.hub}:{each.port}" for each in plan.ports)
    lines += style.wrap(f"ports: {ports}", first="  ", rest="         ")
    lines += style.wrap(f"why:   {plan.words}", first="  ", rest="         ")
    lines += style.wrap(f"from:  {basis.get(plan.basis, plan.basis)}", first="  ", rest="         ")
    lines += ["", "Goes dark, too:" if plan.casualties else "Nothing else goes dark."]
    for each in plan.casualties:
        harm = f", which {each.harm}" if each.harm else ", no harm"
        lines += style.wrap(f"{each.usb_path} {each.product}{harm}", first="  ", rest="    ")
    lines.append("")
    if against:
        lines += style.wrap(f"It would be refused: {against}.")
        lines += style.wrap(
            "Do it all the same: `failberryctl modem power-cycle --force`", first=f"  {style.arrow} "
        )
        return lines
    why = "" if not power.refusal else " although it does harm, as it is forced"
    return lines + style.wrap(
        f"failberryd would hang up, switch off these ports for {duration(power.off_time)}{why}, see that the "
        "modem vanishes, switch them on in the reverse order, wait for the modem, and dial."
    )


def at(arguments: SimpleNamespace) -> int:
    """Send one AT command and print the answer."""
    told: dict[str, Any] = {}

    def ask() -> None:
        answer = client.call(arguments.socket, "SendCommand", patience=AT_PATIENCE, command=arguments.text)
        told.update(answer["answer"])

    if (code := request(arguments, ask)) != OK:
        return code
    if arguments.json:
        print(json.dumps(told, indent=2))
        return OK if told["ok"] else ATTENTION
    return _print_answer(view(told))


def _print_answer(answer: AtAnswer) -> int:
    for line in answer.lines:
        print(line)
    if answer.result:
        print(answer.result)
    if answer.meaning:
        print(sentence(answer.meaning).rstrip(".") + ".", file=sys.stderr)
    return OK if answer.ok else ATTENTION


def disable_cdrom(arguments: SimpleNamespace) -> int:
    """Take the stick's CD-ROM away for good, once it is really wanted."""
    style = Style.of(sys.stdout, os.environ)
    told: dict[str, Any] = {}

    def ask(**parameters: Any) -> None:
        answer = client.call(arguments.socket, "DisableCdrom", patience=AT_PATIENCE, **parameters)
        told.update(answer["cdrom"])

    if (code := request(arguments, ask)) != OK:
        return code
    cdrom = view(told)
    back = (
        f"{cdrom.back} is said to bring it back, which nobody has verified" if cdrom.back else "none is known"
    )
    for paragraph in (
        f"This sends {cdrom.command} to the stick {cdrom.product}. From its next start on it shows itself as "
        "a modem at once, and its CD-ROM with the drivers for Windows is gone.",
        "WARNING: this is written into the stick for good, and may turn it into a useless brick. Do it only "
        "if the stick often stays a CD-ROM after a start, and a power cycle does not help.",
        f"Way back: {back}.",
    ):
        print("\n".join([*style.wrap(paragraph), ""]))
    if not arguments.yes:
        if not sys.stdin.isatty():
            return refuse("Nothing was sent: nobody is here to say yes. Scripts give --yes.")
        if not _confirmed():
            return refuse("Nothing was sent.")
    if (code := request(arguments, lambda: ask(confirmed=True))) != OK:
        return code
    code = _print_answer(view(told["answer"]))
    if code == OK:
        print("It shows at the next start of the stick: `failberryctl modem power-cycle`, or pull it out.")
    return code


def _confirmed() -> bool:
    try:
        return input("Type yes to send it: ").strip() == "yes"
    except EOFError:
        print()
        return False
