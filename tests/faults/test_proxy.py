"""What a network sees of those that come through it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from sqlalchemy import text

from tests.faults.fleet import Fleet
from tests.faults.proxy import Proxy


@pytest.fixture
def crowded(fleet: Fleet) -> Iterator[str]:
    """A role that Postgres has no room for."""
    with fleet.ground.database.begin() as session:
        session.execute(text("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0"))
    yield "crowded"
    with fleet.ground.database.begin() as session:
        session.execute(text("DROP ROLE crowded"))


def test_only_those_who_come_through_count_as_crowded_out(fleet: Fleet, crowded: str):
    own_way = fleet.ground.settings.database_url
    network = Proxy(Path(parse_dsn(own_way)["host"]) / ".s.PGSQL.5432")
    with closing(network):
        through = {"host": "127.0.0.1", "port": network.port}
        psycopg2.connect(make_dsn(own_way, **through)).close()
        with pytest.raises(psycopg2.OperationalError, match="too many connections"):
            psycopg2.connect(make_dsn(own_way, user=crowded))
        assert network.crowded_out == 0

        with pytest.raises(psycopg2.OperationalError, match="too many connections"):
            psycopg2.connect(make_dsn(own_way, user=crowded, **through))

    assert network.crowded_out == 1
