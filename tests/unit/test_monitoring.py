"""Alert rules and the dashboard ask for metrics that there are, and alerts name promises that are made."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from api.http.metrics import told
from shared.db.standing import BLOCK_STATES, EXPORT_STATES, IMPORT_STATES, Standing
from shared.metrics import Metrics
from tests import promql

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docker/grafana/longshore.json").read_text())
RULES = yaml.safe_load((ROOT / "docker/prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
WORKERS = [*yaml.safe_load_all((ROOT / "docker/kubernetes/worker.yaml").read_text())]
PROMISES = {
    line.split("|")[1].strip()
    for line in (ROOT / "README.md").read_text().partition("| promise |")[2].partition("\n\n")[0].splitlines()
    if line.startswith("| ") and "---" not in line
}
STANDING = Standing(
    imports=dict.fromkeys(IMPORT_STATES, 0),
    blocks=dict.fromkeys(BLOCK_STATES, 0),
    exports=dict.fromkeys(EXPORT_STATES, 0),
    mails=0,
    oldest_started_import_seconds=0.0,
    oldest_mail_seconds=0.0,
    wanted_processes=0,
    is_on_maintenance=False,
)
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
SPAN = "$__rate_interval"  # of Grafana's own


def families() -> Iterator[Metric]:
    """All that is exported, with a series of each kind."""
    own = Metrics()
    own.requests.labels("PATCH", "/", "500")
    own.request_seconds.labels("PATCH", "/")
    yield from own.registry.collect()
    yield from told(STANDING, nudges=0, takes_bytes=True)


def exported() -> dict[str, dict[str, set[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for family in families():
        names = {family.name + suffix for suffix in SUFFIXES[family.type]}
        for sample in (each for each in family.samples if each.name in names):
            known = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                known.setdefault(label, set()).add(value)
    return found


EXPORTED = exported()


@dataclass(frozen=True)
class Asked:
    """An expression, and the labels that the words beside it use."""

    expression: str
    used: frozenset[str] = frozenset()


def expressions() -> list[Any]:
    """Of alerts, the dashboard and what KEDA scales by."""
    alerts = [
        pytest.param(Asked(rule["expr"], used(rule["annotations"], r"\$labels\.(\w+)")), id=rule["alert"])
        for rule in RULES
    ]
    [scaled] = [found["spec"]["triggers"] for found in WORKERS if found["kind"] == "ScaledObject"]
    return [
        *alerts,
        *panels(),
        *(pytest.param(Asked(each["metadata"]["query"]), id="KEDA") for each in scaled),
    ]


def panels() -> list[Any]:
    """The dashboard's expressions."""
    return [
        pytest.param(
            Asked(target["expr"].replace(SPAN, "5m"), used(target["legendFormat"], r"{{(\w+)}}")),
            id=f"{panel['title']} {target['refId']}",
        )
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]


def used(words: object, pattern: str) -> frozenset[str]:
    return frozenset(re.findall(pattern, str(words)))


@pytest.mark.parametrize("asked", expressions())
def test_each_expression_asks_for_what_is_exported_and_has_the_labels_that_are_used(asked: Asked):
    assert asked.used <= promql.labels(asked.expression, EXPORTED)


@pytest.mark.parametrize(
    "expression",
    [
        "max(longshore_imports)",
        "longshore_sweeps_total or up",
        '{__name__="longshore_sweeps_total"}',
        'longshore_unfinished_blocks{status="abandoned"}',
        'longshore_unfinished_blocks{state="lost"}',
        'longshore_imports_total{status=~"failed|lost"}',
        "sum by (outcome) (rate(longshore_retries_total[5m]))",
        "sum by (kind) (sum(rate(longshore_retries_total[5m])))",
        "histogram_quantile(0.9, sum(rate(longshore_batch_seconds_bucket[5m])))",
        "histogram_quantile(0.9, rate(longshore_batch_seconds_sum[5m]))",
        "longshore_maintenance > max(longshore_nudges)",
    ],
)
def test_an_expression_that_can_find_nothing_is_told(expression: str):
    with pytest.raises(promql.Misnamed):
        promql.labels(expression, EXPORTED)


@pytest.mark.parametrize(
    "expression", ["max(longshore_nudges", "rate(longshore_sweeps_total)", "sum(longshore_nudges[$span])"]
)
def test_what_is_no_promql_is_told(expression: str):
    with pytest.raises(ValueError):
        promql.labels(expression, EXPORTED)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_names_a_promise_and_tells_what_to_do(rule: dict[str, Any]):
    assert rule["labels"]["promise"] in PROMISES
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert all(rule["annotations"][name].strip() for name in ("summary", "advice"))


def test_the_page_names_the_promises_that_have_no_alert():
    page = (ROOT / "docker/WATCHING.md").read_text()

    watched = {rule["labels"]["promise"] for rule in RULES}

    assert {promise for promise in PROMISES if f"`{promise}`" in page} == PROMISES - watched


def test_what_has_not_happened_yet_is_told_as_zero():
    told = {(s.name, *s.labels.values()): s.value for family in families() for s in family.samples}

    assert told["longshore_imports_total", "failed"] == 0
    assert told["longshore_exports_total", "failed"] == 0
    assert told["longshore_retries_total", "mail"] == 0


def test_every_metric_is_on_the_dashboard():
    shown = set[str]().union(*(promql.names(found.values[0].expression) for found in panels()))
    hidden = {
        family.name
        for family in families()
        if not any(family.name + suffix in shown for suffix in SUFFIXES[family.type])
    }

    assert hidden == set()
