"""What a session is asked for, where a pooler of transactions keeps it from the server."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from shared.db.database import Database
from shared.errors import ConflictOfTransactions
from shared.ground import Ground
from tests.integration.test_database import LOCK_SERVICES
from tests.pgbouncer import pgbouncer

SETTINGS = """
SELECT current_setting('timezone'), current_setting('idle_in_transaction_session_timeout'),
       current_setting('lock_timeout')
"""


@pytest.fixture
def url(ground: Ground) -> Iterator[str]:
    with pgbouncer(ground.settings.database_url, connections=1) as pool:
        yield pool.url


def settings_of(database: Database) -> tuple[str, ...]:
    with database.begin() as session:
        return tuple(session.execute(text(SETTINGS)).one())


def test_a_transaction_gives_way_to_who_holds_a_table(ground: Ground, url: str):
    with (
        closing(Database(url, pool_size=1, wait_seconds=0.2)) as pooled,
        ground.database.begin() as holder,
    ):
        holder.execute(text(LOCK_SERVICES))

        with pytest.raises(ConflictOfTransactions), pooled.begin() as session:
            session.execute(text("SELECT FROM data_services"))


def test_processes_that_share_a_session_have_settings_of_their_own(url: str):
    with (
        closing(Database(url, pool_size=1, silence_seconds=7, wait_seconds=3)) as one,
        closing(Database(url, pool_size=1, silence_seconds=60)) as other,
    ):
        assert settings_of(one) == ("UTC", "7s", "3s")
        assert settings_of(other) == ("UTC", "1min", "0")
        assert settings_of(one) == ("UTC", "7s", "3s")
