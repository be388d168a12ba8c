"""How few connections to the database a worker gets by with, as settings and docker/SIZING.md reckon."""

from contextlib import closing
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from shared.settings import Settings
from tests.integration.job_builders import (
    Job,
    an_export,
    an_item_type,
    at_write,
    wait_until,
    watched,
    with_many,
)

COUNT = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name IN ('longshore:tight', 'longshore:query')
"""


def test_exports_and_their_heartbeats_get_by_with_two_and_the_readers(
    ground: Ground, settings: Settings, service: Service
):
    an_item_type(ground, service)
    with_many(ground, service, 100)

    with closing(Ground.open(replace(settings, database_pool=2, lease_seconds=1.0), "tight")) as tight:
        of_a_collection = connections_of_an_export(ground, tight, service)
        # What was opened for the first one is kept.
        by_sql = connections_of_an_export(ground, tight, service, query="SELECT n FROM Account")

    assert (of_a_collection, by_sql) == (2, 3)


def connections_of_an_export(ground: Ground, tight: Ground, service: Service, **order: Any) -> int:
    """How many there are once its heartbeat has been heard while it writes."""
    job = an_export(ground, service, **order)
    found: list[int] = []

    def look() -> None:
        leased_until = job.export_row().leased_until
        wait_until(lambda: job.export_row().leased_until != leased_until)
        with ground.database.begin() as session:
            found.append(session.execute(text(COUNT)).scalar_one())

    Job(watched(tight, at_write(1, look)), service, job.id).work()

    assert job.status == "Completed", job.reason
    return found[0]
