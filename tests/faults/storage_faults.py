"""Block storage that is full, away, or gives nothing or something else for a while."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random

from sqlalchemy import text

from tests.faults.fleet import Fleet
from tests.faults.registry import fault

# Blocks that a worker is still to read.
UNREAD = """
SELECT storage_key FROM blocks b JOIN imports i ON i.id = b.import_id
 WHERE b.finished_at IS NULL AND i.status IN ('started', 'running', 'paused', 'resumed')
   AND i.collection_id NOT IN (SELECT id FROM collections WHERE path = '/damaged')
"""


@fault("block disk full", "blocks", (1.0, 3.0), needs=lambda fleet: fleet.foundation.blocks_disk is not None)
def fill_blocks_disk(fleet: Fleet, _: Random) -> Iterator[None]:
    assert fleet.foundation.blocks_disk is not None
    fleet.foundation.blocks_disk.fill()
    yield
    fleet.foundation.blocks_disk.relieve()


@fault("blocks missing for a while", "blocks", (0.5, 2.0))
def hide_blocks(fleet: Fleet, dice: Random) -> Iterator[None]:
    with ExitStack() as hidden:
        for path in _some_unread(fleet, dice):
            hidden.enter_context(_aside(path))
        yield


@fault("blocks altered for a while", "blocks", (0.5, 2.0))
def alter_blocks(fleet: Fleet, dice: Random) -> Iterator[None]:
    with ExitStack() as altered:
        for path in _some_unread(fleet, dice):
            content = path.read_bytes()
            altered.enter_context(_aside(path))
            path.write_bytes(content.replace(b'"d0', b'"d9'))
        yield


@fault("blocks truncated for a while", "blocks", (0.5, 2.0))
def truncate_blocks(fleet: Fleet, dice: Random) -> Iterator[None]:
    with ExitStack() as truncated:
        for path in _some_unread(fleet, dice):
            content = path.read_bytes()
            truncated.enter_context(_aside(path))
            path.write_bytes(content[: len(content) // 2])
        yield


@fault("blocks unreadable for a while", "blocks", (0.5, 2.0))
def make_blocks_unreadable(fleet: Fleet, dice: Random) -> Iterator[None]:
    """The system refuses to read a folder, as it does a bad sector."""
    with ExitStack() as unreadable:
        for path in _some_unread(fleet, dice):
            unreadable.enter_context(_aside(path))
            path.mkdir()
            unreadable.callback(_remove_folder, path)
        yield


@fault("block storage away", "blocks", (1.0, 4.0))
def take_storage_away(fleet: Fleet, _: Random) -> Iterator[None]:
    """What an unmounted volume leaves: a bare folder that takes bytes. What it took is hidden afterwards."""
    blocks = fleet.foundation.blocks
    away = blocks.rename(blocks.with_name("blocks-away"))
    blocks.mkdir()
    yield
    blocks.rename(blocks.with_name(f"bare-{time.monotonic_ns()}"))
    away.rename(blocks)


@contextmanager
def _aside(path: Path) -> Iterator[None]:
    """Whatever lies at `path` when the body ends, the file that was there is back."""
    aside = path.rename(path.with_name(f"{path.name}.aside"))
    yield
    if aside.exists():  # unless its import was deleted meanwhile
        aside.replace(path)


def _remove_folder(path: Path) -> None:
    with suppress(FileNotFoundError):  # its import was deleted meanwhile
        path.rmdir()


def _some_unread(fleet: Fleet, dice: Random) -> list[Path]:
    with fleet.ground.database.begin() as session:
        keys = sorted(session.scalars(text(UNREAD)))
    paths = [fleet.foundation.blocks / key for key in keys]
    there = [path for path in paths if path.exists()]
    return dice.sample(there, min(5, len(there)))
