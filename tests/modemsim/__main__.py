"""Run the simulated modem on ttys.

    python3 -m tests.modemsim --pty --link-dir /tmp/modem --ppp none --control /tmp/modem.sock
    python3 -m modemsim --ports /dev/ttyGS0,/dev/ttyGS1,/dev/ttyGS2,/dev/ttyGS3 --bus /run/stick.sock \
        --profile zte_mf180 --control /run/modemsim.sock --state /var/lib/modemsim.json --netns carrier \
        --address 100.64.7.2 --peer 100.64.7.1 --dns 192.0.2.53

When it is ready it prints one JSON line with the paths of its ports and of its control socket.
"""

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .bus import Bus
from .control import ControlServer
from .loop import Loop
from .modem import SimModem
from .profiles import PROFILES, Role
from .wires import PtyEnd, TtyEnd, Wire


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modemsim", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--ports", help="ttys to sit on, comma-separated, in the order of the USB interfaces")
    where.add_argument("--pty", action="store_true", help="make a pseudo terminal for each port")
    parser.add_argument("--link-dir", type=Path, help="with --pty: keep links ttyUSB0 … to them here")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="zte_mf180")
    parser.add_argument("--roles", help="what the ports are, instead of the profile's: mute,at,modem,…")
    parser.add_argument("--config", default="{}", help="fields of Sim, Network and Faults: JSON, or its file")
    parser.add_argument("--control", type=Path, help="unix socket to be told things on")
    parser.add_argument("--state", type=Path, help="file that keeps the SIM's tries and the contexts")
    parser.add_argument("--bus", type=Path, help="unix socket of the program that plays the USB half")
    parser.add_argument("--ppp", default="pppd", help='the carrier\'s pppd; "none": data calls go nowhere')
    parser.add_argument(
        "--ppp-log", type=Path, help="where that pppd's messages go (default: standard error)"
    )
    parser.add_argument("--netns", default="", help="network namespace of the carrier")
    parser.add_argument("--address", help="given to the host")
    parser.add_argument("--peer", help="the carrier's end")
    parser.add_argument("--dns", help="servers given to the host, comma-separated")
    parser.add_argument("--seed", type=int, default=0, help="of the garbage")
    return parser


def _modem(options: argparse.Namespace) -> SimModem:
    profile = PROFILES[options.profile]
    if options.roles:
        profile = dataclasses.replace(profile, roles=tuple(Role(role) for role in options.roles.split(",")))
    if options.ports and len(options.ports.split(",")) < len(profile.roles):
        profile = dataclasses.replace(profile, roles=profile.roles[: len(options.ports.split(","))])
    modem = SimModem(profile, seed=options.seed)
    text = options.config
    fields = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
    fields |= {name: value for name in ("address", "peer", "dns") if (value := getattr(options, name))}
    modem.change(fields, 0.0)
    if options.state is not None and options.state.exists():
        modem.restore(json.loads(options.state.read_text()))
    return modem


def main() -> None:
    """Read the options, and run until SIGTERM or SIGINT."""
    parser = _options()
    options = parser.parse_args()
    try:
        modem = _modem(options)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    pppd = "" if options.ppp == "none" else shutil.which(options.ppp)
    if pppd is None:
        parser.error(f"no {options.ppp} here; install ppp, or use --ppp none")
    if options.link_dir is not None:
        options.link_dir.mkdir(parents=True, exist_ok=True)
    if options.pty:
        folder = options.link_dir
        ends: Sequence[PtyEnd | TtyEnd] = [
            PtyEnd(link=folder and folder / f"ttyUSB{number}") for number in range(len(modem.ports))
        ]
    else:
        ends = [TtyEnd(path=path) for path in options.ports.split(",")][: len(modem.ports)]
    loop = Loop(
        modem=modem,
        wires=[Wire(number=number, end=end) for number, end in enumerate(ends)],
        ppp=pppd,
        netns=options.netns,
        log=2 if options.ppp_log is None else options.ppp_log.open("ab"),
        control=ControlServer(options.control) if options.control is not None else None,
        bus=Bus(options.bus) if options.bus is not None else None,
        state_file=options.state,
    )

    def started() -> None:
        ready = {
            "ports": [wire.end.path for wire in loop.wires],
            "control": options.control and str(options.control),
        }
        print(json.dumps(ready), flush=True)

    try:
        loop.run(started=started)
    except ConnectionError as error:
        sys.exit(f"modemsim: {options.bus}: {error}")


if __name__ == "__main__":
    main()
