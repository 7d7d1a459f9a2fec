"""What the page goes by: its part of the daemon's configuration.  Pure."""

from __future__ import annotations

import tomllib

from failberry.config import Config
from failberry.configread import Reading
from failberry.errors import ConfigError, Problem
from failberry.tomltext import dotted

OURS = ("mode", "wired", "lan", "web")
"""The rest is not even read: its secrets are not told, and without them it is no configuration."""


def config_of(toml: str) -> Config:
    """Read what ``ShowConfig`` told; everything but :data:`OURS` is the default.  Raises ConfigError."""
    document = tomllib.loads(toml)
    reading = Reading()
    config = reading.document({name: document[name] for name in OURS if name in document})
    if config is None:
        problems = (
            Problem(key=dotted(each.path), line=None, problem=each.problem, hint=each.hint)
            for each in reading.faults
        )
        raise ConfigError("the daemon's configuration", tuple(problems))
    return config
