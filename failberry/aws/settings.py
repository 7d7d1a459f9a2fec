"""The configuration as `failberryctl aws` needs it: with [dns], but perhaps not yet with its url."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from failberry import configfile
from failberry.config import Config
from failberry.errors import ConfigError, Problem
from failberry.naming import Dns

_UNKNOWN = "https://unknown.invalid/"
"""Stands for the address that is known only once the functions are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that names the house."""

    config: Config
    dns: Dns


def load(path: str | os.PathLike[str]) -> Settings:
    """Read the file; a missing dns.url is no fault here.  Raises ConfigError."""
    try:
        config = configfile.load(path)
    except ConfigError as error:
        if {each.key for each in error.problems} != {"dns.url"}:
            raise
        config = _without_url(path, error)
    if config.dns is None:
        problem = Problem(
            key="dns",
            line=None,
            problem="is missing, and says what to set up at AWS",
            hint="write a section [dns]: zone, name, wired_name and cellular_name",
        )
        raise ConfigError(os.fspath(path), (problem,))
    return Settings(config=config, dns=config.dns)


def _without_url(path: str | os.PathLike[str], error: ConfigError) -> Config:
    document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    if document["dns"].get("url"):
        # There is one, and it is wrong.
        raise error
    document["dns"]["url"] = _UNKNOWN
    config = configfile.config_from_mapping(document, path=os.fspath(path))
    assert config.dns is not None, "it was just read"  # noqa: S101
    return replace(config, dns=replace(config.dns, url=""))
