"""What workers and beat count, asked for at a port of their own."""

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.usecases.imports import get_import
from api.usecases.services import Service
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate
from shared.dispatch import SWEEP_QUEUE
from shared.errors import SettingsInvalid
from shared.ground import Ground
from shared.lifecycle import Status
from shared.settings import Settings
from tests.acceptance.waiting import wait_for
from tests.integration.builders import an_import, ndjson, numbered
from tests.integration.programs import program
from tests.scraping import TOKEN, ask, scrape
from tests.services import Services
from workers.app import create_celery


@pytest.fixture(scope="module")
def environment(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """With services of this module's own: what other tests left would be counted, too."""
    blocks = tmp_path_factory.mktemp("counted-blocks")
    with services.supply(tmp_path_factory.mktemp("counted")) as urls:
        yield {
            "DATABASE_URL": urls.database_url,
            "REDIS_URL": urls.redis_url,
            "STORAGE_URL": f"file://{blocks}",
        }


@pytest.fixture(scope="module")
def ground(environment: dict[str, str]) -> Iterator[Ground]:
    opened = Ground.open(Settings.read(environment))
    migrate(opened.database)
    mark_storage(opened.database, opened.storage)
    yield opened
    opened.close()


def free_port() -> int:
    with socket.create_server(("", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def watched(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker or beat that tells its metrics."""
    return {
        **environment,
        "LONGSHORE_METRICS_TOKEN": TOKEN,
        "LONGSHORE_METRICS_PORT": str(free_port()),
        "LONGSHORE_WORKER_PROCESSES": "2",
    }


def listens(watched: Mapping[str, str]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(watched["LONGSHORE_METRICS_PORT"]))) == 0


def counted(watched: Mapping[str, str], name: str, **labels: str) -> float:
    found = scrape(int(watched["LONGSHORE_METRICS_PORT"]))
    return found.value(f"longshore_{name}", **labels)


def test_a_worker_tells_what_its_children_did(ground: Ground, service: Service, watched: dict[str, str]):
    import_id = an_import(ground, service, numbered(3), ndjson({"documentid": "001"}, b"oops"))

    with program("worker", watched) as worker:
        wait_for(lambda: listens(watched))
        ground.dispatcher.nudge_import(import_id)
        wait_for(lambda: counted(watched, "imports_total", status="complete"))
        # A batch is counted behind its COMMIT, and so behind the move.
        wait_for(lambda: counted(watched, "batch_seconds_count") == 2)
        for child in worker.children():
            child.kill()

        assert counted(watched, "documents_total", outcome="created") == 3
        assert counted(watched, "documents_total", outcome="rejected") == 1
        assert counted(watched, "batch_seconds_count") == 2


def test_a_child_works_on_where_somebody_removed_what_was_counted(
    ground: Ground, service: Service, watched: dict[str, str]
):
    watched["LONGSHORE_WORKER_PROCESSES"] = "1"
    first = an_import(ground, service, numbered(3))

    with program("worker", watched) as worker:
        ground.dispatcher.nudge_import(first)
        # A worker gives up whose children die before it has begun.
        wait_for(lambda: is_complete(ground, service, first))
        [child] = worker.children()
        shutil.rmtree(folder_of(worker))
        child.kill()
        wait_for(lambda: worker.children() not in ([], [child]))
        # Not before: the first one's end nudges who waits, and the child would have died over it.
        second = an_import(ground, service, numbered(3))
        ground.dispatcher.nudge_import(second)

        wait_for(lambda: is_complete(ground, service, second))


@pytest.fixture
def no_sweeps(ground: Ground) -> None:
    """Those that no worker has taken keep beat from asking for more."""
    create_celery(ground.settings).connection_for_write().default_channel.queue_purge(SWEEP_QUEUE)


@pytest.mark.usefixtures("no_sweeps")
@pytest.mark.parametrize("role", ["worker", "beat"])
def test_nothing_that_was_counted_stays_behind(watched: dict[str, str], role: str):
    with program(role, watched) as process:
        wait_for(lambda: listens(watched))
        wait_for(lambda: process.children() if role == "worker" else counted(watched, "beats_total"))
        folder = folder_of(process)
        assert folder.exists()

        process.terminate()
        process.wait()

    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_and_what_another_one_holds_is_not(watched: dict[str, str]):
    with program("beat", watched) as killed:
        wait_for(lambda: listens(watched))
        orphan = folder_of(killed)
        killed.kill()
        killed.wait()
    age(orphan)

    with program("beat", watched) as first:
        wait_for(lambda: listens(watched))
        held = folder_of(first)
        age(held)
        other = watched | {"LONGSHORE_METRICS_PORT": str(free_port())}
        with program("beat", other):
            wait_for(lambda: listens(other))

            assert held.exists()
            assert not orphan.exists()


def folder_of(process: psutil.Process) -> Path:
    """The folder that the process holds."""
    opened = []
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            opened.append(link.readlink())
    [folder] = [path for path in opened if path.name.startswith("longshore-metrics-")]
    return folder


def age(folder: Path) -> None:
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))


@pytest.mark.usefixtures("no_sweeps")
def test_beat_tells_how_often_it_asked_for_a_sweep(watched: dict[str, str]):
    with program("beat", watched):
        wait_for(lambda: listens(watched))

        assert wait_for(lambda: counted(watched, "beats_total"))


def test_whoever_has_not_the_token_learns_nothing(watched: dict[str, str]):
    port = int(watched["LONGSHORE_METRICS_PORT"])

    with program("beat", watched):
        wait_for(lambda: listens(watched))

        assert [ask(port, token).status_code for token in (None, "wrong")] == [401, 401]
        assert "longshore_" not in ask(port, None).text


def test_a_port_that_is_taken_keeps_no_worker_from_its_work(
    ground: Ground, service: Service, watched: dict[str, str]
):
    import_id = an_import(ground, service, numbered(3))

    with socket.create_server(("", int(watched["LONGSHORE_METRICS_PORT"]))), program("worker", watched):
        ground.dispatcher.nudge_import(import_id)

        assert wait_for(lambda: is_complete(ground, service, import_id))


def is_complete(ground: Ground, service: Service, import_id: int) -> bool:
    return get_import(ground, service, import_id).status == Status.COMPLETE


def test_a_port_without_a_token_is_refused(environment: dict[str, str]):
    with pytest.raises(SettingsInvalid, match="LONGSHORE_METRICS_TOKEN: is needed"):
        Settings.read(environment | {"LONGSHORE_METRICS_PORT": "9100"})
