"""A nudge may be lost, and whoever sends it does not notice."""

import base64
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from shared.dispatch import NOTIFY, RUN_EXPORT, RUN_IMPORT, SWEEP, Dispatcher, Nudge, broker_url, nudge_in


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://:secret@host:6379/2", "redis://:secret@host:6379/2"),
        ("rediss://host", "rediss://host?ssl_cert_reqs=required"),
        ("rediss://:s@host/1?ssl_ca_certs=/ca", "rediss://:s@host/1?ssl_ca_certs=/ca&ssl_cert_reqs=required"),
        ("rediss://host?ssl_cert_reqs=none", "rediss://host?ssl_cert_reqs=none"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?db=2"),
    ],
)
def test_the_broker_is_the_same_redis_in_another_spelling(redis_url: str, expected: str):
    assert broker_url(redis_url) == expected


def message(task: str, payload: object) -> bytes:
    """What a worker reads in Redis."""
    return orjson.dumps(
        {
            "body": base64.b64encode(orjson.dumps([[], payload, {}])).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": task, "id": "an id"},
            "properties": {"body_encoding": "base64"},
        }
    )


UNDERSTOOD: dict[str, tuple[str, dict[str, object], dict[str, int]]] = {
    "an import": (RUN_IMPORT, {"import_id": 570}, {"import_id": 570}),
    "an export": (RUN_EXPORT, {"export_id": 570}, {"export_id": 570}),
    "that it gave way": (RUN_EXPORT, {"export_id": 570, "gave_way": 1}, {"export_id": 570, "gave_way": 1}),
    "in another form": (RUN_EXPORT, {"export_id": 570, "gave_way": "1"}, {"export_id": 570}),
    "nothing to work on": (SWEEP, {}, {}),
    "which has no turns": (SWEEP, {"gave_way": 1}, {}),
    "what a later release adds": (
        RUN_IMPORT,
        {"import_id": 570, "block": 1, "since": "2026-11-26"},
        {"import_id": 570},
    ),
    "what a later release works on": (NOTIFY, {"job_id": "570"}, {}),
}


@pytest.mark.parametrize(("task", "payload", "understood"), UNDERSTOOD.values(), ids=UNDERSTOOD.keys())
def test_of_a_nudge_only_what_is_known_is_read(
    task: str, payload: dict[str, object], understood: dict[str, int]
):
    assert nudge_in(message(task, payload)) == Nudge(task, "an id", understood)


@pytest.mark.parametrize(
    ("task", "payload"),
    [
        ("longshore.unknown", {}),
        (RUN_IMPORT, {}),
        (RUN_IMPORT, {"export_id": 570}),
        (RUN_IMPORT, {"import_id": "570"}),
        (RUN_IMPORT, {"import_id": True}),
        (RUN_IMPORT, [570]),
    ],
)
def test_what_does_not_tell_what_to_work_on_is_no_nudge(task: str, payload: object):
    assert nudge_in(message(task, payload)) is None


@pytest.fixture
def away(tmp_path: Path):
    """A dispatcher whose Redis is not there."""
    dispatcher = Dispatcher(f"unix://{tmp_path}/nobody.sock")
    yield dispatcher
    dispatcher.close()


def test_a_nudge_without_redis_is_logged_and_lost(away: Dispatcher):
    with capture_logs() as logs:
        away.nudge_import(570)

    [entry] = logs
    assert (entry["event"], entry["task"], entry["import_id"]) == ("nudge_lost", RUN_IMPORT, 570)


def test_without_redis_nothing_waits_and_nobody_answers(away: Dispatcher):
    assert away.waiting() == 0
    assert away.nudged(looks=10) == set()
    assert not away.takes_nudges()
