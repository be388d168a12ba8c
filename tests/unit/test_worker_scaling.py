"""How many processes of workers KEDA is told of, by Prometheus's own evaluation of its query."""

from pathlib import Path

import pytest
import yaml

from tests.unit.promtool import Promtool

MANIFESTS = [*yaml.safe_load_all((Path(__file__).parents[2] / "docker/kubernetes/worker.yaml").read_text())]
[SCALED] = [found["spec"] for found in MANIFESTS if found["kind"] == "ScaledObject"]
QUERY = SCALED["triggers"][0]["metadata"]["query"]

# Four looks a minute, the last one ten minutes after the first.
WANTED = "longshore_wanted_processes"
OLDEST = "longshore_oldest_started_import_seconds"
QUIET = "0+0x40"

CASES = {
    "nothing to do": ({WANTED: QUIET, OLDEST: QUIET}, 0),
    "for two minutes": ({WANTED: "0+0x30 8+0x9", OLDEST: QUIET}, 8),
    "for a minute": ({WANTED: "0+0x36 8+0x3", OLDEST: QUIET}, 0),
    "as it was least in two minutes": ({WANTED: "9+0x34 5 9+0x4", OLDEST: QUIET}, 5),
    "at once where the queue is old": ({WANTED: "0+0x36 8+0x3", OLDEST: "0+0x36 1+15x3"}, 8),
    "an old queue that nobody could take": ({WANTED: "4+0x40", OLDEST: "0+15x40"}, 4),
    "one that was old": ({WANTED: "0+0x36 8+0x3", OLDEST: "0+20x36 0+0x3"}, 0),
    "no looks so far": ({}, None),
}


@pytest.mark.parametrize(("told", "count"), CASES.values(), ids=CASES)
def test_as_many_are_added_as_the_age_and_the_length_of_the_queue_say(
    promtool: Promtool, told: dict[str, str], count: int | None
):
    """Each API tells the same."""
    series = [
        {"series": f'{name}{{job="api",instance="api-{number}"}}', "values": values}
        for name, values in told.items()
        for number in range(2)
    ]
    samples = [] if count is None else [{"labels": "{}", "value": count}]
    look = {"expr": QUERY, "eval_time": "10m", "exp_samples": samples}
    promtool.sees({"tests": [{"interval": "15s", "input_series": series, "promql_expr_test": [look]}]})
