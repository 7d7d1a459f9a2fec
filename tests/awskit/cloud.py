"""All of AWS that a house with a name needs, in one program: ``python -m tests.awskit.cloud SETTINGS``.

The API over HTTP (:mod:`.endpoint`), health checkers (:mod:`.checkers`), the zone's name servers and a
recursor (:mod:`.authority`), CloudWatch, and the real ``ping`` function on its schedule.  Needs the standard
library and botocore, ``lambda/`` on PYTHONPATH, and a namespace in which it may have its addresses.  It says
``ready PORT`` and ends with its standard input.

SETTINGS is a JSON file; besides what :func:`tests.awskit.endpoint.seed` takes, and all of it may be missing:

    zone, zone_id                     example.com, Z1
    endpoint   ["192.0.2.70", 80]     where the API is
    authority  ["192.0.2.61", …]      where the zone's name servers are
    recursor   ["192.0.2.53", …]      where a resolver for everybody is
    dns_port   53
    name_servers {"ns1.…": "192.0.2.61"}   what the zone's NS record says, and where they are
    elsewhere  {"*": "198.51.100.80"}      addresses of other names
    sources    ["198.51.100.1", …]    where checkers ask from
    pace, floor, dice                 how fast time runs (checkers.Pace), and a seed for chance
    propagation  5                    seconds (of AWS) until the name servers know a change
    ping       {"endpoints": […]}     the event of the ping function, with URLs and names
    ping_region, namespace            eu-central-1, Failberry/Ping
    ping_period  60                   seconds (of AWS) between two runs of it

The kit's further paths: GET /kit/health (verdicts and their history, runs of ping), and POST /kit/resolve
with ["name", "A"].
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from ping import handler as ping

from tests.awskit.alarms import Metrics
from tests.awskit.authority import Authority, Recursor, serve
from tests.awskit.checkers import Checkers, Pace
from tests.awskit.endpoint import Endpoint, account
from tests.awskit.strict import RefusalError
from tests.awskit.web import serve as serve_http

Document = dict[str, Any]

_PING_SECONDS, _PING_PAUSE, _PING_TIMEOUT = 25.0, 1.0, 5.0
"""Of the real function, which are made shorter as time runs faster."""


class Cloud:
    """One account, and everything that acts upon it; built from the settings above."""

    def __init__(self, settings: Document) -> None:
        self.settings = settings
        self.pace = Pace(factor=settings.get("pace", 1.0), floor=settings.get("floor", 0.0))
        self.api = account(_with_name_servers(settings))
        self.metrics = Metrics(time.monotonic)
        self._records = list(self.api.records.values())
        self._pings = 0
        self.checkers = Checkers(
            checks=self.api.checks,
            resolve=self._addresses,
            metrics=self.metrics,
            pace=self.pace,
            sources=settings.get("sources", ()),
            dice=Random(settings.get("dice")),  # noqa: S311 -- no secret
        )
        self.authority = Authority(self.api.zone, lambda: self._records, self.checkers.healthy)
        self.recursor = Recursor(
            self.authority,
            elsewhere={**settings.get("elsewhere", {}), **settings.get("name_servers", {})},
            pace=self.pace.factor,
        )
        self.endpoint = Endpoint(
            self.api,
            services={"route53": self._route53, "monitoring": self._monitoring},
            errands={
                "health": lambda _: self.checkers.view() | {"pings": self._pings},
                "resolve": self._resolve,
                "records": self._change_records,
            },
        )

    async def run(self) -> None:
        """Serve until the standard input ends."""
        loop, settings = asyncio.get_running_loop(), self.settings
        host, port = settings.get("endpoint", ["127.0.0.1", 0])
        http = await serve_http(self.endpoint, host, port)
        dns_port = settings.get("dns_port", 53)
        await serve(self.authority, settings.get("authority", ()), dns_port, recursive=False)
        await serve(self.recursor, settings.get("recursor", ()), dns_port, recursive=True)
        self.checkers.arrange()
        over = loop.run_in_executor(None, sys.stdin.read)
        pinging = loop.create_task(self._ping_for_ever())
        print(f"ready {http.sockets[0].getsockname()[1]}", flush=True)
        await over
        pinging.cancel()
        http.close()

    # --- the API ------------------------------------------------------------------------------------

    def _route53(self, _: str, operation: str, parameters: Document) -> Document:
        match operation:
            case "test_dns_answer":
                return self._test_dns_answer(**parameters)
            case "get_health_check_status":
                return self._observations(**parameters)
        answer = self.api.call(operation, parameters)
        if operation == "change_resource_record_sets":
            delay = self.pace.span(self.settings.get("propagation", 5.0))
            asyncio.get_running_loop().call_later(delay, self._propagate, list(self.api.records.values()))
        # Whoever works on a check that was changed shall know of it.
        asyncio.get_running_loop().call_soon(self.checkers.arrange)
        return answer

    def _change_records(self, changes: list[Document]) -> None:
        batch = {"HostedZoneId": self.api.zone_id, "ChangeBatch": {"Changes": changes}}
        self._route53("", "change_resource_record_sets", batch)

    def _propagate(self, records: list[Document]) -> None:
        self._records = records

    def _test_dns_answer(self, *, HostedZoneId: str, RecordName: str, RecordType: str, **_: str) -> Document:  # noqa: N803
        self.api.get_hosted_zone(Id=HostedZoneId)
        answer = self.authority.lookup(RecordName.lower().removesuffix("."), RecordType)
        return {
            "Nameserver": next(iter(self.settings.get("name_servers", {})), "ns.example"),
            "RecordName": RecordName,
            "RecordType": RecordType,
            "RecordData": [each.value for each in answer.records if each.type == RecordType],
            "ResponseCode": {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}[answer.code],
            "Protocol": "UDP",
        }

    def _observations(self, *, HealthCheckId: str) -> Document:  # noqa: N803
        if HealthCheckId not in self.api.checks:
            raise RefusalError("NoSuchHealthCheck", HealthCheckId)
        opinions = self.checkers.opinions.get(HealthCheckId, {})
        seen = [
            {"Region": place.rpartition("-")[0], "StatusReport": {"Status": each.words}}
            for place, each in opinions.items()
        ]
        return {"HealthCheckObservations": seen}

    def _monitoring(self, region: str, operation: str, parameters: Document) -> Document:
        match operation:
            case "put_metric_data":
                self.metrics.put(region, parameters["Namespace"], parameters["MetricData"])
                return {}
            case "describe_alarms":
                return self.api.describe_alarms(region, {"AlarmNames": [], **parameters})
        raise AttributeError(operation)

    # --- names --------------------------------------------------------------------------------------

    def _addresses(self, name: str) -> list[str]:
        # Checkers resolve anew for each question, and IPv4 only.
        answer = self.authority.lookup(name.lower().removesuffix("."), "A")
        return [each.value for each in answer.records if each.type == "A"]

    def _resolve(self, question: list[str]) -> Document:
        answer = self.authority.lookup(*question)
        return {
            "code": answer.code,
            "records": [[each.name, each.type, each.ttl, each.value] for each in answer.records],
        }

    # --- the ping function --------------------------------------------------------------------------

    async def _ping_for_ever(self) -> None:
        event = self.settings.get("ping")
        if event is None:
            return
        period = self.pace.span(self.settings.get("ping_period", 60.0))
        timeout = self.pace.patience(_PING_TIMEOUT)
        event = {"endpoints": [{"timeout": timeout, **each} for each in event["endpoints"]]}
        while True:
            following = asyncio.get_running_loop().time() + period
            await asyncio.to_thread(
                ping.run,
                event,
                put=self._put,
                namespace=self.settings.get("namespace", "Failberry/Ping"),
                seconds=self.pace.patience(_PING_SECONDS),
                pause=self.pace.span(_PING_PAUSE),
            )
            self._pings += 1
            await asyncio.sleep(following - asyncio.get_running_loop().time())

    def _put(self, namespace: str, figures: Any) -> None:
        self.metrics.put(self.settings.get("ping_region", "eu-central-1"), namespace, figures)


def _with_name_servers(settings: Document) -> Document:
    names = settings.get("name_servers")
    if not names:
        return settings
    values = [{"Value": f"{each}."} for each in names]
    apex = {
        "Name": settings.get("zone", "example.com"),
        "Type": "NS",
        "TTL": 172800,
        "ResourceRecords": values,
    }
    return {**settings, "records": [apex, *settings.get("records", [])]}


def main() -> None:
    asyncio.run(Cloud(json.loads(Path(sys.argv[1]).read_text())).run())


if __name__ == "__main__":
    main()
