"""The files of an export: how many, how large, of which moment, and for how long."""

import csv
import io
import json
import tracemalloc

import pytest

from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import documents, tuned
from tests.integration.job_builders import (
    Job,
    a_file_import,
    accounts,
    an_export,
    an_item_type,
    at_statement,
    at_write,
    exported,
    file_rows,
    files_of,
    items_of,
    let_links_expire,
    stored_paths,
    wait_until,
    watched,
    with_many,
)
from workers.sweeping import sweep


class TestFiles:
    def test_several_files_that_each_stand_alone(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 100)

        job = exported(tuned(ground, export_file_bytes=1000), service)

        assert [item["headers"]["id"] for item in items_of(job)] == [f"{n:08}" for n in range(1, 101)]
        sizes = [row.size_bytes for row in file_rows(job)]
        assert len(sizes) > 5
        assert all(1000 <= size < 1200 for size in sizes[:-1])
        assert [row.name for row in file_rows(job)][:2] == ["Account-1.json", "Account-2.json"]
        assert len(job.shown().links) == len(sizes)

    def test_each_table_has_its_header_row(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 100)

        job = exported(tuned(ground, export_file_bytes=500), service, is_csv=True, has_header_row=True)

        files = files_of(job)
        assert len(files) > 3
        assert len({content.splitlines()[0] for content in files}) == 1
        assert sum(len(content.splitlines()) - 1 for content in files) == 100

    def test_a_file_that_is_full_with_the_last_record_is_the_last_one(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(tuned(ground, export_file_bytes=1), service)

        assert [len(json.loads(content)) for content in files_of(job)] == [1, 1]

    @pytest.mark.parametrize("is_csv", [False, True])
    def test_on_request_they_are_compressed(self, ground: Ground, service: Service, is_csv: bool):
        an_item_type(ground, service)
        with_many(ground, service, 1000)

        plain = exported(ground, service, is_csv=is_csv)
        packed = exported(ground, service, is_csv=is_csv, is_compressed=True)

        assert files_of(packed) == files_of(plain)
        [file] = file_rows(packed)
        assert (file.name, file.media_type) == (f"{file_rows(plain)[0].name}.gz", "application/gzip")
        assert file.size_bytes < file_rows(plain)[0].size_bytes / 3

    def test_a_large_document_is_held_a_few_times_at_most(self, ground: Ground, service: Service):
        """What comes from the database, unescaped, as an item: each was held beside the others."""
        accounts(ground, service, {"A1": {"accountId": "A1", "text": '"' * 4_000_000}})
        job = an_export(ground, service)
        tracemalloc.start()

        job.work()
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        size_bytes = file_rows(job)[0].size_bytes
        assert peak_bytes < 5.5 * size_bytes  # 4.5; it was 7

    def test_files_of_a_subcollection_have_plain_names(self, ground: Ground, service: Service):
        an_item_type(ground, service, "films/42/reviews")

        job = exported(ground, service, item_type="films/42/reviews")

        assert file_rows(job)[0].name == "films-42-reviews.json"

    def test_they_are_removed_when_their_links_have_ended(self, ground: Ground, service: Service):
        accounts(ground, service)
        job, other = exported(ground, service), exported(ground, service)

        let_links_expire(job)
        sweep(ground)

        assert (stored_paths(job), file_rows(job), job.status) == ([], [], "Completed")
        assert len(stored_paths(other)) == 1


def test_an_export_sees_one_moment_while_imports_run(ground: Ground, service: Service):
    """Documents are counted, then looked at for their columns, then written: each pass sees the same."""
    an_item_type(ground, service)
    with_many(ground, service, 5000)
    imports = iter(range(10))

    def import_more() -> None:
        n = next(imports)
        lines = b"\n".join(
            b'{"accountId":"%08d-%d","new":1,"name":"changed"}' % (i, n) for i in range(0, 5000, 7)
        )
        changed = b"\n".join(b'{"accountId":"%08d","changed":%d}' % (i, n) for i in range(1, 5000, 50))
        a_file_import(ground, service, lines + b"\n" + changed).work_off()

    writes = watched(tuned(ground, export_file_bytes=100_000), at_write(2, import_more))
    job = an_export(ground, service, is_csv=True, has_header_row=True)
    with at_statement("SET total_records", import_more):  # told between the count and the first pass
        Job(writes, service, job.id).work_off()

    rows = [row for content in files_of(job) for row in csv.DictReader(io.StringIO(content.decode()))]
    assert len(rows) == 5000
    assert all(row.keys() == {"accountId", "name", "n"} for row in rows)
    assert not [row for row in rows if row["name"] == "changed"]
    assert job.export_row().total_records == 5000
    assert len(documents(ground, service, "/Account")) > 5000
    assert next(imports) == 2


class TestProgress:
    def test_total_and_records_are_told_in_the_middle(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 20_000)
        job = an_export(ground, service)
        told: list[tuple[int, int]] = []

        def look() -> None:
            wait_until(lambda: job.shown().view.records_processed > 0)
            view = job.shown().view
            told.append((view.records_processed, view.percent_complete))

        Job(watched(tuned(ground, export_file_bytes=1_000_000), at_write(4, look)), service, job.id).work()

        [(records, percent)] = told
        assert 0 < records < 20_000
        assert percent == 100 * records // 20_000
        assert (job.shown().view.records_processed, job.shown().view.percent_complete) == (20_000, 100)

    def test_only_what_is_selected_counts(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 10)

        job = exported(ground, service, filters={"n": ["1", "2"]})

        row = job.export_row()
        assert (row.records, row.total_records) == (2, 2)
