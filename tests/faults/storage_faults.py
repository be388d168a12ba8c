"""Block storage that is full, away, or gives nothing or something else for a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random

from sqlalchemy import text

from shared.errors import StorageAway
from tests.faults.disk import NO_SPACE
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing, parsed
from tests.faults.registry import Met, NotNow, fault

# The next block of each import that a worker is still to read: one that it is at is open already.
UNREAD = """
SELECT DISTINCT ON (import_id) storage_key, import_id
  FROM blocks b JOIN imports i ON i.id = b.import_id
 WHERE b.finished_at IS NULL AND (b.leased_until IS NULL OR b.leased_until < clock_timestamp())
   AND i.status IN ('started', 'running', 'resumed')
   AND i.collection_id NOT IN (SELECT id FROM collections WHERE path = '/damaged')
 ORDER BY import_id, number
"""
_OF_STORAGE = "Block storage "  # what is said begins so


@fault("block disk full", "blocks", (1.0, 3.0), needs=lambda fleet: fleet.foundation.blocks_disk is not None)
def fill_blocks_disk(fleet: Fleet, _: Random) -> Iterator[Met]:
    assert fleet.foundation.blocks_disk is not None
    hearing = Hearing(member.log for member in fleet.members)
    fleet.foundation.blocks_disk.fill()
    yield lambda: hearing.has_heard(NO_SPACE)
    fleet.foundation.blocks_disk.relieve()


@fault("blocks missing for a while", "blocks", (0.5, 2.0))
def hide_blocks(fleet: Fleet, dice: Random) -> Iterator[Met]:
    yield from _in_place_of_some(fleet, dice, lambda *_: None)


@fault("blocks altered for a while", "blocks", (0.5, 2.0))
def alter_blocks(fleet: Fleet, dice: Random) -> Iterator[Met]:
    yield from _in_place_of_some(
        fleet, dice, lambda path, content: path.write_bytes(content.replace(b"00", b"90"))
    )


@fault("blocks truncated for a while", "blocks", (0.5, 2.0))
def truncate_blocks(fleet: Fleet, dice: Random) -> Iterator[Met]:
    yield from _in_place_of_some(
        fleet, dice, lambda path, content: path.write_bytes(content[: len(content) // 2])
    )


@fault("blocks unreadable for a while", "blocks", (0.5, 2.0))
def make_blocks_unreadable(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """The system refuses to read a folder, as it does a bad sector."""
    yield from _in_place_of_some(fleet, dice, lambda path, _: path.mkdir())


@fault("block storage away", "blocks", (1.0, 4.0))
def take_storage_away(fleet: Fleet, _: Random) -> Iterator[Met]:
    """What an unmounted volume leaves: a bare folder that takes bytes. What it took is hidden afterwards."""
    blocks = fleet.foundation.blocks
    away = blocks.rename(blocks.with_name("blocks-away"))
    blocks.mkdir()
    hearing = Hearing(member.log for member in fleet.members)
    yield lambda: hearing.has_heard(str(StorageAway()))
    blocks.rename(blocks.with_name(f"bare-{time.monotonic_ns()}"))
    away.rename(blocks)


def _in_place_of_some(fleet: Fleet, dice: Random, put: Callable[[Path, bytes], object]) -> Iterator[Met]:
    """Blocks that are still to be read are aside, and in the place of each is what `put` leaves there."""
    unread = _some_unread(fleet, dice)
    with ExitStack() as replaced:
        for path in unread.paths:
            with suppress(FileNotFoundError):  # its import has just been deleted
                content = path.read_bytes()
                replaced.enter_context(_aside(path))
                put(path, content)
        yield unread.were_met


@contextmanager
def _aside(path: Path) -> Iterator[None]:
    """Whatever lies at `path` when the body ends, the file that was there is back."""
    aside = path.rename(path.with_name(f"{path.name}.aside"))
    yield
    _remove_folder(path)
    if aside.exists():  # unless its import was deleted meanwhile
        aside.replace(path)


def _remove_folder(path: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):  # it is a file, or its import was deleted meanwhile
        path.rmdir()


class _Unread:
    """Some blocks that workers are still to read, and what is said of their imports."""

    def __init__(self, fleet: Fleet, blocks: dict[Path, int]) -> None:
        self.paths = list(blocks)
        self._import_ids = set(blocks.values())
        self._hearing = Hearing(worker.log for worker in fleet.workers)

    def were_met(self) -> bool:
        """Whether a worker failed over the bytes of one of the imports since."""
        said = (parsed(line) for _, line in self._hearing.lines() if "block_failed" in line)
        return any(
            one.get("import_id") in self._import_ids and _OF_STORAGE in str(one.get("error")) for one in said
        )


def _some_unread(fleet: Fleet, dice: Random) -> _Unread:
    """Raises NotNow where none waits to be read."""
    with fleet.ground.database.begin() as session:
        rows = session.execute(text(UNREAD)).all()
    blocks = {fleet.foundation.blocks / row.storage_key: row.import_id for row in sorted(rows)}
    there = [path for path in blocks if path.exists()]
    if not there:
        raise NotNow
    return _Unread(fleet, {path: blocks[path] for path in dice.sample(there, min(5, len(there)))})
