"""Blocks: received once, numbered in order of arrival, never changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from api.usecases.imports import MAX_PAGE, PAGE, existing_import
from api.usecases.limiting import limited
from api.usecases.services import Service
from shared.db import blocks, quotas
from shared.db.committing import on_commit
from shared.db.models import Import
from shared.documentids import MAX_BLOCKS
from shared.errors import (
    BlockEmpty,
    BlockGone,
    BlockNotFound,
    BlockTooLarge,
    ImportClosed,
    TooManyBlocks,
    TooManyStoredBytes,
)
from shared.ground import Ground
from shared.lifecycle import Status
from shared.metrics import metrics
from shared.storage import reading
from shared.storage.registering import removed_if_refused


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block's bytes, to be streamed."""

    size_bytes: int
    chunks: reading.Chunks


def list_blocks(ground: Ground, service: Service, import_id: int, page: int) -> list[int]:
    """Block numbers of one page, ascending; empty beyond the last one. Raises ImportNotFound."""
    with ground.database.begin() as session:
        row = existing_import(session, service, import_id)
        if page > MAX_PAGE // PAGE:
            return []
        return list(blocks.page(session, row.id, number=page, size=PAGE))


def room_for_block(ground: Ground, service: Service, import_id: int) -> int:
    """How many bytes a block may have at most, as it looks now.

    Raises ImportNotFound, ImportClosed, TooManyBlocks or TooManyStoredBytes where any would be refused.
    """
    settings = ground.settings
    with ground.database.begin() as session:
        _ensure_open(existing_import(session, service, import_id), settings.import_blocks)
        return quotas.room_bytes(session, service.id, settings.stored_bytes)


def receive_block(ground: Ground, service: Service, import_id: int, chunks: Iterable[bytes]) -> int:
    """Store one block durably and return its number, from 1.

    `chunks` is the body after decompression; it is written as it comes. Raises ImportNotFound,
    ImportClosed, QuotaReached, BlockEmpty, BlockTooLarge, StorageFault; nothing remains then, nor when
    `chunks` raises. Where it raises DatabaseUnavailable the block may be there.
    """
    settings = ground.settings
    room = room_for_block(ground, service, import_id)
    block = limited(chunks, settings.block_limit_bytes, BlockTooLarge(settings.block_limit_bytes))
    kept = limited(block, room, TooManyStoredBytes(settings.stored_bytes))
    stored = ground.storage.write(import_id, _not_empty(kept))
    with removed_if_refused(ground.storage, stored), ground.database.begin() as session:
        # The import may have been started or deleted while the bytes came in.
        number = blocks.register(session, import_id, stored, limit=settings.import_blocks)
        if number is None:
            _ensure_open(existing_import(session, service, import_id), settings.import_blocks)
            raise ImportClosed(_WHAT, Status.CONFIGURING)
        quotas.admit_stored(session, service.id, settings.stored_bytes)
        on_commit(session, partial(metrics().count_upload, "block", stored.size_bytes))
        return number


def open_block(ground: Ground, service: Service, import_id: int, number: int) -> StoredBlock:
    """The block's bytes as they were received.

    Raises ImportNotFound, BlockNotFound, BlockGone, StorageFault.
    """
    with ground.database.begin() as session:
        row = existing_import(session, service, import_id)
        block = blocks.get(session, row.id, number) if number <= MAX_BLOCKS else None
    if block is None:
        raise BlockNotFound(str(number))
    if row.bytes_removed_at is not None:
        raise BlockGone(row.bytes_removed_at)
    return StoredBlock(block.size_bytes, reading.Chunks(ground.storage.open(block.storage_key)))


_WHAT = "Blocks may be added"


def _ensure_open(row: Import, block_limit: int) -> None:
    if row.status != Status.CONFIGURING:
        raise ImportClosed(_WHAT, row.status)
    if row.block_count >= block_limit:
        raise TooManyBlocks(block_limit)


def _not_empty(chunks: Iterable[bytes]) -> Iterator[bytes]:
    is_empty = True
    for chunk in chunks:
        is_empty = is_empty and not chunk
        yield chunk
    if is_empty:
        raise BlockEmpty("The block has no data.")
