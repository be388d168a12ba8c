"""docker/BACKUP.md, done: a service is backed up while it works, and goes on elsewhere as it should have."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.usecases.collections import add_collection, find_collection
from api.usecases.imports import get_import
from api.usecases.services import Service, add_service, find_service
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.db.queries.relations import ItemRelation
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration.backups import (
    PAGE,
    SMALL,
    Found,
    Place,
    Sender,
    a_block,
    a_place,
    expected,
    half_applied,
    opened,
)
from tests.integration.builders import an_import, ask, counts, documents, let_leases_expire
from tests.integration.programs import program
from tests.integration.querying import ask as ask_in_sql
from tests.services import Services

BLOCKS, LINES = 8, 3000
PATHS = ("/paused", "/killed", "/running", "/coming")


@dataclass(frozen=True)
class Restored:
    """The service elsewhere, and how it was before anything went on there."""

    place: Place
    ground: Ground
    service: Service
    imports: dict[str, int]
    acknowledged: int  # blocks, before the backup began
    found: dict[str, Found]


@pytest.fixture(scope="module")
def restored(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """Backed up while a worker applies an import and a client sends blocks; the old service is gone then."""
    if shutil.which("rsync") is None:
        pytest.skip("There is no rsync on PATH: install it (on Debian: apt-get install rsync).")
    backup = tmp_path_factory.mktemp("backup")
    with ExitStack() as old:
        place = old.enter_context(a_place(services, tmp_path_factory.mktemp("old")))
        ground = old.enter_context(opened(place))
        imports, acknowledged = back_up_at_work(place, ground, backup)
    with a_place(services, tmp_path_factory.mktemp("new")) as place:
        place.do("Restore", backup)
        with opened(place) as ground:
            service = find_service(ground, "tenant")
            found = {path: Found.look(ground, service, path, imports[path]) for path in PATHS}
            yield Restored(place, ground, service, imports, acknowledged, found)


def back_up_at_work(place: Place, ground: Ground, backup: Path) -> tuple[dict[str, int], int]:
    """The imports by their collections, and how many blocks were acknowledged when the backup began."""
    migrate(ground.database)
    mark_storage(ground.database, ground.storage)
    prepare_reader(ground.database, reader_of(ground.settings.database_url))
    service, _ = add_service(ground, "tenant")
    for path in PATHS:
        add_collection(ground, service, path)
    imports = {path: half_applied(ground, service, path) for path in ("/paused", "/killed")}
    ask(ground, service, imports["/paused"], Status.PAUSED)
    sender = Sender(ground, service)
    imports["/coming"] = sender.import_id
    blocks = [a_block(number, LINES) for number in range(1, BLOCKS + 1)]
    with program("worker", place.environment), sender.at_work():
        imports["/running"] = running = an_import(ground, service, *blocks, collection="/running")
        wait_for(lambda: counts(ground, service, running).created and sender.acknowledged)
        acknowledged = sender.acknowledged
        place.do("Backup", backup)
        assert get_import(ground, service, running).status == Status.RUNNING
    return imports, acknowledged


@pytest.fixture(scope="module")
def at_work(restored: Restored) -> Iterator[None]:
    """A worker and beat of the restored service, which find nothing in Redis."""
    with program("worker", restored.place.environment), program("beat", restored.place.environment):
        yield


def wait_for_end(restored: Restored, path: str) -> None:
    import_id = restored.imports[path]
    wait_for(lambda: get_import(restored.ground, restored.service, import_id).ended_at, seconds=60)
    found = get_import(restored.ground, restored.service, import_id)
    assert found.status == Status.COMPLETE, found.last_error


def assert_exact(restored: Restored, path: str, *, blocks: int, lines: int) -> None:
    found = Found.look(restored.ground, restored.service, path, restored.imports[path])
    assert found == expected(blocks, lines)


def test_no_command_of_the_page_shows_a_password():
    """Everybody who may call `ps` read that of DATABASE_URL."""
    commands = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)

    assert len(commands) == 3
    assert not [each for each in commands if re.search(r"_URL|PGPASSWORD|password", each)]


def test_documents_counters_and_rejections_are_of_one_moment(restored: Restored):
    for path in ("/paused", "/killed", "/running"):
        found = restored.found[path]
        assert found.documents == found.counts.created > 0
        assert len(found.rejections) == found.counts.rejected
    assert restored.found["/running"].counts.lines < BLOCKS * LINES


@pytest.mark.usefixtures("at_work")
def test_what_a_dead_worker_held_is_taken_over_at_its_checkpoint(restored: Restored):
    before = restored.found["/killed"].counts.lines

    let_leases_expire(restored.ground, restored.imports["/killed"])
    wait_for_end(restored, "/killed")

    assert 0 < before < 3 * SMALL * 3
    assert_exact(restored, "/killed", blocks=3, lines=SMALL * 3)


@pytest.mark.usefixtures("at_work")
def test_what_was_being_applied_goes_on_by_itself(restored: Restored):
    wait_for_end(restored, "/running")

    assert_exact(restored, "/running", blocks=BLOCKS, lines=LINES)


@pytest.mark.usefixtures("at_work")
def test_what_was_paused_goes_on_when_it_is_resumed(restored: Restored):
    before = restored.found["/paused"].counts.lines

    ask(restored.ground, restored.service, restored.imports["/paused"], Status.RESUMED)
    wait_for_end(restored, "/paused")

    assert 0 < before < 3 * SMALL * 3
    assert_exact(restored, "/paused", blocks=3, lines=SMALL * 3)


@pytest.mark.usefixtures("at_work")
def test_no_block_is_missing_that_was_acknowledged_before_the_backup(restored: Restored):
    import_id = restored.imports["/coming"]
    there = get_import(restored.ground, restored.service, import_id).block_count

    ask(restored.ground, restored.service, import_id, Status.STARTED)
    wait_for_end(restored, "/coming")

    assert there >= restored.acknowledged
    assert_exact(restored, "/coming", blocks=there, lines=SMALL)


def test_clients_sql_runs_as_a_login_of_the_new_server(restored: Restored):
    collection_id = find_collection(restored.ground, restored.service, "/killed")

    rows = ask_in_sql(
        restored.ground,
        "SELECT count(*) AS found FROM killed",
        {"killed": ItemRelation(collection_id)},
    )

    assert rows == [{"found": len(documents(restored.ground, restored.service, "/killed"))}]
