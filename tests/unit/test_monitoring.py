"""Alert rules and the dashboard ask for metrics that there are, and alerts name promises that are made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import CollectorRegistry
from prometheus_client.metrics_core import Metric

from api.http.metrics import told
from shared.db.standing import BLOCK_STATES, EXPORT_STATES, IMPORT_STATES, Standing
from shared.lifecycle import Status
from shared.metrics import OUTCOMES, Metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docker/grafana/longshore.json").read_text())
RULES = yaml.safe_load((ROOT / "docker/prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
WORKERS = [*yaml.safe_load_all((ROOT / "docker/kubernetes/worker.yaml").read_text())]
PROMISES = {
    line.split("|")[1].strip()
    for line in (ROOT / "README.md").read_text().partition("| promise |")[2].partition("\n\n")[0].splitlines()
    if line.startswith("| ")
}
STANDING = Standing(
    imports=dict.fromkeys(IMPORT_STATES, 0),
    blocks=dict.fromkeys(BLOCK_STATES, 0),
    exports=dict.fromkeys(EXPORT_STATES, 0),
    mails=0,
    oldest_started_import_seconds=0.0,
    oldest_mail_seconds=0.0,
    is_on_maintenance=False,
)
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}

# What selectors may ask for, of labels whose values are ours.
LABEL_VALUES = {
    "state": set(BLOCK_STATES),
    "outcome": set(OUTCOMES),
    "status": {*Status, "5.."},
    "method": {"PATCH"},
}


def families() -> Iterator[Metric]:
    registry: CollectorRegistry = Metrics().registry
    yield from registry.collect()
    yield from told(STANDING, nudges=0)


NAMES = {family.name + suffix for family in families() for suffix in SUFFIXES[family.type]}


def expressions() -> list[Any]:
    targets = [
        pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]
    scaler = [found["spec"]["triggers"] for found in WORKERS if found["kind"] == "ScaledObject"]
    return [
        *(pytest.param(rule["expr"], id=rule["alert"]) for rule in RULES),
        *targets,
        *(pytest.param(trigger["metadata"]["query"], id="KEDA") for [trigger] in scaler),
    ]


@pytest.mark.parametrize("expression", expressions())
def test_each_expression_asks_for_metrics_that_there_are(expression: str):
    asked = set(re.findall(r"longshore_\w+", expression))

    assert asked
    assert asked <= NAMES


@pytest.mark.parametrize("expression", expressions())
def test_each_selector_asks_for_values_that_there_are(expression: str):
    for label, values in re.findall(r'(\w+)=~?"([^"]*)"', expression):
        assert set(values.split("|")) <= LABEL_VALUES[label]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_names_a_promise_and_tells_what_to_do(rule: dict[str, Any]):
    assert rule["labels"]["promise"] in PROMISES
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert all(rule["annotations"][name].strip() for name in ("summary", "advice"))


def test_what_has_not_happened_yet_is_told_as_zero():
    told = {(s.name, *s.labels.values()): s.value for family in families() for s in family.samples}

    assert told["longshore_imports_total", "failed"] == 0
    assert told["longshore_exports_total", "failed"] == 0
    assert told["longshore_retries_total", "mail"] == 0


def test_every_metric_is_on_the_dashboard():
    shown = set(re.findall(r"longshore_\w+", " ".join(found.values[0] for found in expressions())))
    hidden = {
        family.name
        for family in families()
        if not any(family.name + suffix in shown for suffix in SUFFIXES[family.type])
    }

    assert hidden == set()
