"""What the doctor makes of what it finds."""

from dataclasses import replace
from typing import Any

import pytest

from api.usecases.doctor.database import judge_clock, judge_schema, judge_server
from api.usecases.doctor.fitting import judge_settings
from api.usecases.doctor.surroundings import GIB, judge_redis, judge_room
from api.usecases.doctor.work import judge_sweep, judge_workers
from shared.db.examining import ServerFacts
from shared.settings import Settings

SETTINGS = Settings(database_url="postgresql://db", redis_url="redis://redis", storage_url="file:///blocks")
SERVER = ServerFacts(
    version="18.0",
    is_standby=False,
    syncs=True,
    writes_full_pages=True,
    commits_durably=True,
    max_connections=100,
    connections=10,
    makes_temporary_tables=True,
    makes_schemas=True,
)
REDIS = {"redis_version": "8.0", "maxmemory_policy": "noeviction", "aof_enabled": 1}


def test_the_defaults_fit_each_other():
    [finding] = judge_settings(SETTINGS)

    assert (finding.verdict, finding.advice) == ("ok", "")


def test_as_few_connections_as_settings_allow_are_enough():
    """They were told to be too few for a worker, which needs two."""
    [finding] = judge_settings(replace(SETTINGS, database_pool=2))

    assert finding.verdict == "ok"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sweep_seconds": 11.0}, "LONGSHORE_SWEEP_SECONDS is 11"),
        ({"patience_seconds": 15.0}, "LONGSHORE_PATIENCE_SECONDS"),
        ({"attempts": 1}, "LONGSHORE_ATTEMPTS"),
        ({"worker_processes": 2, "service_long_jobs": 2}, "LONGSHORE_SERVICE_LONG_JOBS"),
        ({"stored_bytes": 17 * GIB, "upload_limit_bytes": 18 * GIB}, "LONGSHORE_UPLOAD_LIMIT_BYTES"),
        ({"base_domain": "example.org"}, "LONGSHORE_PUBLIC_URL"),
        ({"smtp_url": "smtp://mail"}, "longshore@localhost"),
    ],
)
def test_settings_that_do_not_fit_are_named(changes: dict[str, Any], named: str):
    [finding] = judge_settings(replace(SETTINGS, **changes))

    assert finding.verdict == "warn"
    assert named in finding.found
    assert finding.advice


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "ok"),
        ({"is_standby": True}, "fail"),
        ({"syncs": False}, "fail"),
        ({"commits_durably": False}, "fail"),
        ({"writes_full_pages": False}, "warn"),
        ({"makes_temporary_tables": False}, "fail"),
        ({"makes_schemas": False}, "warn"),
        ({"connections": 80}, "warn"),
    ],
)
def test_a_server_is_judged_by_what_it_keeps_us_from(changes: dict[str, Any], verdict: str):
    [finding] = judge_server(replace(SERVER, **changes))

    assert finding.verdict == verdict
    assert bool(finding.advice) == (verdict != "ok")


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, ["ok"]),
        ({"maxmemory_policy": "allkeys-lru"}, ["warn"]),
        ({"aof_enabled": 0, "maxmemory_policy": "volatile-ttl"}, ["warn", "warn"]),
        ({"redis_version": "6.2.14"}, ["ok"]),
        ({"redis_version": "10.0.1"}, ["ok"]),
        ({"redis_version": "6.0.16"}, ["warn"]),
        ({"redis_version": "unstable"}, ["warn"]),
    ],
)
def test_redis_is_judged_by_what_it_may_forget_and_its_age(changes: dict[str, Any], verdicts: list[str]):
    assert [finding.verdict for finding in judge_redis(REDIS | changes)] == verdicts


@pytest.mark.parametrize(
    ("skew", "doubt", "verdict"),
    [(0.3, 0.0, "ok"), (-5.0, 0.1, "warn"), (5.0, 4.0, "ok"), (3600.0, 0.1, "fail"), (-61.0, 0.0, "fail")],
)
def test_clocks_may_differ_by_what_cannot_be_known(skew: float, doubt: float, verdict: str):
    assert judge_clock(skew, doubt).verdict == verdict


@pytest.mark.parametrize(
    ("version", "verdict"), [(None, "fail"), ("0002", "fail"), ("0003", "ok"), ("0004", "ok")]
)
def test_a_schema_of_this_release_or_a_later_one_will_do(version: str | None, verdict: str):
    assert judge_schema(version, "0003").verdict == verdict


@pytest.mark.parametrize(("free", "verdict"), [(20 * GIB, "ok"), (5 * GIB, "warn"), (GIB // 2, "fail")])
def test_room_is_told_before_it_is_gone(free: int, verdict: str):
    assert judge_room("storage room", free).verdict == verdict


@pytest.mark.parametrize(
    ("age_seconds", "every_seconds", "asked_for", "advice"),
    [
        (1.0, 2.0, 0, ""),
        (20.0, 2.0, 5, ""),  # each worker may be at a block for ten seconds
        (21.0, 2.0, 0, "Start python -m workers beat"),
        (21.0, 2.0, 1, "Start workers"),
        (100.0, 60.0, 0, ""),
        (None, 2.0, 0, "Start python -m workers beat"),
    ],
)
def test_a_sweep_that_is_long_ago_is_told_with_who_is_missing(
    age_seconds: float | None, every_seconds: float, asked_for: int, advice: str
):
    finding = judge_sweep(age_seconds, every_seconds=every_seconds, asked_for=asked_for)

    assert finding.verdict == ("warn" if advice else "ok")
    assert finding.advice.startswith(advice)


@pytest.mark.parametrize(
    ("connected", "is_swept", "verdict"), [(2, False, "ok"), (0, True, "ok"), (0, False, "warn")]
)
def test_a_sweep_tells_of_workers_whose_connections_are_hidden(connected: int, is_swept: bool, verdict: str):
    assert judge_workers(connected, is_swept=is_swept).verdict == verdict
