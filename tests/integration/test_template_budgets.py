"""Templates that stay under their limit for each item and would hold a worker for hours all the same."""

import threading
from contextlib import suppress

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import block_files, documents, tuned
from tests.integration.job_builders import (
    Job,
    a_file_import,
    an_export,
    an_item_type,
    file_rows,
    let_lease_expire,
    stored_paths,
    wait_until,
    watched,
    with_many,
)
from tests.integration.players import Killed

ROWS = 40
SLOW = "#foreach($i in [1..5000])#set($x = $i)\n#end"
IMPORT_TEMPLATE = f'{{"accountId":"$c1"}}\n{SLOW}'


@pytest.fixture
def hasty(ground: Ground) -> Ground:
    """A few of the slow renderings fit into a job, and two into a batch."""
    return tuned(ground, template_seconds=0.1, batch_lines=2)


def a_slow_import(ground: Ground, service: Service) -> Job:
    an_item_type(ground, service)
    rows = "".join(f"A{n},x\n" for n in range(ROWS))
    return a_file_import(ground, service, rows.encode(), is_csv=True, template=IMPORT_TEMPLATE)


def a_slow_export(ground: Ground, service: Service) -> Job:
    an_item_type(ground, service)
    with_many(ground, service, ROWS)
    return an_export(ground, service, template=SLOW)


class TestImports:
    def test_the_job_is_rejected_and_tells_what_it_did(self, hasty: Ground, service: Service):
        job = a_slow_import(hasty, service)

        shown = job.work_off()

        done = len(documents(hasty, service, "/Account"))
        assert shown.view.status == "Rejected"
        assert 0 < done < ROWS
        assert shown.view.reason.startswith("The job was stopped: Template line 2: the job's limit")
        assert shown.view.reason.endswith(f"Done until then: {done} created")
        assert (shown.view.records_processed, len(job.mails())) == (done, 1)

    def test_going_home_after_each_batch_gives_no_fresh_budget(self, hasty: Ground, service: Service):
        job = a_slow_import(hasty, service)
        job.work()

        for _ in range(ROWS):
            job.work(should_stop=lambda: True)

        assert job.status == "Rejected"
        assert len(documents(hasty, service, "/Account")) < ROWS

    def test_what_is_spent_is_kept_while_a_block_is_applied(self, ground: Ground, service: Service):
        """Should the worker be killed now, hardly more than the last second is forgotten."""
        job = a_slow_import(tuned(ground, batch_lines=2), service)
        job.work()

        job.work(should_stop=lambda: wait_until(lambda: job.import_row().rendering_seconds > 0) or False)

        row = job.import_row()
        assert (job.status, row.rendered_items) == ("Completed", ROWS)

    def test_a_killed_worker_s_spending_counts(self, hasty: Ground, service: Service):
        job = a_slow_import(hasty, service)
        spent = "UPDATE imports SET rendered_items = 10, rendering_seconds = 9 WHERE id = :id"
        with hasty.database.begin() as session:
            session.execute(text(spent), {"id": job.import_id})

        shown = job.work_off()

        assert (shown.view.status, documents(hasty, service, "/Account")) == ("Rejected", {})
        assert shown.view.reason.endswith("Done until then: no items")

    def test_rows_that_nobody_gave_us_spend_nothing(self, hasty: Ground, service: Service):
        job = a_slow_import(hasty, service)
        job.work()
        for path in block_files(hasty, job.import_id):
            path.write_bytes(path.read_bytes().replace(b"A", b"B"))

        job.work()

        row = job.import_row()
        assert "other bytes" in row.last_error
        assert (row.rendered_items, row.rendering_seconds) == (0, 0)

    def test_a_template_that_is_fast_enough_changes_nothing(self, hasty: Ground, service: Service):
        an_item_type(hasty, service)
        rows = "".join(f"A{n},x\n" for n in range(ROWS)).encode()
        job = a_file_import(hasty, service, rows, is_csv=True, template='{"accountId":"$c1"}')

        assert job.work_off().view.status == "Completed"
        assert job.import_row().rendered_items == ROWS


class TestExports:
    def test_the_job_is_rejected_and_leaves_no_file(self, hasty: Ground, service: Service):
        job = a_slow_export(hasty, service)

        shown = job.work_off()

        assert shown.view.status == "Rejected"
        assert shown.view.reason.startswith("The export cannot be done: Template line 1: the job's limit")
        assert (stored_paths(job), file_rows(job), len(job.mails())) == ([], [], 1)

    def test_a_slow_export_tells_how_far_it_is_and_can_be_canceled(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 50 * ROWS)
        job = an_export(ground, service, template=SLOW)
        worker = threading.Thread(target=job.work)
        worker.start()
        wait_until(lambda: job.export_row().records > 0)

        assert job.cancel() == "Canceling"
        worker.join(20)

        assert job.status == "Canceled"
        assert 0 < job.export_row().records < 50 * ROWS

    def test_beginning_again_gives_no_fresh_budget(self, ground: Ground, service: Service):
        job = a_slow_export(tuned(ground, template_seconds=60), service)

        def die() -> None:
            raise Killed

        with suppress(Killed):
            Job(watched(job.ground, die), service, job.id).work()
        let_lease_expire(job)
        first = job.export_row()
        job.work_off()
        second = job.export_row()

        assert (first.rendered_items, second.rendered_items) == (ROWS, 2 * ROWS)
        assert second.rendering_seconds > first.rendering_seconds > 0
