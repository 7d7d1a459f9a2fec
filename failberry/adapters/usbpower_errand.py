"""Errands to the USB hubs: JSON requests on standard input, one a line, answered so on standard output.

The only importer of pyusb.  A script of its own, which :mod:`.usberrands` runs as a child with a deadline,
because the kernel answers when the drivers have let go of a device, which may be never; nothing of the daemon
is imported.  It ends with its input.  A request names its ``errand`` and the ``deadline`` in seconds, and

* ``switch``: ``on``, and the port: ``disable`` and ``authorized`` (paths in sysfs), ``bus`` and ``address``
  of its hub, ``port``.  Answer: ``on`` (as the hub says afterwards), ``way``.
* ``write``: ``path``, ``text``.  The answer is empty.
* ``hubs``: nothing more.  Answer: ``hubs``, what each says of itself.
* ``answers``: ``devices``, a list of bus and address.  Answer: ``answers``, whether each can be talked to.
* ``reset``: ``path`` of the device node.  The answer is empty.

Every answer may be a ``problem`` instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIBUSB = "libusb-1.0.so.0"
HUB_CLASS = 9
# USB 2.0 tables 11-15 to 11-17: requests to a hub, and to one of its ports.
GET_STATUS, CLEAR_FEATURE, SET_FEATURE, GET_DESCRIPTOR = 0, 1, 3, 6
OF_DEVICE, OF_HUB, OF_PORT, TO_PORT = 0x80, 0xA0, 0xA3, 0x23
PORT_POWER = 8
USB2_DESCRIPTOR, USB3_DESCRIPTOR = 0x2900, 0x2A00
USB2_POWER, USB3_POWER = 0x0100, 0x0200
"""The power bit of wPortStatus (USB 2.0 table 11-21, USB 3.2 table 10-13)."""
USB3 = 0x0300
TRANSFER_TIMEOUT = 1000
"""Milliseconds."""
INSISTENCE = 2.0
"""Seconds: a kernel that was not told takes a port without power for a fault, and powers it again."""
PAUSE = 0.02
USBDEVFS_RESET = ord("U") << 8 | 20
"""``_IO('U', 20)`` of linux/usbdevice_fs.h."""

Answer = dict[str, Any]


def serve(request: Any, *, backend: Any = None, insistence: float = INSISTENCE) -> Answer:
    """Do what is asked; every failure of the world is in the answer.

    ``backend`` is pyusb's (``usb.backend.IBackend``), by default libusb 1.0.
    """
    try:
        match request["errand"]:
            case "switch":
                return switch(request, backend=backend, insistence=insistence)
            case "write":
                write(request["path"], request["text"])
                return {}
            case "reset":
                reset(request["path"])
                return {}
            case "answers":
                return {"answers": [answers(bus, address, backend) for bus, address in request["devices"]]}
            case _:
                return {"hubs": [describe(hub) for hub in hubs(backend)]}
    except ImportError as error:
        return {"problem": f"pyusb is not there ({error}); install the package python3-usb"}
    except (OSError, ValueError) as error:
        # What pyusb raises for a transfer that failed is an OSError, for a missing library a ValueError.
        return {"problem": words(error)}


def switch(request: Any, *, backend: Any, insistence: float) -> Answer:
    """Switch one port by the kernel, and where that fails by asking its hub."""
    evidence = "the kernel has no switch for it"
    if request["disable"]:
        try:
            write(request["disable"], "0" if request["on"] else "1")
            # Read from the hub itself (drivers/usb/core/port.c, disable_show).
            return {"on": read(request["disable"]) == "0", "way": "the kernel"}
        except OSError as error:
            evidence = f"the kernel's switch: {words(error)}"
    try:
        return {"on": ask(request, backend=backend, insistence=insistence), "way": "its hub"}
    except (OSError, ValueError) as error:
        raise ValueError(f"{evidence}; its hub: {words(error)}") from error


def ask(request: Any, *, backend: Any, insistence: float) -> bool:
    """Have the hub switch its port; answers whether the port has power then.

    The kernel knows nothing of it: so the drivers are taken off first, and "off" is said again and again.
    """
    hub, port = _hub(request, backend), request["port"]
    if request["on"]:
        hub.ctrl_transfer(TO_PORT, SET_FEATURE, PORT_POWER, port, None, TRANSFER_TIMEOUT)
        return powered(hub, port)
    # Absent where no device is; and whether or not the drivers let go of one, the power goes.
    with contextlib.suppress(OSError):
        write(request["authorized"], "0")
    end = time.monotonic() + insistence
    while True:
        hub.ctrl_transfer(TO_PORT, CLEAR_FEATURE, PORT_POWER, port, None, TRANSFER_TIMEOUT)
        if time.monotonic() >= end:
            return powered(hub, port)
        time.sleep(PAUSE)


def _hub(request: Any, backend: Any) -> Any:
    for hub in hubs(backend):
        if (hub.bus, hub.address) == (request["bus"], request["address"]):
            return hub
    raise ValueError("there is no such hub on the bus any more")


def hubs(backend: Any) -> Iterator[Any]:
    """Every hub, root hubs too."""
    return find(backend, bDeviceClass=HUB_CLASS)


def find(backend: Any, **wanted: int) -> Iterator[Any]:
    """Every device like that, as pyusb sees it."""
    import usb.backend.libusb1
    import usb.core

    # By its name rather than by find_library(), which runs ldconfig.
    backend = backend or usb.backend.libusb1.get_backend(find_library=lambda _: LIBUSB)
    if backend is None:
        raise ValueError("libusb 1.0 is not there; install the package libusb-1.0-0")
    yield from usb.core.find(find_all=True, backend=backend, **wanted) or ()


def answers(bus: int, address: int, backend: Any) -> bool:
    """Whether a device has power enough to tell its status (USB 2.0 section 9.4.5).

    The kernel may keep one on its books that is long dark: a hub need not tell of what it switched off.
    """
    for device in find(backend, bus=bus, address=address):
        with contextlib.suppress(OSError):
            return len(device.ctrl_transfer(OF_DEVICE, GET_STATUS, 0, 0, 2, TRANSFER_TIMEOUT)) == 2
    return False


def describe(hub: Any) -> Answer:
    """What a hub says of itself, and the status of each of its ports (wPortStatus)."""
    told: Answer = {"bus": hub.bus, "address": hub.address, "superspeed": hub.bcdUSB >= USB3}
    kind, length = (USB3_DESCRIPTOR, 12) if told["superspeed"] else (USB2_DESCRIPTOR, 9)
    try:
        text = whole(hub.ctrl_transfer(OF_HUB, GET_DESCRIPTOR, kind, 0, length, TRANSFER_TIMEOUT), 7)
        told |= {"ports": text[2], "characteristics": text[3] | text[4] << 8, "power_good": text[5]}
        told["status"] = [status(hub, port) for port in range(1, text[2] + 1)]
    except (OSError, ValueError) as error:
        told["problem"] = words(error)
    return told


def status(hub: Any, port: int) -> int:
    """Return wPortStatus."""
    text = whole(hub.ctrl_transfer(OF_PORT, GET_STATUS, 0, port, 4, TRANSFER_TIMEOUT), 4)
    return int(text[0]) | int(text[1]) << 8


def whole(text: Any, length: int) -> Any:
    """Return it if it has as many bytes as a hub must give."""
    if len(text) < length:
        raise ValueError(f"it answered {len(text)} bytes instead of {length}")
    return text


def powered(hub: Any, port: int) -> bool:
    """Whether the hub says that it gives power to this port."""
    return bool(status(hub, port) & (USB3_POWER if hub.bcdUSB >= USB3 else USB2_POWER))


def reset(path: str) -> None:
    """Have the kernel reset a device: it keeps its address, and its drivers start anew."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, USBDEVFS_RESET, 0)
    finally:
        os.close(descriptor)


def write(path: str, text: str) -> None:
    """Write an attribute of sysfs in one piece; never makes a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(path: str) -> str:
    """Read an attribute of sysfs."""
    return Path(path).read_text(encoding="ascii").strip()


def words(error: OSError | ValueError) -> str:
    """What went wrong, without Python's decoration."""
    return str(getattr(error, "strerror", None) or error)


def main(serve: Callable[[Any], Answer] = serve) -> None:
    """Do one errand after the other."""
    for line in sys.stdin:
        request = json.loads(line)
        # Should the daemon be gone before it can end us.
        signal.setitimer(signal.ITIMER_REAL, request["deadline"])
        sys.stdout.write(json.dumps(serve(request)) + "\n")
        sys.stdout.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()
