"""Whether questions that are meant for a line leave by it, and whether their answers may come in.

The kernel is asked; nothing is sent.  Each of the problems has made other products call a dead line alive,
or one that works dead.
"""

from __future__ import annotations

from pathlib import Path

from failberry.adapters.netlink import Netlink
from failberry.adapters.pinned import Line
from failberry.core.actions import ProvePinning
from failberry.core.events import PinningProved
from failberry.core.facts import Address
from failberry.errors import AdapterError

_SETTINGS = Path("/proc/sys/net/ipv4/conf")
_STRICT = 1


async def prove_pinning(action: ProvePinning, netlink: Netlink, settings: Path = _SETTINGS) -> PinningProved:
    """Ask as our sockets would: by device, mark and source.  Never raises."""
    line = Line(interface=action.interface)
    try:
        source = line.source(action.target)
        leaves = await netlink.leaves_by(
            action.target, source=source, mark=line.mark, interface=action.interface
        )
        problem = _astray(action, line, leaves) or await _strict(action, netlink, source, settings)
    except OSError as failure:
        problem = f"{line.unsent(failure)}; see `ip address show dev {action.interface}`"
    except AdapterError as failure:
        problem = f"the kernel could not be asked about {action.interface}: {failure}"
    return PinningProved(deed=action.deed, problem=problem)


def _astray(action: ProvePinning, line: Line, leaves: str | None) -> str:
    if leaves == action.interface:
        return ""
    asked = f"`ip route get {action.target} oif {action.interface} mark {line.mark:#x}`"
    cure = "see `ip rule` for a rule of another program before ours (20100 to 20700), and remove it"
    if leaves is None:
        return (
            f"{action.interface} has no route to {action.target} for what is marked as the {action.line} "
            f"line's ({asked}): look for its gateway with `ip route show dev {action.interface}`, and {cure}"
        )
    return (
        f"questions for the {action.line} line would leave by {leaves} instead of {action.interface} "
        f"({asked}): {cure}"
    )


async def _strict(action: ProvePinning, netlink: Netlink, source: Address, settings: Path) -> str:
    """Look whether the kernel would drop the answer, because it would send to its sender by another line.

    Reverse path filter (Documentation/networking/ip-sysctl.rst, rp_filter): the larger of "all" and the
    interface's own value counts; the way is sought without mark, unless src_valid_mark says otherwise.
    """
    if action.target.version != 4 or _rp_filter(settings, action.interface) != _STRICT:
        return ""
    back = await netlink.leaves_by(action.target, source=source)
    if back == action.interface:
        return ""
    return (
        f"rp_filter is strict on {action.interface}, and the way back to {action.target} is "
        f"{back or 'none'}, so that the kernel drops what comes in on {action.interface}: write "
        f"net.ipv4.conf.{action.interface.replace('.', '/')}.rp_filter = 2 into a file in /etc/sysctl.d, and "
        "restart failberryd"
    )


def _rp_filter(settings: Path, interface: str) -> int:
    values = [0]
    for each in ("all", interface):
        try:
            values.append(int((settings / each / "rp_filter").read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return max(values)
