"""failberryctl(1), from the declarations of the command line.

``python -m failberry.ctl.manpage`` prints what ``docs/man/failberryctl.1`` holds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from failberry.ctl import CHILD, CONFIG_FILE, EXIT_CODES
from failberry.ctl.arguments import COMMANDS, COMMON, OPTIONS

DATE = "November 2026"
_MORE = {
    "failover force": "`--for 2h` ends it by itself; `failover force auto` at once.",
    "doctor": "Everything is looked at once: power supply, modem, SIM, APN, address, routing, packet "
    "filters of other "
    "programs, neighbours, names, clock, disk, units, AWS. Each finding says what is wrong, where, what was "
    "seen, and the cure; a healthy house gives none. Over the mobile line goes one question for a name, "
    "and where "
    "[dns] is configured some kilobytes to our function at AWS.",
    "report": "The file is a gzipped tar of plain texts: status, events, configuration, the doctor's "
    "findings, "
    "journal, network, USB and kernel log. Secrets, numbers of SIM and modem, telephone numbers, keys, "
    "public "
    "addresses and the last halves of hardware addresses are replaced, in every disguise; the same value "
    "has the "
    "same placeholder everywhere. Look through it before you give it away.",
    "modem redial": "Like the next two it tells how it goes until the mobile line is up; Ctrl-C ends the "
    "watching, "
    "not the work.",
    "modem power-cycle": "It is refused if something else would lose its power, unless `--force` is given.",
    "modem disable-cdrom": "This may make the stick useless.",
    "dns plan": "The costs are told a month, in dollars and in megabytes of each line.",
    "dns apply": "It carries out exactly the plan that was shown, and plans again. Records of others "
    "that `--adopt` "
    "replaces come back with `dns destroy`.",
    "aws deploy": "It carries out exactly the changes that were shown. With `--rotate-key` there is a "
    "new key beside "
    "the old one, which the next deployment takes away.",
    "aws doctor": "The exit status is 1 if anything needs attention.",
}
"""What is to be said besides the purpose."""


def page() -> str:
    """The whole page (man(7))."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield f'.TH FAILBERRYCTL 1 "{DATE}" "Failberry" "User commands"'
    yield '.\\" Generated: python3 -m failberry.ctl.manpage'
    yield ".SH NAME"
    yield "failberryctl \\- ask and steer failberryd"
    yield ".SH SYNOPSIS"
    yield ".B failberryctl"
    for name, details in COMMON:
        yield f".RB [ {_plain(name)}"
        yield f".IR {details.get('metavar') or '|'.join(details['choices'])} ]"
    yield ".I COMMAND"
    yield ".SH DESCRIPTION"
    yield ".B failberryctl"
    yield "tells which line carries the house and why, and gives the daemon its orders."
    yield "Members of the group"
    yield ".B failberry"
    yield "may look; what changes something is for root."
    yield ".SH COMMANDS"
    for words, purpose in COMMANDS.items():
        yield ".TP"
        yield _synopsis(words)
        yield _sentence(purpose)
        if words in _MORE:
            yield _text(_MORE[words])
        for name, details in OPTIONS.get(words, ()):
            yield ".RS"
            yield ".TP"
            yield _option(name, details)
            yield _sentence(str(details.get("help", "")) % {"default": details.get("default", "")})
            yield ".RE"
    yield ".SH OPTIONS"
    for name, details in COMMON:
        yield ".TP"
        yield _option(name, details)
        yield _sentence(str(details["help"]))
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield ".TP"
        yield f".B {code}"
        yield _sentence(meaning)
    yield ".SH FILES"
    for place, about in ((CONFIG_FILE, "What the owner can say."), (CHILD, "Where failberry-dns is asked.")):
        yield ".TP"
        yield f".I {_plain(place)}"
        yield about
    yield ".SH SEE ALSO"
    yield ".BR failberryd (8)"


def _synopsis(words: str) -> str:
    parts = [f"\\fB{_plain(words)}\\fP"]
    for name, details in OPTIONS.get(words, ()):
        value = _value(name, details)
        if not name.startswith("-"):
            optional = details.get("nargs") == "?"
            parts.append(f"[{value}]" if optional else value)
            continue
        told = f"\\fB{_plain(name)}\\fP{f' {value}' if value else ''}"
        parts.append(told if details.get("required") else f"[{told}]")
    return " ".join(parts)


def _option(name: str, details: Mapping[str, Any]) -> str:
    value = _value(name, details)
    if not name.startswith("-"):
        return value
    return f"\\fB{_plain(name)}\\fP{f' {value}' if value else ''}"


def _value(name: str, details: Mapping[str, Any]) -> str:
    if details.get("action") not in (None, "append"):
        return ""
    if details.get("choices") and not details.get("metavar"):
        return "|".join(f"\\fB{each}\\fP" for each in details["choices"])
    return f"\\fI{_plain(str(details.get('metavar') or name))}\\fP"


def _sentence(text: str) -> str:
    return _text(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")


def _text(text: str) -> str:
    """Plain text as roff reads it: `commands` in bold, no line that begins like a request."""
    marked = re.sub(r"`([^`]+)`", lambda found: f"\\fB{found[1]}\\fP", text.replace("\\", "\\e"))
    marked = marked.replace("-", "\\-").replace("…", "...").replace("’", "\\(cq")
    return f"\\&{marked}" if marked[:1] in ".'" else marked


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


if __name__ == "__main__":
    sys.stdout.write(page())
