"""What others do by themselves: PostgreSQL one COPY of the same rows into an identical table; a disk."""

import os
import time
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import psycopg2

TABLE = "CREATE TABLE copied (LIKE documents INCLUDING ALL) WITH (fillfactor = 50)"


def copy_rate(database_url: str, documents: Iterable[tuple[str, bytes]]) -> float:
    """Documents a second of a single COPY in text format, one connection, COMMIT included."""
    rows = [b"1\t%b\t%b\n" % (name.encode(), line.replace(b"\\", b"\\\\")) for name, line in documents]
    payload = BytesIO(b"".join(rows))
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS copied")
        cursor.execute(TABLE)
    with connection, connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.copy_expert("COPY copied (collection_id, documentid, properties) FROM STDIN", payload, 1 << 18)
        connection.commit()
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE copied")
    connection.close()
    return len(rows) / seconds


def disk_rate(folder: Path, block: bytes, count: int) -> float:
    """Bytes a second of one writer of so many blocks, each made durable as the API does it."""
    path = folder / "sequential"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(block)
            os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return count * len(block) / seconds
