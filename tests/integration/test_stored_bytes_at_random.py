"""The count of stored bytes never drifts from the rows, whatever is done in whatever order."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from api.usecases.blocks import receive_block
from api.usecases.imports import delete_import, list_imports
from api.usecases.services import Service
from shared.errors import ImportClosed, QuotaReached, StatusRefused
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    after_batches,
    an_import,
    ask,
    let_leases_expire,
    never,
    numbered,
    tuned,
    work,
)
from tests.integration.job_builders import (
    Job,
    a_file_import,
    accounts,
    an_export,
    let_lease_expire,
    let_links_expire,
)
from tests.integration.players import Killed
from tests.integration.usage import counted, counted_again
from workers.sweeping import sweep

STEPS = 120
LIMIT_BYTES = 6000


class Broken(Exception):
    """A client that hangs up."""


class Tenant:
    """One data service, and something to do with it at random."""

    def __init__(self, ground: Ground, service: Service, random: Random) -> None:
        self.ground, self.service, self.random = ground, service, random
        self.jobs: list[Job] = []
        self.acts: list[Callable[[], object]] = [
            *(self.create, self.add_block, self.add_block, self.hang_up, self.start, self.work, self.die),
            *(self.cancel, self.delete, self.take_file, self.export, self.work_on_job, self.die_on_job),
            *(self.cancel_job, self.let_time_pass),
        ]

    def step(self) -> str:
        """Do something; returns what."""
        act = self.random.choice(self.acts)
        with suppress(QuotaReached, ImportClosed, StatusRefused, Broken, Killed):
            act()
        return act.__name__

    def one_import(self) -> int:
        found = list_imports(self.ground, self.service, 1)
        return self.random.choice(found).id if found else an_import(self.ground, self.service)

    def one_job(self) -> Job:
        return self.random.choice(self.jobs) if self.jobs else self.export()

    def create(self) -> None:
        an_import(self.ground, self.service, status=Status.CONFIGURING)

    def add_block(self) -> None:
        receive_block(self.ground, self.service, self.one_import(), [numbered(self.random.randint(1, 30))])

    def hang_up(self) -> None:
        def pieces() -> Any:
            yield numbered(1)
            raise Broken

        receive_block(self.ground, self.service, self.one_import(), pieces())

    def start(self) -> None:
        ask(self.ground, self.service, self.one_import(), Status.STARTED)

    def work(self) -> None:
        work(self.ground, self.one_import())

    def die(self) -> None:
        import_id = self.one_import()
        try:
            work(self.ground, import_id, should_stop=after_batches(1, die))
        finally:
            let_leases_expire(self.ground, import_id)

    def cancel(self) -> None:
        ask(self.ground, self.service, self.one_import(), Status.CANCELED)

    def delete(self) -> None:
        delete_import(self.ground, self.service, self.one_import())

    def take_file(self) -> None:
        content = self.random.choice([numbered(self.random.randint(1, 30)), b"no JSON"])
        self.jobs.append(a_file_import(self.ground, self.service, content))

    def export(self) -> Job:
        self.jobs.append(an_export(self.ground, self.service))
        return self.jobs[-1]

    def work_on_job(self, should_stop: Callable[[], bool] = never) -> None:
        self.one_job().work(should_stop=should_stop)

    def die_on_job(self) -> None:
        job = self.one_job()
        try:
            job.work(should_stop=after_batches(1, die))
        finally:
            (_let_import_lease_expire if job.kind == "import" else let_lease_expire)(job)

    def cancel_job(self) -> None:
        self.one_job().cancel()

    def let_time_pass(self) -> None:
        for job in self.jobs:
            if job.kind == "export":
                let_links_expire(job)
        sweep(tuned(self.ground, upload_days=1e-9))


def die() -> bool:
    raise Killed


def _let_import_lease_expire(job: Job) -> None:
    let_leases_expire(job.ground, job.import_id)


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_that_of_the_rows(ground: Ground, service: Service, seed: int):
    accounts(ground, service, {f"A{n}": {"accountId": f"A{n}", "text": "x" * 90} for n in range(5)})
    limited = tuned(ground, stored_bytes=LIMIT_BYTES, batch_lines=5, lease_seconds=60)
    tenant = Tenant(limited, service, Random(seed))
    done: list[str] = []

    for _ in range(STEPS):
        done.append(tenant.step())
        count = counted(ground, service)
        assert count == counted_again(ground, service), done
        assert 0 <= count <= LIMIT_BYTES, done

    for row in list_imports(ground, service, 1):
        delete_import(ground, service, row.id)
    for job in tenant.jobs:
        job.work_off()
    tenant.let_time_pass()
    assert counted(ground, service) == 0
