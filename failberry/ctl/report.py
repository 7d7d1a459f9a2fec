"""``failberryctl report``: one file for somebody who helps, without secrets; nothing is sent anywhere."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from failberry.adapters import sources
from failberry.adapters.inspection import Places
from failberry.ctl import ATTENTION, CONFIG_FILE, OK
from failberry.ctl.commands import refuse
from failberry.ctl.doctor import Daemon, lines, look
from failberry.ctl.style import Style, clean
from failberry.ctl.words import count
from failberry.doctor.diagnose import diagnose
from failberry.doctor.document import document
from failberry.report.bundle import Bundle, Source, bundle, packed
from failberry.units import size


def run(arguments: SimpleNamespace, places: Places | None = None) -> int:
    """Gather, redact, write."""
    now = time.time()
    output = arguments.output or time.strftime("failberry-report-%Y%m%d-%H%M%S.tar.gz", time.localtime(now))
    try:
        # Made first: what takes a minute to gather shall not be lost to a folder that cannot be written.
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        return refuse(f"{clean(output)} cannot be written: {error.strerror}. Name another file by -o.")
    with os.fdopen(file, "wb") as opened:
        made = gather(arguments, places or Places(config=Path(arguments.config or CONFIG_FILE)))
        os.fchmod(opened.fileno(), 0o600)
        octets = packed(made, now=now)
        opened.write(octets)
    _tell(arguments, output, made, len(octets))
    return ATTENTION if made.redacted.left_out else OK


def gather(arguments: SimpleNamespace, places: Places) -> Bundle:
    """Everything, redacted."""
    if not arguments.json and os.geteuid() != 0:
        print("Only root may see all of it: put `sudo` in front for more.", file=sys.stderr)
    seen = look(arguments, places)
    diagnosis = diagnose(seen)
    style = Style(width=80, utf8=True)
    found = [
        Source(
            name="doctor.txt",
            about="what `failberryctl doctor` found",
            text="\n".join(lines(diagnosis, style)),
        ),
        Source(
            name="doctor.json", about="the same for programs", text=json.dumps(document(diagnosis), indent=1)
        ),
        *sources.sources(Daemon(arguments.socket), seen.config, places.config),
    ]
    return bundle(found, sources.secrets(seen.config, places.config, places.root))


def _tell(arguments: SimpleNamespace, output: str, made: Bundle, octets: int) -> None:
    cleaned = made.redacted
    if arguments.json:
        told = {
            "version": 1,
            "file": output,
            "files": list(made.files),
            "redacted": dict(cleaned.counts),
            "left_out": list(cleaned.left_out),
        }
        print(json.dumps(told, indent=2))
        return
    style = Style.of(sys.stdout, os.environ)
    taken = sum(cleaned.counts.values())
    text = [
        *style.wrap(f"{clean(output)}: {count(len(made.files), 'file', 'files')}, {size(octets)}."),
        *style.wrap(
            f"{count(taken, 'value was', 'values were')} taken out: secrets, numbers of SIM and modem, "
            "telephone "
            "numbers, keys, public addresses, the last halves of hardware addresses.",
        ),
        *style.wrap(f"Nothing was sent anywhere. Look through it before you do: `tar -xzf {output}`"),
        "",
        *(f"  {name}" for name in made.files),
    ]
    if cleaned.left_out:
        text += ["", *style.wrap(f"Left out, to be safe: {', '.join(cleaned.left_out)}.")]
    print("\n".join(text))
