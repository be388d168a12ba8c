"""Each alert fires where what it names has happened, and on nothing else, by Prometheus's own evaluation."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.unit.promtool import Promtool

ALERTS = Path(__file__).parents[2] / "docker/prometheus/alerts.yaml"
RULES = [rule["alert"] for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]]

EVERY = "15s"
# For an hour, in promtool's notation: what stays, what grows, and what happens ten minutes before the look.
STEPS = 240
LOOK = "55m"


def stays(value: float) -> str:
    return f"{value}+0x{STEPS}"


def grows(each: float) -> str:
    return f"0+{each}x{STEPS}"


def happens(count: int) -> str:
    return f"0+0x180 {count}+0x{STEPS - 180}"


Series = Mapping[str, str | None]

OF_APIS = {
    "longshore_redis_up": stays(1),
    "longshore_database_up": stays(1),
    'longshore_requests_total{method="GET",route="/",status="200"}': grows(30),
    'longshore_requests_total{method="GET",route="/",status="503"}': grows(0),
    'longshore_request_seconds_bucket{method="PATCH",route="/",le="1.0"}': grows(30),
    'longshore_request_seconds_bucket{method="PATCH",route="/",le="2.5"}': grows(30),
    'longshore_request_seconds_bucket{method="PATCH",route="/",le="+Inf"}': grows(30),
    'longshore_imports_total{status="failed"}': stays(0),
    "longshore_database_connections_in_use": stays(3),
    "longshore_database_pool_connections": stays(10),
}
# Told by the database, and not while that is away.
OF_ROWS = {
    "longshore_storage_up": stays(1),
    "longshore_oldest_started_import_seconds": stays(2),
    'longshore_unfinished_blocks{state="abandoned"}': stays(0),
    'longshore_unfinished_blocks{state="leased"}': stays(4),
    "longshore_oldest_mail_seconds": stays(20),
    "longshore_maintenance": stays(0),
}
OF_WORKERS = {
    "longshore_sweeps_total": grows(7),
    "longshore_leases_lost_total": stays(1),
    'longshore_imports_total{status="failed"}': stays(0),
    'longshore_exports_total{status="failed"}': stays(0),
    'longshore_retries_total{kind="block"}': stays(2),
    'longshore_documents_total{outcome="created"}': grows(3000),
    'longshore_documents_total{outcome="rejected"}': grows(30),
    'longshore_batch_seconds_bucket{le="5.0"}': grows(10),
    'longshore_batch_seconds_bucket{le="15.0"}': grows(10),
    'longshore_batch_seconds_bucket{le="+Inf"}': grows(10),
}
OF_BEAT = {"longshore_beats_total": grows(7)}


def without(series: Mapping[str, str]) -> dict[str, None]:
    return dict.fromkeys(series)


# What happened, how series differ by it from those of a calm service (None: not told), and what fires.
CASES: dict[str, tuple[Series, set[str]]] = {
    "all is well": ({}, set()),
    "an import waits for an hour": (
        {"longshore_oldest_started_import_seconds": grows(15)},
        {"LongshoreWorkWaits"},
    ),
    "an import waits during maintenance": (
        {
            "longshore_oldest_started_import_seconds": grows(15),
            'longshore_unfinished_blocks{state="abandoned"}': stays(2),
            "longshore_maintenance": stays(1),
        },
        set(),
    ),
    "nobody takes up what a dead worker held": (
        {'longshore_unfinished_blocks{state="abandoned"}': stays(2)},
        {"LongshoreBlocksAbandoned"},
    ),
    "workers die": ({"longshore_leases_lost_total": grows(1)}, {"LongshoreWorkersAreLost"}),
    "beat hangs": ({"longshore_beats_total": stays(900)}, {"LongshoreBeatIsSilent"}),
    "there is no beat": (without(OF_BEAT), {"LongshoreBeatIsSilent"}),
    "workers hang": ({"longshore_sweeps_total": stays(900)}, {"LongshoreNobodySweeps"}),
    "there are no workers, and beat goes on": (without(OF_WORKERS), {"LongshoreNobodySweeps"}),
    "there are no APIs": (without(OF_APIS | OF_ROWS), {"LongshoreApisAreGone"}),
    "Redis is away, and sweeps with it": (
        {"longshore_redis_up": stays(0), "longshore_sweeps_total": stays(900)},
        {"LongshoreRedisIsAway", "LongshoreNobodySweeps"},
    ),
    "the database is away, and sweeps with it": (
        {**without(OF_ROWS), "longshore_database_up": stays(0), "longshore_sweeps_total": stays(900)},
        {"LongshoreDatabaseIsAway", "LongshoreNobodySweeps"},
    ),
    "block storage is away": ({"longshore_storage_up": stays(0)}, {"LongshoreStorageIsAway"}),
    "an import fails": (
        {'longshore_imports_total{status="failed"}': happens(1)},
        {"LongshoreImportsFail"},
    ),
    "an export fails": (
        {'longshore_exports_total{status="failed"}': happens(1)},
        {"LongshoreExportsFail"},
    ),
    "attempts break again and again": (
        {'longshore_retries_total{kind="block"}': grows(1)},
        {"LongshoreAttemptsBreak"},
    ),
    "a file of another kind": (
        {'longshore_documents_total{outcome="rejected"}': grows(9000)},
        {"LongshoreMostLinesAreRejected"},
    ),
    "a pause takes two seconds": (
        {'longshore_request_seconds_bucket{method="PATCH",route="/",le="1.0"}': grows(20)},
        {"LongshoreControlIsSlow"},
    ),
    "batches take twelve seconds": (
        {'longshore_batch_seconds_bucket{le="5.0"}': grows(1)},
        {"LongshoreBatchesAreSlow"},
    ),
    "requests are answered with 503": (
        {'longshore_requests_total{method="GET",route="/",status="503"}': grows(3)},
        {"LongshoreRequestsFail"},
    ),
    "the mail server takes nothing": (
        {"longshore_oldest_mail_seconds": grows(15)},
        {"LongshoreMailsWait"},
    ),
    "all connections are in use": (
        {"longshore_database_connections_in_use": stays(10)},
        {"LongshoreConnectionsAreUsedUp"},
    ),
}


@pytest.mark.parametrize(("happened", "fired"), CASES.values(), ids=CASES)
def test_what_happened_fires_its_alert_and_no_other(promtool: Promtool, happened: Series, fired: set[str]):
    promtool.sees(asked(happened, fired))


def test_every_alert_is_fired_by_something():
    assert set[str]().union(*(fired for _, fired in CASES.values())) == {*RULES}


def test_every_word_of_an_alert_can_be_rendered(promtool: Promtool):
    promtool("check", "rules", ALERTS)


def asked(happened: Series, fired: set[str]) -> dict[str, object]:
    """A test in promtool's form. What fires is itself a series, which leaves annotations aside."""
    series = [
        {"series": name, "values": values}
        for job, count, told in (
            ("api", 2, OF_APIS | OF_ROWS),
            ("worker", 2, OF_WORKERS),
            ("beat", 1, OF_BEAT),
        )
        for number in range(count)
        for name, values in of_instance(told, happened, f'job="{job}",instance="{job}-{number}"').items()
    ]
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fired)]
    look = {
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": LOOK,
        "exp_samples": samples,
    }
    return {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": EVERY,
        "tests": [{"interval": EVERY, "input_series": series, "promql_expr_test": [look]}],
    }


def of_instance(told: Mapping[str, str], happened: Series, target: str) -> dict[str, str]:
    """The series of one process, each with the labels that Prometheus adds."""
    current = {name: happened.get(name, values) for name, values in told.items()}
    return {labelled(name, target): values for name, values in current.items() if values is not None}


def labelled(name: str, target: str) -> str:
    return f"{name[:-1]},{target}}}" if name.endswith("}") else f"{name}{{{target}}}"
