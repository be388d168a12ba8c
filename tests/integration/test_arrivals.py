"""Files whose upload ends in doubt."""

from uuid import UUID, uuid4

import pytest

from api.usecases.arrivals import FileArrival
from api.usecases.jobs import JobDescription, JobIdTaken, ShownJob
from api.usecases.readings import ImportOrder
from api.usecases.services import Service
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from tests.integration.builders import documents
from tests.integration.job_builders import (
    Job,
    an_item_type,
    at_statement,
    lose_the_answer_to_the_next_commit,
)
from workers.sweeping import sweep

LATE = JobDescription()  # the form's fields come after the file
EARLY = JobDescription(item_type="Account")
FILE = b'[{"accountId":"A1"}]'


def upload(ground: Ground, service: Service, job_id: UUID, known: JobDescription) -> ShownJob:
    with FileArrival(ground, service) as arrival:
        arrival.store([FILE], known, job_id)
        return arrival.start(EARLY, ImportOrder(is_csv=False), job_id)


@pytest.mark.parametrize("known", [EARLY, LATE], ids=["told before the file", "told after it"])
def test_a_job_that_may_have_been_accepted_stays(ground: Ground, service: Service, known: JobDescription):
    """It was deleted where only the answer to the COMMIT was lost: a worker had it already, and a second
    upload under its id applied the file again."""
    an_item_type(ground, service)
    job = Job(ground, service, uuid4())

    with (
        at_statement("INSERT INTO blocks", lose_the_answer_to_the_next_commit),
        pytest.raises(DatabaseUnavailable),
    ):
        upload(ground, service, job.id, known)

    with pytest.raises(JobIdTaken):
        upload(ground, service, job.id, known)
    sweep(ground)
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["A1"]
