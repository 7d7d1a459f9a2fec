"""Sentences that are said in more than one place, by ``failberryctl`` and by the daemon."""

from __future__ import annotations

from failberry.ctl import UNIT
from failberry.ctl.style import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.errors import ConfigError


def sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def count(number: int, one: str, many: str) -> str:
    """``1 thing``, ``2 things``."""
    return f"{number} {one if number == 1 else many}"


def config_problems(error: ConfigError, *, style: Style | None = None) -> str:
    """All that is wrong with a configuration, each with its place and its cure, for people."""
    style = style or Style(utf8=False)
    problems = count(len(error.problems), "problem", "problems")
    lines = style.wrap(f"{clean(error.path)} cannot be used: {problems}.")
    for each in error.problems:
        place = ", ".join(filter(None, (f"line {each.line}" if each.line is not None else "", each.key)))
        lines += ["", *style.wrap(clean(f"{place}: {each.problem}" if place else each.problem), first="  ")]
        lines += style.wrap(clean(each.hint), first=f"  {style.arrow} ", rest="    ") if each.hint else []
    return "\n".join(lines)


def unreachable(path: str, error: Exception, *, style: Style) -> str:
    """Why the daemon could not be asked, and what to do."""
    start, journal = f"`sudo systemctl start {UNIT}`", f"`journalctl -u {UNIT} -n 30`"
    cures = [f"Start it: {start}", f"See why it stopped: {journal}"]
    match error:
        case FileNotFoundError():
            what = f"failberryd is not running: there is no socket {path}."
        case ConnectionRefusedError():
            what = f"failberryd is not running: nobody listens on {path}."
        case PermissionError():
            what = f"You may not ask failberryd: {path} is for root and the group failberry."
            cures = ["Join the group, then log in again: `sudo usermod -aG failberry $USER`"]
            cures += ["Or ask as root: put `sudo` in front."]
        case TimeoutError():
            what = f"failberryd does not answer on {path}: {error}. It may be stuck."
            cures = [f"See what it does: {journal}", f"Start it anew: `sudo systemctl restart {UNIT}`"]
        case _:
            what = f"failberryd could not be asked on {path}: {error}."
            cures = [
                "It may be stopping just now, or have too many callers: try again.",
                f"Look at {journal}",
            ]
    lines = style.wrap(clean(what))
    for cure in cures:
        lines += style.wrap(cure, first=f"  {style.arrow} ", rest="    ")
    if not isinstance(error, PermissionError):
        lines += style.wrap("What it set up last stays in place, so traffic may well still flow.")
    return "\n".join(lines)
