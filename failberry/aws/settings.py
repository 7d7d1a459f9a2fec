"""The configuration as `failberryctl aws` needs it: with [dns], but perhaps not yet with its url."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from failberry import configfile
from failberry.adapters.pinned import Line
from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.snapshot import UplinkName
from failberry.errors import ConfigError, Problem
from failberry.naming import Dns
from failberry.notifying import Via

_UNKNOWN = "https://unknown.invalid/"
"""Stands for the address that is known only once the functions are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that names the house."""

    config: Config
    dns: Dns

    def lines(self) -> dict[UplinkName, Line]:
        """Both lines, as sockets know them."""
        wired = Line(interface=self.config.wired.interface)
        return {UplinkName.WIRED: wired, UplinkName.CELLULAR: Line(interface=MOBILE_INTERFACE)}


def load(path: str | os.PathLike[str]) -> Settings:
    """Read the file; a missing dns.url is no fault here.  Raises ConfigError."""
    config = read(path)
    if config.dns is None:
        problem = Problem(
            key="dns",
            line=None,
            problem="is missing, and says what to set up at AWS",
            hint="write a section [dns]: zone, name, wired_name and cellular_name",
        )
        raise ConfigError(os.fspath(path), (problem,))
    return Settings(config=config, dns=config.dns)


def read(path: str | os.PathLike[str]) -> Config:
    """Read a file that may have no [dns]; else as :func:`load`."""
    try:
        return configfile.load(path)
    except ConfigError as error:
        if {each.key for each in error.problems} != {"dns.url"}:
            raise
        return _without_url(path, error)


def topics(config: Config) -> tuple[str, ...]:
    """The ARNs of the topics of SNS by which people are told."""
    return tuple(each.to for each in config.receiver if each.via is Via.SNS)


def _without_url(path: str | os.PathLike[str], error: ConfigError) -> Config:
    document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    if document["dns"].get("url"):
        # There is one, and it is wrong.
        raise error
    document["dns"]["url"] = _UNKNOWN
    config = configfile.config_from_mapping(document, path=os.fspath(path))
    assert config.dns is not None, "it was just read"  # noqa: S101
    return replace(config, dns=replace(config.dns, url=""))
