"""The settings of a worker's own process, seen from outside."""

import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from api.usecases.collections import add_collection
from api.usecases.imports import get_import
from api.usecases.services import Service, add_service
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration import outbox
from tests.integration.builders import an_import, numbered, take_nudges
from tests.integration.job_builders import accounts, an_export
from tests.integration.programs import program


@pytest.mark.usefixtures("ground")
@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_file_is_touched_again_and_again_while_a_process_works(
    environment: Mapping[str, str], tmp_path: Path, role: str
):
    pulse = tmp_path / "pulse"
    own = {"LONGSHORE_PULSE_FILE": str(pulse), "LONGSHORE_WORKER_PROCESSES": "1"}

    with program(role, environment | own):
        first = wait_for(lambda: pulse.exists() and pulse.stat().st_mtime_ns)

        assert wait_for(lambda: pulse.stat().st_mtime_ns > first)


@pytest.mark.usefixtures("ground")
def test_a_worker_has_as_many_processes_as_it_is_told(environment: Mapping[str, str]):
    with program("worker", environment | {"LONGSHORE_WORKER_PROCESSES": "3"}) as worker:
        assert wait_for(lambda: len(worker.children()) == 3)


def test_a_worker_begins_once_the_database_is_migrated(
    environment: Mapping[str, str], empty: Database, empty_url: str, tmp_path: Path
):
    """Started at once with `longshore migrate`, it broke over tables that were not there yet."""
    log, pulse = tmp_path / "log", tmp_path / "pulse"
    own = {"DATABASE_URL": empty_url, "LONGSHORE_PULSE_FILE": str(pulse)}

    with log.open("wb") as written, program("worker", environment | own, log=written) as worker:
        wait_for(lambda: b"waiting_for_schema" in log.read_bytes())
        was_ready, children = pulse.exists(), worker.children()
        migrate(empty)
        wait_for(lambda: pulse.exists() and worker.children())

    assert not was_ready
    assert children == []
    assert log.read_bytes().count(b"waiting_for_schema") == 1


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_for_the_schema_stops_when_it_is_told_to(
    environment: Mapping[str, str], empty_url: str, tmp_path: Path, told: signal.Signals
):
    log, own = tmp_path / "log", {"DATABASE_URL": empty_url}

    with log.open("wb") as written, program("worker", environment | own, log=written) as worker:
        wait_for(lambda: b"waiting_for_schema" in log.read_bytes())
        worker.send_signal(told)

        assert worker.wait(timeout=10) == 0


def test_a_worker_stops_at_once_while_its_database_does_not_answer(environment: Mapping[str, str]):
    """Such a connection is given up after five seconds, in which nobody hears of a signal."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        own = {"DATABASE_URL": f"postgresql://longshore@127.0.0.1:{silent.getsockname()[1]}/longshore"}
        with program("worker", environment | own) as worker:
            connection, _ = silent.accept()
            with connection:
                worker.terminate()

                assert worker.wait(timeout=4) == 0


def test_a_started_import_runs_without_a_sweep(
    ground: Ground, service: Service, environment: Mapping[str, str]
):
    """To be started is to be nudged for: this worker makes no sweeps, and there is no other."""
    take_nudges(ground)
    own = {"LONGSHORE_WORKER_PROCESSES": "1"}

    with program("worker", environment | own, "--queues", IMPORTS_QUEUE):
        import_id = an_import(ground, service, numbered(1))

        assert wait_for(lambda: get_import(ground, service, import_id).status == Status.COMPLETE)


def test_a_worker_hears_that_a_job_has_given_way(apart: Ground, environment: Mapping[str, str]):
    service, _ = add_service(apart, "tenant")
    add_collection(apart, service, "/contacts")
    accounts(apart, service)
    export = an_export(apart, service)
    new = an_import(apart, service, numbered(1))
    take_nudges(apart)
    apart.dispatcher.nudge_export(export.export_id, gave_way=True)
    own = {
        "DATABASE_URL": apart.settings.database_url,
        "STORAGE_URL": apart.settings.storage_url,
        "LONGSHORE_WORKER_PROCESSES": "1",
    }

    with program("worker", environment | own, "--queues", IMPORTS_QUEUE):
        wait_for(lambda: export.status == "Completed")

    assert get_import(apart, service, new).status == Status.STARTED


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
