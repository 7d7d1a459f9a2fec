"""``failberryctl usb``: the bus as a tree, and where the modem's power is cut."""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace

from failberry.control import client
from failberry.ctl import CONFIG_FILE, OK
from failberry.ctl.hardware import HUB_PATIENCE, plan_lines
from failberry.ctl.screen import view
from failberry.ctl.style import Style
from failberry.ctl.words import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from failberry.control.answers import UsbDeviceView, UsbView

_SWITCHING = {
    "per-port": "switches each port by itself",
    "ganged": "switches all ports together",
    "none": "does not switch power",
    "unknown": "does not tell whether it switches power",
}


def run(arguments: SimpleNamespace) -> int:
    """Print the tree; without a daemon it is read here."""
    try:
        document = client.call(arguments.socket, "GetUsb", patience=HUB_PATIENCE)["usb"]
    except client.UnreachableError as error:
        if not error.stopped:
            raise
        print("failberryd is not running; this is what can be seen without it.", file=sys.stderr)
        document = _look(arguments.config or CONFIG_FILE)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(lines(view(document), Style.of(sys.stdout, os.environ))))
    return OK


def lines(usb: UsbView, style: Style) -> list[str]:
    """The tree for people."""
    text = [usb.model, ""] if usb.model else []
    for device in usb.devices:
        text += _device(device, style)
    if not usb.devices:
        text.append("There is no USB bus.")
    if usb.problem:
        text += ["", *style.wrap(f"Not asked how they switch power: {usb.problem}.")]
    if usb.power is None:
        words = "It is not known where the modem is: plug it in, or name the place as modem.usb_path."
        return [*text, "", *style.wrap(words)]
    return [*text, "", *plan_lines(usb.power, style, force=False)]


def _device(device: UsbDeviceView, style: Style) -> list[str]:
    root = device.path.startswith("usb")
    indent = 0 if root else 2 * (1 + device.path.count("."))
    text = style.wrap(
        f"{device.path:{13 - indent}} {device.ids}  {device.product}",
        first=" " * indent,
        rest=" " * (indent + 4),
    )
    carries = [*device.ttys, *device.interfaces, *device.mounts]
    hub = (
        [f"{count(device.ports, 'port', 'ports')}, {_SWITCHING.get(device.switching, device.switching)}"]
        if device.ports
        else []
    )
    if hub and device.self_powered and not root:
        hub.append("has a supply of its own")
    facts = [
        "the modem" if device.modem else "",
        f"carries {' '.join(carries)}" if carries else "",
        "; ".join(hub),
        f"off for the modem: port {', '.join(map(str, device.cut))}" if device.cut else "",
    ]
    for fact in filter(None, facts):
        text += style.wrap(fact, first=" " * (indent + 4))
    return text


def _look(config: str) -> Any:
    import asyncio  # late, all: a daemon that runs does this for us

    from failberry import byhand
    from failberry.control.document import encode

    return encode(asyncio.run(byhand.look_alone(config)))
