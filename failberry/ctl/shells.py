"""Completion for bash, zsh and fish, from the declarations of the command line.

``python -m failberry.ctl.shells bash`` prints what ``etc/completion/`` holds.  Ready-made generators know two
of the three shells; this is one table and three ways to write it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from failberry.ctl.arguments import COMMANDS, COMMON, OPTIONS

_FILES = ("PATH", "FILE")
_HEAD = "# Completion of failberryctl(1) for {0}; generated: python3 -m failberry.ctl.shells {0}\n"
Taken = tuple[str, Mapping[str, Any]]


def taken(words: str) -> tuple[Taken, ...]:
    """What a command takes: its own, and what all take."""
    return (*OPTIONS.get(words, ()), *COMMON)


def paths() -> list[str]:
    """Every place on the command line where something follows: the top, groups, commands."""
    groups = [each.rpartition(" ")[0] for each in COMMANDS]
    return list(dict.fromkeys(["", *filter(None, groups), *COMMANDS]))


def below(path: str) -> dict[str, str]:
    """The words that may follow, each with what it does."""
    found = {}
    for words, purpose in COMMANDS.items():
        head, _, last = words.rpartition(" ")
        if head == path:
            found[last] = purpose
        elif words.startswith(f"{path} ".lstrip()) and words != path:
            group = words.removeprefix(f"{path} ".lstrip()).split(" ")[0]
            parts = [
                each.rpartition(" ")[2] for each in COMMANDS if each.startswith(f"{path} {group} ".lstrip())
            ]
            found.setdefault(group, f"{', '.join(parts)}")
    return found


def takes_value(details: Mapping[str, Any]) -> bool:
    """Whether a word follows it."""
    return details.get("action") in (None, "append")


def choices(path: str) -> list[str]:
    """Words that stand for themselves: not options."""
    return [
        each
        for name, details in OPTIONS.get(path, ())
        if name[0] != "-"
        for each in details.get("choices", ())
    ]


def wants_file(path: str) -> bool:
    """Whether a file may stand there that is no option's."""
    return any(name[0] != "-" and details.get("metavar") in _FILES for name, details in OPTIONS.get(path, ()))


def options(path: str) -> dict[str, str]:
    """Options that may stand there, each with its help."""
    found = {name: _help(details) for name, details in taken(path) if name.startswith("-")}
    return (
        found | {"--help": "show what this takes"} | ({"--version": "print the version"} if not path else {})
    )


def valued() -> dict[str, Mapping[str, Any]]:
    """Options that a word follows.  Raises ValueError: one name takes two kinds of words."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in paths():
        for name, details in taken(path):
            if not name.startswith("-") or not takes_value(details):
                continue
            if _kind(found.setdefault(name, details)) != _kind(details):
                raise ValueError(f"{name} takes different words in different commands")
    return found


def _kind(details: Mapping[str, Any]) -> tuple[object, bool]:
    return details.get("choices"), details.get("metavar") in _FILES


def _help(details: Mapping[str, Any]) -> str:
    return str(details.get("help", "")) % {"default": details.get("default", "")}


# --- bash ------------------------------------------------------------------------------------------


def bash() -> str:
    """For ``/usr/share/bash-completion/completions/failberryctl``."""
    return "\n".join([_HEAD.format("bash") + "# shellcheck shell=bash", *_bash(), ""])


def _bash() -> Iterator[str]:
    yield "_failberryctl() {"
    yield "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' skip='' word i"
    yield "    COMPREPLY=()"
    yield "    for ((i = 1; i < COMP_CWORD; i++)); do"
    yield "        word=${COMP_WORDS[i]}"
    yield "        if [[ -n $skip ]]; then skip=''; continue; fi"
    yield "        case $word in"
    yield f"            {'|'.join(valued())}) skip=1 ;;"
    yield "            -*) ;;"
    yield '            *) case "${at:+$at }$word" in'
    yield f"                {'|'.join(_quoted(each) for each in paths() if each)}) at=${{at:+$at }}$word ;;"
    yield "            esac ;;"
    yield "        esac"
    yield "    done"
    yield "    if [[ -n $skip ]]; then"
    yield "        case $prev in"
    for name, details in valued().items():
        if details.get("choices"):
            yield _bash_fill(f"            {name})", f"-W '{' '.join(details['choices'])}'") + " ;;"
        elif details.get("metavar") in _FILES:
            yield _bash_fill(f"            {name})", "-f") + " ;;"
    yield "        esac"
    yield "        return"
    yield "    fi"
    yield "    local words='' files=''"
    yield "    case $at in"
    for path in paths():
        words = " ".join([*below(path), *choices(path)])
        files = " files=1" if wants_file(path) else ""
        yield f"        {_quoted(path)})"
        yield f"            words='{words}'{files}"
        yield f"            if [[ $cur == -* ]]; then words='{' '.join(options(path))}' files=''; fi ;;"
    yield "    esac"
    yield _bash_fill("   ", '-W "$words"')
    yield _bash_fill("    [[ -z $files ]] ||", "-f", start=' -O "${#COMPREPLY[@]}"')
    yield "}"
    yield "complete -o filenames -F _failberryctl failberryctl"


def _bash_fill(before: str, words: str, *, start: str = "") -> str:
    """Offer what compgen makes of it."""
    return f'{before} mapfile -t{start} COMPREPLY < <(compgen {words} -- "$cur")'


def _quoted(path: str) -> str:
    return "'" + path + "'"


# --- zsh -------------------------------------------------------------------------------------------


def zsh() -> str:
    """For ``/usr/share/zsh/vendor-completions/_failberryctl``."""
    return "\n".join(["#compdef failberryctl", _HEAD.format("zsh"), *_zsh(), ""])


def _zsh() -> Iterator[str]:
    yield "local at='' skip='' word"
    yield "local -i i"
    yield "local -a commands options"
    yield "for (( i = 2; i < CURRENT; i++ )); do"
    yield "  word=${words[i]}"
    yield "  if [[ -n $skip ]]; then skip=''; continue; fi"
    yield "  case $word in"
    yield f"    ({'|'.join(valued())}) skip=1 ;;"
    yield "    (-*) ;;"
    yield '    (*) case "${at:+$at }$word" in'
    yield f"      ({'|'.join(_quoted(each) for each in paths() if each)}) at=${{at:+$at }}$word ;;"
    yield "    esac ;;"
    yield "  esac"
    yield "done"
    yield "if [[ -n $skip ]]; then"
    yield "  case ${words[CURRENT-1]} in"
    for name, details in valued().items():
        if details.get("choices"):
            yield f"    ({name}) compadd -- {' '.join(details['choices'])} ;;"
        elif details.get("metavar") in _FILES:
            yield f"    ({name}) _files ;;"
    yield "  esac"
    yield "  return"
    yield "fi"
    yield "case $at in"
    for path in paths():
        yield f"  ({_quoted(path)})"
        yield f"    commands=({' '.join(_zsh_word(name, about) for name, about in below(path).items())})"
        yield f"    options=({' '.join(_zsh_word(name, about) for name, about in options(path).items())})"
        if listed := choices(path):
            yield f"    [[ $PREFIX == -* ]] || compadd -- {' '.join(listed)}"
        if wants_file(path):
            yield "    [[ $PREFIX == -* ]] || _files"
        yield "    ;;"
    yield "esac"
    yield "if [[ $PREFIX == -* ]]; then _describe -o option options; else _describe command commands; fi"


def _zsh_word(name: str, about: str) -> str:
    return "'" + f"{name}:{about}".replace("'", "'\\''") + "'"


# --- fish ------------------------------------------------------------------------------------------


def fish() -> str:
    """For ``/usr/share/fish/vendor_completions.d/failberryctl.fish``."""
    return "\n".join([_HEAD.format("fish"), *_fish(), ""])


def _fish() -> Iterator[str]:
    yield "function __failberryctl_at"
    yield "    set -l at ''"
    yield "    set -l skip 0"
    yield "    for word in (commandline -opc)[2..-1]"
    yield "        if test $skip = 1"
    yield "            set skip 0"
    yield "            continue"
    yield "        end"
    yield "        switch $word"
    yield f"            case {' '.join(valued())}"
    yield "                set skip 1"
    yield "            case '-*'"
    yield "            case '*'"
    yield '                set -l there (string trim -- "$at $word")'
    yield f"                if contains -- $there {' '.join(_quoted(each) for each in paths() if each)}"
    yield "                    set at $there"
    yield "                end"
    yield "        end"
    yield "    end"
    yield '    test "$at" = "$argv[1]"'
    yield "end"
    yield "complete -c failberryctl -f"
    for path in paths():
        here = f"complete -c failberryctl -n '__failberryctl_at \"{path}\"'"
        for name, about in below(path).items():
            yield f"{here} -a {name} -d {_fish_word(about)}"
        for each in choices(path):
            yield f"{here} -a {each}"
        if wants_file(path):
            yield f"{here} -F"
        for name, details in taken(path):
            if name.startswith("-"):
                yield f"{here} {_fish_option(name, details)} -d {_fish_word(_help(details))}"


def _fish_option(name: str, details: Mapping[str, Any]) -> str:
    flag = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
    if not takes_value(details):
        return flag
    if details.get("choices"):
        return f"{flag} -x -a '{' '.join(details['choices'])}'"
    return f"{flag} -r -F" if details.get("metavar") in _FILES else f"{flag} -x"


def _fish_word(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


WRITERS = {"bash": bash, "zsh": zsh, "fish": fish}


def main(arguments: list[str]) -> int:
    """Print the completion of one shell."""
    if len(arguments) != 1 or arguments[0] not in WRITERS:
        sys.stderr.write(f"usage: python3 -m failberry.ctl.shells {'|'.join(WRITERS)}\n")
        return 64
    sys.stdout.write(WRITERS[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
