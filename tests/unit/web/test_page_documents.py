"""Metrics, stories, columns, files: what is served, without a server."""

import ast
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import failberry
from failberry.control.document import encode
from failberry.core.snapshot import RouterView
from failberry.web import exposition, metrics, series, stories
from failberry.web.assets import FOLDER, Assets
from failberry.web.exchange import Asked
from failberry.web.metrics import METRICS, Heard, Kind
from failberry.web.site import TIMELINE
from tests.unit.ctl import lived
from tests.unit.ctl.scenarios import ALL_WELL, DIALLING

END = stories.Older(before=10**9, below=10**9)
ROOT = Path(failberry.__file__).parents[1]


def heard(status: object = ALL_WELL, *, lost: bool = False) -> Heard:
    return Heard(status=encode(status), lost=lost, seen={"failover": 2}, streams=3)  # type: ignore[arg-type]


def test_the_page_of_metrics_is_fresh() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    assert text == metrics.page(), "python3 -m failberry.web.metrics > docs/metrics.md"


def test_metrics_are_prometheus() -> None:
    beside = replace(ALL_WELL, router=RouterView(uses_us=True, standby_offered=True))
    text = exposition.text(heard(beside)).decode()
    names = set(re.findall(r"(?m)^# TYPE (\S+) ", text))
    assert names <= {each.name for each in METRICS}
    assert "failberry_daemon_reachable 1.0\n" in text
    assert 'failberry_line_active{line="cellular"} 1.0\n' in text
    assert 'failberry_line_state{line="cellular",state="up"} 1.0\n' in text
    assert 'failberry_events_total{kind="failover"} 2.0\n' in text
    told = {each.name: each for each in text_string_to_metric_families(text)}
    assert {name.removesuffix("_total") for name in names} == set(told)
    assert told["failberry_router_sends_here"].samples[0].value == 1.0
    assert "None" not in exposition.text(heard(DIALLING)).decode()


def test_a_daemon_that_is_away_has_no_figures() -> None:
    text = exposition.text(heard(lost=True)).decode()
    assert "failberry_daemon_reachable 0.0\n" in text
    assert "failberry_line" not in text


def test_names_follow_the_conventions() -> None:
    for each in METRICS:
        assert re.fullmatch(r"failberry_[a-z]+(_[a-z]+)*", each.name)
        assert (each.kind is Kind.COUNTER) == each.name.endswith("_total")
        assert each.text.endswith(".")
        assert not re.search(r"_(s|ms|us|ns|min|h|percent|kb|mb|minutes)(_|$)", each.name)


OF_PROMETHEUS = {"instance", "job"}
EXAMPLES = {"grafana-dashboard.json", "prometheus-rules.yaml"}


def possible(metric: metrics.Metric) -> dict[str, set[str]]:
    """The values that its labels have been seen with."""
    seen: dict[str, set[str]] = {name: set() for name in metric.labels}
    for status in (ALL_WELL, DIALLING):
        for labels, _ in metric.read(heard(status)):
            for name, value in labels.items():
                seen[name].add(value)
    return seen


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_use_metrics_and_labels_that_there_are(name: str) -> None:
    text = (ROOT / "docs/howto" / name).read_text().replace('\\"', '"')
    declared = {each.name: each for each in METRICS}
    used = re.findall(r"\b(failberry_[a-z_]+)(?:\{([^}]*)\})?", text)
    assert len(used) > 8, f"{name} uses few: this test looks in the wrong place"
    for metric, conditions in used:
        assert metric in declared, metric
        for label, sign, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', conditions):
            known = possible(declared[metric])
            assert label in known or label in OF_PROMETHEUS, f"{metric} has no label {label}"
            if sign == "=" and label in known:
                assert value in known[label], f"{metric} never has {label}={value}"
    labels = {each for metric, _ in used for each in declared[metric].labels} | OF_PROMETHEUS
    assert set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text)) <= labels
    assert set(re.findall(r"\b(?:by|on|ignoring) \((\w+)\)", text)) <= labels


def test_the_dashboard_of_grafana_is_whole() -> None:
    board = json.loads((ROOT / "docs/howto/grafana-dashboard.json").read_text())
    ids = [each["id"] for each in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["type"] in {"stat", "timeseries", "state-timeline", "gauge"}
        assert all(each["expr"] for each in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_stories_have_headlines_and_are_newest_first() -> None:
    events = json.loads(lived.document())["events"]
    chosen = [each for each in events if each["kind"] in TIMELINE]
    told, older = stories.turned(chosen, END, len(chosen) + 1)
    assert older is None
    assert [each["id"] for each in told] == sorted((each["id"] for each in told), reverse=True)
    (failover,) = [each for each in told if "the wired line broke" in each["headline"]]
    assert failover["sort"] == "failover"
    assert failover["events"][0]["subject"] == "wired"
    assert all(each["events"] for each in told)


def a_life(seed: int) -> list[dict[str, Any]]:
    """Many stories, of which some go on while others begin, and one all the time."""
    chance = random.Random(seed)  # noqa: S311
    sample = next(each for each in json.loads(lived.document())["events"] if each["kind"] == "verdict")
    open_ones: list[int] = []
    made = []
    for number in range(1, 900):
        begins = not open_ones or chance.random() < 0.5
        correlation = number if begins else chance.choice([1, *open_ones[-6:]])
        if begins:
            open_ones.append(number)
        made.append({**sample, "id": number, "correlation": correlation, "what": f"event {number}"})
    return made


@pytest.mark.parametrize("limit", [70, 150, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_all_that_is_kept_can_be_turned_back_to(limit: int, seed: int) -> None:
    life = a_life(seed)
    whole: dict[int, list[int]] = {}
    for event in life:
        whole.setdefault(event["correlation"], []).append(event["id"])
    seen: dict[int, list[int]] = {}
    place: stories.Older | None = END
    pages = 0
    while place is not None:
        events = [each for each in life if each["id"] < place.before][-limit:]
        heads = [
            each
            for number in stories.cut(events, limit)
            for each in life
            if each["correlation"] == number and each["id"] < events[0]["id"]
        ]
        told, older = stories.turned(events, place, limit, heads)
        assert len(told) <= stories.MOST
        assert [each["id"] for each in told] == sorted((each["id"] for each in told), reverse=True)
        for each in told:
            seen.setdefault(each["id"], [event["id"] for event in each["events"]])
        place = None if older is None else stories.Older.read(str(older))
        pages += 1
    assert pages > 5
    assert set(seen) == set(whole)
    for number, ids in seen.items():
        if len(whole[number]) <= stories.LONGEST:
            assert ids == whole[number]


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "1-2-3", "a-b", "9" * 20 + "-1", "1-2 "])
def test_a_place_that_is_none(text: str) -> None:
    assert stories.Older.read(text) is None


def test_columns_have_what_samples_had() -> None:
    sample = {
        "start": 60.0, "up": 60.0, "suspect": 0.0, "down": 0.0, "active": 60.0, "rtt": 20.04,
        "rtt_worst": None,
        "loss": 0.0, "loss_worst": 1.26, "dbm": -71.4, "received": 5, "sent": 6, "used": None,
    }  # fmt: skip
    told = series.columns({"step": 60, "samples": [sample, {**sample, "start": 120.0}]})
    assert told["start"] == [60, 120]
    assert told["rtt"] == [20.0, 20.0]
    assert told["rtt_worst"] == [None, None]
    assert told["dbm"] == [-71, -71]
    assert {len(each) for name, each in told.items() if name != "step"} == {2}


# --- the page's files ---


def test_the_page_is_small() -> None:
    size = sum(each.stat().st_size for each in FOLDER.iterdir())
    print(f"{size} bytes")
    assert size < 60_000


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    for each in FOLDER.iterdir():
        text = each.read_text()
        outside = set(re.findall(r"https?://[^\s\"'`]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not outside, f"{each.name}: {outside}"
        assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write)\b", text), (
            each.name
        )
    html = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\son[a-z]+=|\sstyle=|<script(?![^>]*\ssrc=)", html)
    named = set(re.findall(r"(?:src|href)=\"/([^\"]+)\"", html))
    assert named <= {each.name for each in FOLDER.iterdir()}


def test_a_file_is_sent_once() -> None:
    assets = Assets()
    first = assets.find(Asked(method="GET", path="/", peer="x"))
    assert first is not None
    assert first.kind.startswith("text/html")
    again = assets.find(Asked(method="GET", path="/index.html", peer="x", known=first.headers["ETag"]))
    assert again is not None
    assert (again.status, again.body) == (304, b"")
    for path in ("/../site.py", "/app.js/", "//etc/passwd", "/style.css%00"):
        assert assets.find(Asked(method="GET", path=path, peer="x")) is None


def test_only_the_server_knows_of_http() -> None:
    importers = {
        path.name
        for path in (ROOT / "failberry/web").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import) and "aiohttp" in ast.unparse(node).split()
    }
    assert importers == {"server.py"}
