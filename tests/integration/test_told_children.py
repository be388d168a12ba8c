"""Children of a worker that are told to stop alone, each at an awkward moment."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.db.models import Block
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration.builders import Counts, an_import, counts, numbered, take_nudges, work_off
from tests.integration.conftest import Refuse
from tests.integration.job_builders import locked_documents
from tests.integration.programs import program
from tests.integration.test_held_rows import waits

# A look around each second, and one in which its messages are read; the rest is for slow machines.
GONE_SECONDS = 5.0
OUR_OWN_FAULT = "42883"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}  # which is not there


@pytest.fixture(scope="module")
def ground(module_apart: Ground) -> Ground:
    """With a database of its own: else the child may be at what other tests left, and break over that."""
    return module_apart


@pytest.fixture
def alone(ground: Ground, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker with one child that would wait for minutes for what others hold."""
    take_nudges(ground)
    own = {"DATABASE_URL": ground.settings.database_url, "STORAGE_URL": ground.settings.storage_url}
    only_child = {"LONGSHORE_WORKER_PROCESSES": "1", "LONGSHORE_LEASE_SECONDS": "600"}
    return dict(environment) | own | only_child


def is_gone(child: psutil.Process) -> bool:
    gone, _ = psutil.wait_procs([child], timeout=GONE_SECONDS)
    return child in gone


def is_complete(ground: Ground, service: Service, import_id: int) -> bool:
    return get_import(ground, service, import_id).status == Status.COMPLETE


@pytest.mark.parametrize("traced", [{}, COLLECTOR], ids=["untraced", "traced"])
def test_a_child_hears_that_it_is_told_to_stop_while_it_waits_for_what_others_hold(
    ground: Ground, service: Service, alone: dict[str, str], traced: dict[str, str]
):
    """Where all of a worker were told it gave its block back; told alone it heard of it minutes later.

    A thread that sends spans must not hear of it instead.
    """
    import_id = an_import(ground, service, numbered(3))
    with locked_documents(ground), program("worker", alone | traced) as worker:
        wait_for(lambda: waits(ground, "documents"))
        [child] = worker.children()

        child.terminate()

        assert is_gone(child)
    with ground.database.begin() as session:
        assert session.get_one(Block, (import_id, 1)).suspicions == 0
    assert work_off(ground, service, import_id).failure_count == 0
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_child_that_is_told_to_stop_ends_with_its_task_also_where_that_breaks(
    ground: Ground, service: Service, alone: dict[str, str], refuse: Refuse, tmp_path: Path
):
    """It stayed until its next task. What broke, the giving back of its block, is logged all the same."""
    an_import(ground, service, numbered(3))
    given_back = "EXISTS (SELECT FROM written WHERE leased_until IS NULL)"
    seeing = "REFERENCING NEW TABLE AS written"
    refuse(given_back, OUR_OWN_FAULT, table="blocks", event="AFTER UPDATE", seeing=seeing)
    log = tmp_path / "log"
    with (
        log.open("wb") as written,
        locked_documents(ground),
        program("worker", alone, log=written) as worker,
    ):
        wait_for(lambda: waits(ground, "documents"))
        [child] = worker.children()

        child.terminate()

        assert is_gone(child)
    assert b"refused by a test" in log.read_bytes()


@pytest.mark.parametrize("where", ["unnamed", "named"])
def test_a_child_that_is_told_to_stop_just_after_its_fork_does_so_and_its_worker_goes_on(
    ground: Ground, service: Service, alone: dict[str, str], where: str
):
    """It had its parent's handlers still. They ignored it, or sent all of the worker home for ever."""
    first = an_import(ground, service, numbered(3))
    halting = "tests.integration.halting_children"
    with program("worker", alone | {"HALT": where}, module=halting) as worker:
        child = halted(worker)
        child.resume()
        # A worker gives up whose children end before it has begun.
        wait_for(lambda: is_complete(ground, service, first))
        child.terminate()
        young = halted(worker)

        young.terminate()
        young.resume()

        assert is_gone(young)
        halted(worker).resume()
        second = an_import(ground, service, numbered(3))
        wait_for(lambda: is_complete(ground, service, second))


def halted(worker: psutil.Process) -> psutil.Process:
    """Its child, as soon as that stands still after its fork."""

    def look() -> psutil.Process | None:
        for child in worker.children():
            with suppress(psutil.NoSuchProcess):
                if child.status() == psutil.STATUS_STOPPED:
                    return child
        return None

    found = wait_for(look)
    assert found is not None
    return found
