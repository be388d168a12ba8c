"""A nudge may be lost, and whoever sends it does not notice."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.dispatch import RUN_IMPORT, Dispatcher, broker_url


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
