"""DuckDB reading the file by itself, with as many threads as there are cores."""

from pathlib import Path

import duckdb

from tests.benchmarks.peer.timing import LAST_VISITS, given_task, tell

TABLE = """
CREATE TABLE contacts (documentid VARCHAR PRIMARY KEY, name VARCHAR, address VARCHAR, phone VARCHAR,
                       email VARCHAR, active BOOLEAN, visits BIGINT)
"""
UPSERT = """
INSERT OR REPLACE INTO contacts
SELECT documentid, name, address, phone, email, active, visits FROM read_json('{file}', format = 'nd')
"""
COUNT = f"SELECT count(*) FROM contacts WHERE visits = {LAST_VISITS}"


def main() -> None:
    task = given_task()
    connection = duckdb.connect(str(task.folder / "contacts.duckdb"))
    connection.execute(TABLE)

    def write(file: Path) -> None:
        connection.execute(UPSERT.format(file=file))

    tell(task, write, lambda: int(connection.execute(COUNT).fetchall()[0][0]))


if __name__ == "__main__":
    main()
