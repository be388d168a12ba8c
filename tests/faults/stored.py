"""What lies in block storage against the rows that name it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from shared.ground import Ground
from tests.faults.waiting import NotInTime, wait_until
from workers.export_groups import group_of

REMOVAL_SECONDS = 10.0

NAMED = """
SELECT b.storage_key AS key, b.size_bytes, c.path = '/damaged' AS is_damaged
  FROM blocks b JOIN imports i ON i.id = b.import_id JOIN collections c ON c.id = i.collection_id
 WHERE i.bytes_removed_at IS NULL
UNION ALL
SELECT storage_key, size_bytes, false FROM export_files
"""
# An upload whose API was killed is given up after an hour.
KEEPING_IMPORTS = """
SELECT id FROM imports WHERE bytes_removed_at IS NULL UNION ALL SELECT import_id FROM uploads
"""
UPLOADS = "SELECT import_id FROM uploads"
EXPORTS_AT_WORK = "SELECT id, epoch FROM exports WHERE ended_at IS NULL"


class Stored:
    """What is stored from some moment on."""

    def __init__(self, ground: Ground, folder: Path, *, removal_seconds: float = REMOVAL_SECONDS) -> None:
        """What is still there so long after nobody needs it is left behind."""
        self._ground = ground
        self._folder = folder
        self._removal_seconds = removal_seconds
        self._before = set(self._files())
        self._uploads_before = self._uploads()

    def missing(self) -> list[str]:
        """What rows name that is not there as it was stored, and that no client damaged itself, in words."""
        there = dict(self._files())
        return [
            f"{row.key}: {there.get(row.key, 'no')} bytes instead of {row.size_bytes}"
            for row in _named(self._ground)
            if there.get(row.key) != row.size_bytes and not row.is_damaged
        ]

    def left_behind(self, *, also_of_imports: bool) -> list[str]:
        """What is there, and nobody will look for it or remove it with what is its own, in words.

        An API or worker that is killed, or does not hear that it has committed, leaves bytes which go with
        their import only, and an upload that is given up later; with `also_of_imports` these are told, too.
        """
        with suppress(NotInTime):  # somebody may just be about to remove it
            wait_until(lambda: not self._nobodys(also_of_imports), self._removal_seconds, "it is removed")
        return [f"{key}: left behind" for key in self._nobodys(also_of_imports)]

    def _nobodys(self, also_of_imports: bool) -> list[str]:
        uploads = self._uploads() - self._uploads_before if also_of_imports else set()
        return [*self._nobodys_files(also_of_imports), *(f"upload of import {number}" for number in uploads)]

    def _nobodys_files(self, also_of_imports: bool) -> list[str]:
        there = {key for key, _ in set(self._files()) - self._before}
        named = {row.key for row in _named(self._ground)}
        owners = _owners(self._ground, with_imports=not also_of_imports)
        return sorted(key for key in there - named if key.split("/")[0] not in owners)

    def _uploads(self) -> set[int]:
        with self._ground.database.begin() as session:
            return set(session.scalars(text(UPLOADS)))

    def _files(self) -> Iterator[tuple[str, int]]:
        for folder in self._folder.iterdir():
            for path in _paths_in(folder):
                with suppress(FileNotFoundError):  # it has just been removed
                    yield path.relative_to(self._folder).as_posix(), path.stat().st_size


def _paths_in(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):  # as above; what is beside the folders is nobody's
        return list(folder.iterdir())
    return []


def _named(ground: Ground) -> Sequence[Row[Any]]:
    with ground.database.begin() as session:
        return session.execute(text(NAMED)).all()


def _owners(ground: Ground, *, with_imports: bool) -> set[str]:
    with ground.database.begin() as session:
        imports = session.scalars(text(KEEPING_IMPORTS)).all() if with_imports else []
        exports = session.execute(text(EXPORTS_AT_WORK)).all()
    return {str(number) for number in imports} | {group_of(row.id, row.epoch) for row in exports}
