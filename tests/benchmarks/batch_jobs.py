"""Imports of JSON and CSV files and exports to them, through the Liquid Decisions API."""

import csv
import io
import statistics
import time
from collections.abc import Callable

import orjson
import psycopg2

from tests.acceptance.liquid_client import LiquidClient
from tests.benchmarks.documents import flat_documents
from tests.benchmarks.figures import Figure
from tests.benchmarks.stack import Stack, seconds_between

EMAIL, PASSWORD = "bench@example.com", "the password of the bench"


def batch_jobs(stack: Stack, blocks: list[bytes], *, documents: int, repeats: int) -> list[Figure]:
    """Rates by the jobs' own run time; `blocks` are the same documents for the Datastore API."""
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
            blocks_rates.append(_import_blocks(stack, f"/blocks-{n}", blocks, documents))
            csv_rates.append(_import(stack, client, f"Csv{n}", _table(rows), "text/plain"))
        copies, json_exports, csv_exports = [], [], []
        for _ in range(repeats):
            copies.append(_copy_rate(stack, "/Json0", documents))
            json_exports.append(_export(client, "Json0", "application/json"))
            csv_exports.append(_export(client, "Json0", "text/plain"))
    finally:
        client.close()
    csv_ratio = _median_ratio(csv_rates, blocks_rates)
    export_ratio = _median_ratio(json_exports, copies)
    return [
        _rate("JSON list import", json_rates),
        _rate("CSV import", csv_rates),
        Figure(
            "CSV import beside NDJSON",
            csv_ratio,
            "of NDJSON",
            "at least 0.5",
            csv_ratio >= 0.5,
            f"NDJSON: {statistics.median(blocks_rates):,.0f} documents a second",
        ),
        _rate("JSON export", json_exports),
        _rate("CSV export", csv_exports),
        Figure(
            "JSON export beside COPY TO STDOUT",
            export_ratio,
            "of COPY",
            "at least 0.5",
            export_ratio >= 0.5,
            f"COPY: {statistics.median(copies):,.0f} documents a second",
        ),
    ]


def _median_ratio(rates: list[float], beside: list[float]) -> float:
    """Of each rate to the one measured right before or behind it: the machine has other things to do, too."""
    return statistics.median(rate / other for rate, other in zip(rates, beside, strict=True))


def _rate(case: str, rates: list[float]) -> Figure:
    return Figure(case, statistics.median(rates), "documents/s", "", True, "")


def _import_blocks(stack: Stack, collection: str, blocks: list[bytes], documents: int) -> float:
    stack.add_collection(collection)
    done = stack.run_import(stack.prepare_import(collection, ["create"], blocks))
    assert done["createdDocuments"] == documents, done
    return documents / seconds_between(done, "startedDatetime", "endedDatetime")


def _import(stack: Stack, client: LiquidClient, item_type: str, content: bytes, content_type: str) -> float:
    stack.longshore("collections", "add", f"/{item_type}", "--key", "documentid")
    job = client.start_import(
        "bench", content, jobName="bench", itemType=item_type, contentType=content_type, headerRow="true"
    )
    return _rate_of(client.wait_for_end(job["jobId"]))


def _export(client: LiquidClient, item_type: str, content_type: str) -> float:
    fields = {"jobName": "bench", "itemType": item_type, "contentType": content_type, "rowHeader": "true"}
    return _rate_of(client.wait_for_end(client.start_export(**fields)["jobId"]))


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
