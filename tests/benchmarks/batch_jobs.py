"""Imports of JSON and CSV files and exports to them, through the Liquid Decisions API."""

import csv
import io
import os
import statistics
import time
from collections.abc import Callable

import orjson
import psycopg2

from api.cli.watching import LOOK_SECONDS
from tests.acceptance.liquid_client import LiquidClient
from tests.benchmarks.documents import BLOCK_BYTES, blocks_of, flat_documents
from tests.benchmarks.figures import Figure, median_ratio
from tests.benchmarks.imports import rate_of
from tests.benchmarks.reference import disk_rate
from tests.benchmarks.stack import CREATE, Stack, running_stack

DISK_BLOCKS = 10
EXPORTED_TIMES = 5  # as many documents as are imported: exports are faster
EMAIL, PASSWORD = "bench@example.com", "the password of the bench"


def batch_job_figures(*, documents: int, repeats: int) -> list[Figure]:
    """Rates by the jobs' own run time."""
    with running_stack(workers=1) as stack:
        return _batch_jobs(stack, documents=documents, repeats=repeats)


def _batch_jobs(stack: Stack, *, documents: int, repeats: int) -> list[Figure]:
    blocks = list(blocks_of(flat_documents(documents)))
    service = stack.description["service"]
    stack.longshore("users", "add", EMAIL, "--password", PASSWORD, "--community", service)
    client = LiquidClient(stack.description["url"], email=EMAIL, password=PASSWORD, community=service)
    rows = [orjson.loads(line) for _, line in flat_documents(documents)]
    try:
        json_rates = [
            _import(stack, client, f"Json{n}", orjson.dumps(rows), "application/json") for n in range(repeats)
        ]
        blocks_rates, csv_rates = [], []
        for n in range(repeats):
            blocks_rates.append(_import_blocks(stack, blocks, documents))
            csv_rates.append(_import(stack, client, f"Csv{n}", _table(rows), "text/plain"))
        exported = EXPORTED_TIMES * documents
        large = stack.new_collection()
        stack.create_documents(large, list(flat_documents(exported)))
        stack.settle()
        copies, disks, json_exports, csv_exports = [], [], [], []
        for _ in range(repeats):
            copies.append(_copy_rate(stack, large, exported))
            disks.append(disk_rate(stack.folder, os.urandom(BLOCK_BYTES), DISK_BLOCKS) / 2**20)
            json_exports.append(_export(client, large, "application/json"))
            csv_exports.append(_export(client, large, "text/plain"))
    finally:
        client.close()
    return [
        _rate("JSON list import", json_rates),
        _rate("CSV import", csv_rates),
        _beside("CSV import", csv_rates, "NDJSON", blocks_rates, at_least=0.5),
        _rate("JSON export", json_exports),
        _rate("CSV export", csv_exports),
        _beside("JSON export", json_exports, "COPY TO STDOUT", copies, at_least=0.8),
        # COPY's rows go nowhere, and an export's become files.
        Figure(case="the disk's write and fsync", value=statistics.median(disks), unit="MiB/s"),
    ]


def _rate(case: str, rates: list[float]) -> Figure:
    return Figure(case=case, value=statistics.median(rates), unit="documents/s")


def _beside(case: str, rates: list[float], other: str, others: list[float], *, at_least: float) -> Figure:
    return Figure(
        case=f"{case} beside {other}",
        value=median_ratio(rates, others),
        unit=f"of {other.split(maxsplit=1)[0]}",
        at_least=at_least,
        note=f"{other}: {statistics.median(others):,.0f} documents a second",
    )


def _import_blocks(stack: Stack, blocks: list[bytes], documents: int) -> float:
    return rate_of(stack.run_import(stack.prepare_import(stack.new_collection(), CREATE, blocks)), documents)


def _import(stack: Stack, client: LiquidClient, item_type: str, content: bytes, content_type: str) -> float:
    stack.longshore("collections", "add", f"/{item_type}", "--key", "documentid")
    job = client.start_import(
        "bench", content, jobName="bench", itemType=item_type, contentType=content_type, headerRow="true"
    )
    return _rate_of(client.wait_for_end(job["jobId"], look_seconds=LOOK_SECONDS))


def _export(client: LiquidClient, collection: str, content_type: str) -> float:
    fields = {
        "jobName": "bench",
        "itemType": collection.removeprefix("/"),
        "contentType": content_type,
        "rowHeader": "true",
    }
    job = client.start_export(**fields)
    return _rate_of(client.wait_for_end(job["jobId"], look_seconds=LOOK_SECONDS))


def _rate_of(job: dict[str, str]) -> float:
    assert job["status"] == "Completed", job
    return int(job["recordsProcessed"]) / (int(job["runTime"]) / 1000)


def _table(rows: list[dict[str, object]]) -> bytes:
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


class _Sink:
    def __init__(self) -> None:
        self.write: Callable[[bytes], object] = len


def _copy_rate(stack: Stack, collection: str, documents: int) -> float:
    connection = psycopg2.connect(stack.description["database_url"])
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM collections WHERE path = %s", (collection,))
        [(collection_id,)] = cursor.fetchall()
        began = time.perf_counter()
        select = f"SELECT documentid, properties FROM documents WHERE collection_id = {collection_id}"
        cursor.copy_expert(f"COPY ({select} ORDER BY documentid) TO STDOUT", _Sink())
        seconds = time.perf_counter() - began
    connection.close()
    return documents / seconds
