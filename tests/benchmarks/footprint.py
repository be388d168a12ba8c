"""What work costs the server: bytes of WAL, of tables and indexes, and connections."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from tests.benchmarks.watching import watching

WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
TABLE = "SELECT pg_table_size('documents')"
INDEXES = "SELECT pg_indexes_size('documents')"
CONNECTIONS = """
SELECT application_name LIKE 'longshore:worker%%', count(*) FROM pg_stat_activity
 WHERE application_name LIKE 'longshore:%%' GROUP BY 1
"""


@dataclass
class Cost:
    """Of what was done in between."""

    wal_bytes: float = 0


class Server:
    """The stack's Postgres, looked at beside the work."""

    def __init__(self, url: str) -> None:
        self._url = url

    def bytes_of(self, query: str) -> float:
        return float(self._rows(query)[0][0])

    def execute(self, statement: str, *given: object) -> None:
        with closing(psycopg2.connect(self._url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, given)

    def vacuum(self, tables: str) -> None:
        """What is done within a minute without being asked for, which no figure waits for."""
        with closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(f"VACUUM ANALYZE {tables}")

    @contextmanager
    def costing(self) -> Iterator[Cost]:
        """What the body costs, told at its end; vacuum and sweeps that ran meanwhile are in it."""
        cost = Cost()
        before = self.bytes_of(WAL)
        yield cost
        cost.wal_bytes = self.bytes_of(WAL) - before

    @contextmanager
    def watching_connections(self) -> Iterator[dict[str, int]]:
        """The most connections that workers, and all others of the stack, had at a time."""
        peaks = {"workers": 0, "API and beat": 0}

        def look() -> None:
            for is_worker, count in self._rows(CONNECTIONS):
                role = "workers" if is_worker else "API and beat"
                peaks[role] = max(peaks[role], count)

        with watching(look):
            yield peaks

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(query, ())
            return list(cursor.fetchall())
