"""When a volume of blocks is marked, and when it is refused instead."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from api.cli.main import longshore
from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate
from shared.errors import StorageFault, StorageUnmarked
from shared.ground import Ground
from shared.storage.mark import MARK
from tests.integration.builders import an_import, numbered, storage_folder, volume_id


@pytest.fixture
def tenant(apart: Ground) -> Service:
    made, _ = add_service(apart, "tenant")
    add_collection(apart, made, "/contacts")
    return made


def make_bare(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def forget_mark(ground: Ground) -> None:
    """As in an installation that is older than marks."""
    (storage_folder(ground) / MARK).unlink()
    with ground.database.begin() as session:
        session.execute(text("UPDATE storage_volume SET marked_at = NULL"))


def test_marking_twice_is_marking_once(apart: Ground):
    mark_storage(apart.database, apart.storage)
    mark_storage(apart.database, apart.storage)

    assert (storage_folder(apart) / MARK).read_text() == f"{volume_id(apart)()}\n"


def test_a_volume_that_was_marked_is_never_replaced_by_a_bare_folder(apart: Ground):
    make_bare(storage_folder(apart))

    with pytest.raises(StorageUnmarked, match=volume_id(apart)()):
        mark_storage(apart.database, apart.storage)

    assert not apart.storage.is_marked()


def test_what_the_refusal_says_makes_another_folder_the_volume(apart: Ground):
    make_bare(storage_folder(apart))
    with pytest.raises(StorageUnmarked) as refusal:
        mark_storage(apart.database, apart.storage)
    [line] = [word for word in str(refusal.value).split() if word == volume_id(apart)()]

    (storage_folder(apart) / MARK).write_text(line)

    mark_storage(apart.database, apart.storage)
    apart.storage.check()


def test_a_volume_older_than_marks_is_known_by_its_blocks(apart: Ground, tenant: Service):
    an_import(apart, tenant, numbered(1))
    forget_mark(apart)

    mark_storage(apart.database, apart.storage)

    apart.storage.check()


def test_a_folder_without_the_blocks_of_before_is_not_marked(apart: Ground, tenant: Service):
    an_import(apart, tenant, numbered(1))
    forget_mark(apart)
    make_bare(storage_folder(apart))

    with pytest.raises(StorageUnmarked):
        mark_storage(apart.database, apart.storage)


def test_the_volume_of_another_database_is_refused(apart: Ground):
    forget_mark(apart)
    (storage_folder(apart) / MARK).write_text("another")

    with pytest.raises(StorageFault, match="another database"):
        mark_storage(apart.database, apart.storage)


@pytest.fixture
def run_migrate(apart: Ground) -> Callable[..., Result]:
    """Runs `longshore migrate`, with STORAGE_URL or without."""

    def run(storage_url: str | None) -> Result:
        environment = {"DATABASE_URL": apart.settings.database_url, "STORAGE_URL": storage_url}
        return CliRunner().invoke(longshore, ["migrate"], env=environment, standalone_mode=False)

    return run


def test_migrate_marks_the_volume_and_says_what_to_do_where_it_cannot(
    apart: Ground, run_migrate: Callable[..., Result]
):
    forget_mark(apart)
    migrate(apart.database)

    without = run_migrate(None)
    marking = run_migrate(apart.settings.storage_url)
    again = run_migrate(None)

    assert "run this once with STORAGE_URL" in without.stderr
    assert marking.stderr == again.stderr == ""
    apart.storage.check()
