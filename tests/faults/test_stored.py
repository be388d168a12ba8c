"""What of block storage is told as missing, or as left behind."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from api.usecases.imports import delete_import
from api.usecases.services import Service
from shared.db.models import Block, Upload
from shared.ground import Ground
from tests.faults.stored import Stored
from tests.integration.builders import an_import, numbered, storage_folder
from workers.sweeping import sweep


@pytest.fixture
def folder(ground: Ground) -> Path:
    return storage_folder(ground)


@pytest.fixture
def stored(ground: Ground, folder: Path) -> Stored:
    return Stored(ground, folder, removal_seconds=0.0)


def block_of(ground: Ground, folder: Path, import_id: int) -> Path:
    with ground.database.begin() as session:
        return folder / session.get_one(Block, (import_id, 1)).storage_key


@pytest.mark.parametrize("content", [None, b"shorter"])
def test_a_block_that_is_gone_or_another_is_missing(
    ground: Ground, service: Service, folder: Path, stored: Stored, content: bytes | None
):
    path = block_of(ground, folder, an_import(ground, service, numbered(3)))
    before = path.read_bytes()

    path.unlink() if content is None else path.write_bytes(content)
    missing = [one for one in stored.missing() if one.startswith(f"{path.parent.name}/")]
    path.write_bytes(before)

    assert len(missing) == 1


def test_a_deleted_imports_bytes_are_left_behind_until_the_sweep_removed_them(
    ground: Ground, service: Service, stored: Stored
):
    import_id = an_import(ground, service, numbered(3))
    assert stored.left_behind(also_of_imports=True) == []

    delete_import(ground, service, import_id)

    [told] = stored.left_behind(also_of_imports=False)
    assert told.startswith(f"{import_id}/")
    sweep(ground)
    assert stored.left_behind(also_of_imports=True) == []


def test_bytes_without_a_row_are_left_behind_though_they_go_with_their_import(
    ground: Ground, service: Service, folder: Path, stored: Stored
):
    path = block_of(ground, folder, an_import(ground, service, numbered(3))).with_name("stray")

    path.write_bytes(b"nobody's")

    assert stored.left_behind(also_of_imports=False) == []
    assert stored.left_behind(also_of_imports=True) == [f"{path.parent.name}/stray: left behind"]
    path.unlink()


def test_a_file_of_an_export_that_is_not_at_work_is_left_behind(folder: Path, stored: Stored):
    group = folder / "export-0-1"
    group.mkdir()
    (group / "file").touch()

    told = stored.left_behind(also_of_imports=False)

    (group / "file").unlink()
    group.rmdir()
    assert told == ["export-0-1/file: left behind"]


def test_an_upload_that_nobody_ended_is_left_behind(ground: Ground, service: Service, stored: Stored):
    import_id = an_import(ground, service, numbered(3))
    with ground.database.begin() as session:
        session.add(Upload(import_id=import_id))

    assert stored.left_behind(also_of_imports=False) == []
    assert stored.left_behind(also_of_imports=True) == [f"upload of import {import_id}: left behind"]
    with ground.database.begin() as session:
        session.delete(session.get_one(Upload, import_id))


def test_whatever_is_removed_meanwhile_is_looked_at_without_harm(ground: Ground, tmp_path: Path):
    """The sweep removes a deleted import's folder, at whatever moment of the look."""
    folders, is_over = [tmp_path / str(number) for number in range(30)], Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            for folder in folders:
                folder.mkdir()
            for folder in folders:
                folder.rmdir()

    with ThreadPoolExecutor(1) as threads:
        sweeping = threads.submit(come_and_go)
        try:
            for _ in range(200):
                Stored(ground, tmp_path)
        finally:
            is_over.set()

    assert sweeping.exception() is None
