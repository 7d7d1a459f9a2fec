"""Talk to a running simulator.

    python3 -m tests.modemsim.ctl --control PATH get [state|counters|log|history]
    python3 -m tests.modemsim.ctl --control PATH set registration=roaming silent=true apns=direct,internet
    python3 -m tests.modemsim.ctl --control PATH power_cycle off_for=3
    python3 -m tests.modemsim.ctl --control PATH power_off | power_on | usb_reset | switch_mode | clear
    python3 -m tests.modemsim.ctl --control PATH hang_up graceful=true
    python3 -m tests.modemsim.ctl --control PATH urc text='+ZUSIMR:2'
    python3 -m tests.modemsim.ctl --control PATH stick port=2
    python3 -m tests.modemsim.ctl --control PATH dtr port=2 up=false

Exit status: 0 done, 1 refused or no simulator there.
"""

import argparse
import json
import socket
import sys
from typing import Any

DEADLINE = 10.0


def request(path: str, op: str, **fields: object) -> dict[str, Any]:
    """Send one request and return the answer. OSError where nobody answers, ValueError when refused."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(path)
        connection.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline() or b'{"ok": false, "error": "no answer"}')
    if not answer.pop("ok"):
        raise ValueError(answer["error"])
    return answer


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> int:
    """One request from the command line."""
    parser = argparse.ArgumentParser(
        prog="modemsim.ctl", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--control", required=True)
    parser.add_argument("op")
    parser.add_argument("words", nargs="*", metavar="NAME=VALUE")
    options = parser.parse_args()
    fields = dict(word.split("=", 1) for word in options.words if "=" in word)
    # The simulator itself knows how to read its own fields from text: a PIN is not a number.
    values = fields if options.op == "set" else {name: _value(text) for name, text in fields.items()}
    try:
        answer = request(options.control, options.op, **values)
    except (OSError, ValueError) as error:
        print(f"modemsim.ctl: {options.control}: {error}", file=sys.stderr)
        return 1
    if options.op == "get":
        sections = [word for word in options.words if word in answer]
        print(json.dumps(answer[sections[0]] if sections else answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
