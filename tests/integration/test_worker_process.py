"""The settings of a worker's own process, seen from outside."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.dispatch import SWEEP_QUEUE
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration import outbox
from tests.integration.builders import an_import, numbered, take_nudges
from tests.integration.programs import program


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_file_is_touched_again_and_again_while_a_process_works(
    environment: Mapping[str, str], tmp_path: Path, role: str
):
    pulse = tmp_path / "pulse"
    own = {"LONGSHORE_PULSE_FILE": str(pulse), "LONGSHORE_WORKER_PROCESSES": "1"}

    with program(role, environment | own):
        first = wait_for(lambda: pulse.exists() and pulse.stat().st_mtime_ns)

        assert wait_for(lambda: pulse.stat().st_mtime_ns > first)


def test_a_worker_has_as_many_processes_as_it_is_told(environment: Mapping[str, str]):
    with program("worker", environment | {"LONGSHORE_WORKER_PROCESSES": "3"}) as worker:
        assert wait_for(lambda: len(worker.children()) == 3)


def test_a_worker_may_be_there_for_sweeps_and_mails_only(
    ground: Ground, service: Service, environment: Mapping[str, str], tmp_path: Path
):
    """Others may all be at exports that take hours, which cannot give way."""
    outbox.empty(ground)
    job_id = outbox.a_due_mail(ground, service)
    take_nudges(ground)
    import_id = an_import(ground, service, numbered(1))
    own = {"SMTP_URL": f"file://{tmp_path}", "LONGSHORE_WORKER_PROCESSES": "1"}

    with program("worker", environment | own, "--queues", SWEEP_QUEUE):
        ground.dispatcher.nudge_sweep()
        wait_for(lambda: outbox.fate(ground, job_id) == "sent")

    assert import_id in take_nudges(ground)
    assert get_import(ground, service, import_id).status == Status.STARTED
