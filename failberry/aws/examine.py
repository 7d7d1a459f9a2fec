"""Asks everybody what the doctor has to know: AWS, our function over each line, the Pi's key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from failberry.adapters.pinned import Line
from failberry.aws import archive, layout
from failberry.aws.evidence import Checkers, Evidence, Reflection, Silence, Trial
from failberry.aws.functions import Functions
from failberry.aws.keyfile import KeyFile
from failberry.aws.keys import SECRET_BYTES, KeyPlan, plan_keys
from failberry.aws.reflector import Key, Reflector
from failberry.aws.session import Session
from failberry.aws.settings import Settings
from failberry.aws.stack import Stack, Stacks
from failberry.aws.zone import find, find_zone_id
from failberry.config import HEALTH_PORT
from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired
from failberry.dns.records import Found
from failberry.dns.register import is_of_pair, line_of
from failberry.dns.wish import alarm_name
from failberry.errors import AdapterError
from failberry.naming import Publisher

_FIGURES = 600.0
"""Seconds for which a figure of the ping function counts."""
_CONTENT = "Success"
"""How a checker's report begins that was answered well."""


class Examination:
    """One look at everything.  Raises AdapterError only where without an answer there is nothing to see."""

    def __init__(
        self,
        settings: Settings,
        desired: Desired,
        aws: Session,
        *,
        key_file: KeyFile,
        lines: Mapping[UplinkName, Line],
        reflector: Callable[[str], Reflector] = Reflector,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._dns, self._health = settings.dns, settings.config.health
        self._desired, self._aws, self._key_file = desired, aws, key_file
        self._lines, self._reflector, self._wall = lines, reflector, wall
        self._functions = Functions(aws, region=self._dns.region, stack=self._dns.stack)

    def look(self) -> Evidence:
        """Ask them all, one after the other."""
        dns = self._dns
        stack = Stacks(self._aws, region=dns.region, name=dns.stack).find()
        made = stack is not None and stack.is_made
        url, auth = self._functions.url() if made else ("", "")
        found = self._records()
        local = self._local()
        reflections, trials = self._ask_lines(url or dns.url, local)
        return Evidence(
            stack=stack,
            parameters=self._parameters(stack),
            outdated=self._functions.outdated(archive.read().digest) if made else (),
            url=url,
            auth=auth,
            statements=tuple(self._functions.statements()) if made else (),
            keys=self._keys(local),
            has_key=isinstance(local, str),
            reflections=reflections,
            trials=trials,
            found=found,
            figures={line: self._figure(line) for line in layout.pinged(dns)},
            checkers=self._checkers(found),
        )

    def _parameters(self, stack: Stack | None) -> Mapping[str, str]:
        before = {} if stack is None else stack.parameters
        zone_id = self._dns.zone_id or find_zone_id(self._aws, self._dns.zone)
        return layout.parameters(self._dns, self._health, zone_id=zone_id, before=before, chosen={})

    def _local(self) -> str | Silence | None:
        try:
            return self._key_file.read()
        except AdapterError as error:
            return Silence(*_told(error))

    def _keys(self, local: str | Silence | None) -> KeyPlan | Silence | None:
        hosts = sorted(layout.written_by(self._dns, Publisher.LAMBDA).values())
        if not hosts:
            return None
        if isinstance(local, Silence):
            return local
        try:
            return plan_keys(
                name=self._dns.key_name,
                hosts=hosts,
                found=self._functions.keys(),
                local=local,
                fresh=secrets.token_hex(SECRET_BYTES),
                rotate=False,
                place=self._key_file.path,
            )
        except AdapterError as error:
            return Silence(*_told(error))

    def _ask_lines(
        self, url: str, local: str | Silence | None
    ) -> tuple[dict[UplinkName, Reflection | Silence], dict[UplinkName, Trial | Silence]]:
        if not url:
            return {}, {}
        reflector = self._reflector(url)
        reflections = {line: reflector.reflect(socket) for line, socket in self._lines.items()}
        trials = {}
        for line, host in layout.written_by(self._dns, Publisher.LAMBDA).items():
            seen = reflections[line]
            if isinstance(seen, Reflection) and isinstance(local, str):
                # Only at this port does the function ask back.
                asked = layout.port_of(self._dns, line) == HEALTH_PORT
                trials[line] = reflector.try_update(
                    self._lines[line],
                    Key(name=self._dns.key_name, secret=bytes.fromhex(local)),
                    host,
                    seen,
                    probe=layout.path_of(self._health, line) if asked else "",
                )
        return reflections, trials

    def _records(self) -> Found | Silence:
        try:
            return find(self._aws, self._desired)
        except AdapterError as error:
            return Silence(*_told(error))

    def _figure(self, line: UplinkName) -> float | Silence | None:
        now = datetime.fromtimestamp(self._wall(), UTC)
        wanted = {
            "Namespace": layout.NAMESPACE,
            "MetricName": layout.METRIC,
            "Dimensions": [{"Name": "Endpoint", "Value": alarm_name(self._dns.stack, line)}],
            "StartTime": now - timedelta(seconds=_FIGURES),
            # Times are told in whole seconds, and the end does not count.
            "EndTime": now + timedelta(seconds=60),
            "Period": 60,
            "Statistics": ["Maximum"],
        }
        try:
            told = self._aws.ask(
                "cloudwatch",
                "get_metric_statistics",
                wanted,
                f"reading the pings of the {line} line",
                region=self._dns.region,
            )
        except AdapterError as error:
            return Silence(*_told(error))
        newest = max(told["Datapoints"], key=lambda each: each["Timestamp"], default=None)
        return None if newest is None else float(newest["Maximum"])

    def _checkers(self, found: Found | Silence) -> dict[UplinkName, Checkers | Silence]:
        if isinstance(found, Silence):
            return {}
        used = {each.check for each in found.records if is_of_pair(each, self._desired.owner)}
        told = {}
        for check in found.checks:
            line = line_of(check, self._desired.owner)
            if line is None or check.id not in used:
                continue
            if not isinstance(self._desired.line(line).check, AlarmCheck):
                told[line] = self._status(check.id, line)
        return told

    def _status(self, check: str, line: UplinkName) -> Checkers | Silence:
        place = f"reading the health check of the {line} line"
        try:
            told = self._aws.ask("route53", "get_health_check_status", {"HealthCheckId": check}, place)
        except AdapterError as error:
            return Silence(*_told(error))
        reports = [
            str(each.get("StatusReport", {}).get("Status", "")) for each in told["HealthCheckObservations"]
        ]
        sorry = [each for each in reports if not each.startswith(_CONTENT)]
        return Checkers(
            content=len(reports) - len(sorry), asked=len(reports), example=sorry[0][:200] if sorry else ""
        )


def _told(error: AdapterError) -> tuple[str, str]:
    """What is wrong, and the cure, which comes last in every evidence of an adapter."""
    words, _, cure = error.evidence.rpartition("; ")
    return (words, cure) if words else (error.evidence, "")
