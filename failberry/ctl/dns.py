"""``failberryctl dns``: the house's name in Route 53, planned, applied, looked at, given back.

Route 53 is asked by the child that holds the AWS keys (:mod:`failberry.dns.errand`), the name servers from
here, the daemon by its own socket.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tomllib
from collections.abc import Callable
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

from failberry.config import Config
from failberry.control import client
from failberry.core.snapshot import NameState
from failberry.ctl import ATTENTION, CONFIG, CONFIG_FILE, OK, UNREACHABLE, USAGE, child, nameservers
from failberry.ctl.commands import refuse
from failberry.ctl.dnsscreen import (
    Standing,
    cost_lines,
    faults,
    note_lines,
    plan_lines,
    server_faults,
    status_lines,
    verify_lines,
)
from failberry.ctl.nameservers import House
from failberry.ctl.style import Style, clean
from failberry.ctl.words import config_problems
from failberry.dns.costs import costs
from failberry.dns.desired import Desired
from failberry.dns.messages import (
    ApplyRequest,
    DestroyRequest,
    DoneResult,
    KeptAddress,
    PlanRequest,
    PlanResult,
    StatusRequest,
    StatusResult,
    encode,
)
from failberry.dns.wish import wished
from failberry.errors import AdapterError, ConfigError

Kept = tuple[KeptAddress, ...]
Look = Callable[[House], tuple[list[nameservers.Told], str]]


class _StopError(Exception):
    """Told already; holds the exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def run(arguments: SimpleNamespace, look: Look = nameservers.look) -> int:
    """Do one of the commands; ``look`` asks the name servers."""
    return guarded(lambda: _run(arguments, look))


def guarded(command: Callable[[], int]) -> int:
    """Say it where a command cannot be done, and return what that means as an exit code."""
    try:
        return command()
    except _StopError as stop:
        return stop.code
    except child.ChildError as error:
        _say(str(error))
        return UNREACHABLE
    except AdapterError as error:
        _say(f"Route 53, {error.reason}: {error.evidence}")
        return ATTENTION


def _run(arguments: SimpleNamespace, look: Look) -> int:
    match arguments.words:
        case "dns plan":
            return _plan(arguments)
        case "dns apply":
            return _apply(arguments)
        case "dns destroy":
            return _destroy(arguments)
        case "dns verify":
            return _verify(arguments, look)
        case _:
            return _status(arguments, look)


def configuration(arguments: SimpleNamespace) -> Config:
    """The file, which holds the secret paths of the health checks; stops where it cannot be used."""
    from failberry import configfile  # late: it is large

    path = arguments.config or CONFIG_FILE
    try:
        return configfile.load(path)
    except ConfigError as error:
        if os.geteuid() != 0 and not os.access(path, os.R_OK):
            raise _StopError(
                refuse(f"Only root may do that: `sudo failberryctl {arguments.words}`")
            ) from None
        print(config_problems(error, style=Style.of(sys.stderr, os.environ)), file=sys.stderr)
        raise _StopError(CONFIG) from None


def wish(arguments: SimpleNamespace) -> Desired:
    """What the file wishes; stops where it wishes nothing."""
    told = wished(configuration(arguments))
    if told is None:
        raise _StopError(nameless(arguments))
    return told


def nameless(arguments: SimpleNamespace) -> int:
    """Say that the file names no house."""
    _say(f"{arguments.config or CONFIG_FILE} has no [dns]: it names no house. See docs/howto/dns.md.")
    return CONFIG


# --- plan, apply, destroy ------------------------------------------------------------------------


def _plan(arguments: SimpleNamespace) -> int:
    wanted = wish(arguments)
    plan, _ = _planned(arguments, wanted, _kept(arguments))
    _show(arguments, wanted, plan)
    return ATTENTION if plan.problems else OK


def _planned(arguments: SimpleNamespace, wanted: Desired, kept: Kept) -> tuple[PlanResult, str]:
    nonce = secrets.token_hex(6)
    request = PlanRequest(wish=wanted, nonce=nonce, adopt=arguments.adopt, kept=kept)
    return child.ask(arguments.child, request, PlanResult, tell=progress), nonce


def _show(arguments: SimpleNamespace, wanted: Desired, plan: PlanResult) -> None:
    price = costs(wanted)
    if arguments.json:
        _print_json({"plan": encode(plan), "costs": _costs(wanted)})
        return
    style = Style.of(sys.stdout, os.environ)
    print("\n".join([*plan_lines(plan, style), "", *cost_lines(price, style)]))


def _costs(wanted: Desired) -> dict[str, Any]:
    from dataclasses import asdict

    price = costs(wanted)
    return asdict(price) | {"total": asdict(price.total)}


def _apply(arguments: SimpleNamespace) -> int:
    wanted = wish(arguments)
    if (code := _may_not_ask(arguments)) is not None:
        return code
    kept = _kept(arguments)
    plan, nonce = _planned(arguments, wanted, kept)
    if not arguments.json:
        _show(arguments, wanted, plan)
    if plan.problems or not plan.steps:
        if arguments.json:
            _print_json({"plan": encode(plan), "changes": 0, "left": 0})
        return ATTENTION if plan.problems else OK
    if not _agreed(arguments, "carry it out"):
        return refuse("Nothing was changed.")
    request = ApplyRequest(
        wish=wanted, nonce=nonce, fingerprint=plan.fingerprint, adopt=arguments.adopt, kept=kept
    )
    done = child.ask(arguments.child, request, DoneResult, tell=progress)
    # The word of the API is not enough: what is there now is read again.
    after, _ = _planned(arguments, wanted, kept)
    left = len(after.steps) + len(after.problems)
    if arguments.json:
        _print_json({"plan": encode(plan), "changes": done.changes, "left": left})
    elif left:
        style = Style.of(sys.stdout, os.environ)
        print("\n".join(["Done, and yet this is left:", *plan_lines(after, style)]))
    else:
        print("Done. Planned again: nothing is left to change.")
    return ATTENTION if left else OK


def _destroy(arguments: SimpleNamespace) -> int:
    wanted = wish(arguments)
    if (code := _may_not_ask(arguments)) is not None:
        return code
    kept = _kept(arguments)
    request = PlanRequest(wish=wanted, nonce="destroy", removal=True, kept=kept)
    plan = child.ask(arguments.child, request, PlanResult, tell=progress)
    if not arguments.json:
        style = Style.of(sys.stdout, os.environ)
        nothing = ["Nothing of ours is there.", *note_lines(plan, style)]
        print("\n".join(plan_lines(plan, style) if plan.steps else nothing))
    if plan.problems:
        return ATTENTION
    changes = 0
    if plan.steps:
        if not _agreed(arguments, "give the zone back"):
            return refuse("Nothing was changed.")
        done = DestroyRequest(wish=wanted, fingerprint=plan.fingerprint, kept=kept)
        changes = child.ask(arguments.child, done, DoneResult, tell=progress).changes
    if arguments.json:
        _print_json({"plan": encode(plan), "changes": changes})
    elif changes:
        print_wrapped(
            "Done. The zone is as it was found. While [dns] stands in the configuration, a running daemon "
            "writes the lines' own names again: take it out, then `sudo failberryctl reload`."
        )
    return OK


def _may_not_ask(arguments: SimpleNamespace) -> int | None:
    """The exit code, if nobody could say yes to what will be shown."""
    if arguments.yes:
        return None
    if arguments.json:
        print("--json asks nothing: it goes with --yes.", file=sys.stderr)
        return USAGE
    return None


def _agreed(arguments: SimpleNamespace, what: str) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        print("Nobody is here to say yes. Scripts give --yes.", file=sys.stderr)
        return False
    try:
        return input(f"Type yes to {what}: ").strip() == "yes"
    except EOFError:
        print()
        return False


# --- status, verify ------------------------------------------------------------------------------


def _verify(arguments: SimpleNamespace, look: Look) -> int:
    house, fixed = _house(arguments)
    told, problem = look(house)
    standing = Standing(house=house, servers=told, no_servers=problem, fixed=fixed)
    wrong = list(server_faults(standing))
    if arguments.json:
        _print_json(_servers(standing) | {"problems": wrong})
    else:
        print("\n".join(verify_lines(standing, Style.of(sys.stdout, os.environ))))
    return ATTENTION if wrong else OK


def _status(arguments: SimpleNamespace, look: Look) -> int:
    house, fixed = _house(arguments)
    told, problem = look(house)
    api, no_api = _from_api(arguments)
    names, no_names = _from_daemon(arguments)
    standing = Standing(
        house=house,
        servers=told,
        no_servers=problem,
        api=api,
        no_api=no_api,
        names=names,
        no_names=no_names,
        may_not=child.needs_root(),
        fixed=fixed,
    )
    wrong = faults(standing)
    if arguments.json:
        beside = {"api": None if api is None else encode(api), "daemon": names}
        _print_json(_servers(standing) | beside | {"problems": wrong})
    else:
        print("\n".join(status_lines(standing, Style.of(sys.stdout, os.environ))))
    return ATTENTION if wrong else OK


def _servers(standing: Standing) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": standing.house.name,
        "zone": standing.house.zone,
        "servers": [asdict(each) for each in standing.servers],
    }


def _from_api(arguments: SimpleNamespace) -> tuple[StatusResult | None, str]:
    if child.needs_root():
        return None, "not asked, for only root may: put `sudo` in front"
    try:
        request = StatusRequest(wish=wish(arguments))
        return child.ask(arguments.child, request, StatusResult, tell=progress), ""
    except (AdapterError, child.ChildError) as error:
        return None, getattr(error, "evidence", str(error))


def _from_daemon(arguments: SimpleNamespace) -> tuple[dict[str, Any] | None, str]:
    try:
        document = client.call(arguments.socket, "GetStatus")["status"]
    except (client.UnreachableError, client.RefusedError) as error:
        stopped = isinstance(error, client.UnreachableError) and error.stopped
        return None, "failberryd is not running" if stopped else f"failberryd could not be asked: {error}"
    names = document.get("names") if isinstance(document, dict) else None
    return (names, "") if isinstance(names, dict) else (None, "failberryd publishes nothing")


def _kept(arguments: SimpleNamespace) -> Kept:
    """What the daemon says that it keeps at the lines' names: the only witness of what it wrote there."""
    names, _ = _from_daemon(arguments)
    return tuple(
        KeptAddress(name=each["name"], address=ip_address(address))
        for each in (names or {}).get("lines", ())
        if each["state"] == NameState.PUBLISHED
        for address in each["addresses"]
    )


def _house(arguments: SimpleNamespace) -> tuple[House, dict[str, tuple[str, ...]]]:
    """The names, from the file or from the daemon, which may be asked by more people."""
    path = arguments.config or CONFIG_FILE
    if arguments.config is None and not os.access(path, os.R_OK):
        dns = tomllib.loads(client.call(arguments.socket, "ShowConfig")["toml"]).get("dns")
        if dns is None:
            raise _StopError(refuse("failberryd has no [dns] in its configuration."))
        lines = {"wired": dns["wired_name"], "cellular": dns["cellular_name"]}
        return House(zone=dns["zone"], name=dns["name"], lines=lines), {}
    wanted = wish(arguments)
    by_line = {"wired": wanted.wired, "cellular": wanted.cellular}
    return House(
        zone=wanted.zone, name=wanted.name, lines={line: each.name for line, each in by_line.items()}
    ), {line: tuple(map(str, each.addresses)) for line, each in by_line.items()}


def progress(text: str) -> None:
    """Tell what is about to be done, beside the output."""
    _say(text)


def print_wrapped(text: str) -> None:
    """Print a paragraph."""
    print("\n".join(Style.of(sys.stdout, os.environ).wrap(clean(text))))


def _say(text: str) -> None:
    print("\n".join(Style.of(sys.stderr, os.environ).wrap(clean(text))), file=sys.stderr, flush=True)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, default=str))
