"""Blocks: received once, numbered in order of arrival, never changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.usecases.imports import MAX_PAGE, PAGE, existing_import
from api.usecases.services import Service
from shared.db import blocks
from shared.db.models import Import
from shared.documentids import MAX_BLOCKS
from shared.errors import BlockEmpty, BlockGone, BlockNotFound, BlockTooLarge, ImportClosed, TooManyBlocks
from shared.ground import Ground
from shared.lifecycle import Status
from shared.storage import reading


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


def ensure_open(ground: Ground, service: Service, import_id: int) -> None:
    """Raises ImportNotFound, ImportClosed or TooManyBlocks where a block would be refused anyway."""
    with ground.database.begin() as session:
        _ensure_open(existing_import(session, service, import_id), ground.settings.import_blocks)


def receive_block(ground: Ground, service: Service, import_id: int, chunks: Iterable[bytes]) -> int:
    """Store one block durably and return its number, from 1.

    `chunks` is the body after decompression; it is written as it comes. Raises ImportNotFound,
    ImportClosed, TooManyBlocks, BlockEmpty, BlockTooLarge, StorageFault; nothing remains then, nor when
    `chunks` raises.
    """
    ensure_open(ground, service, import_id)
    limit = ground.settings.block_limit_bytes
    stored = ground.storage.write(import_id, _limited(chunks, limit))
    try:
        # The import may have been started or deleted while the bytes came in.
        with ground.database.begin() as session:
            number = blocks.register(session, import_id, stored, limit=ground.settings.import_blocks)
            if number is None:
                _ensure_open(existing_import(session, service, import_id), ground.settings.import_blocks)
                raise ImportClosed(_WHAT, Status.CONFIGURING)
            return number
    except BaseException:
        ground.storage.remove(stored.key)
        raise


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


def _limited(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise BlockTooLarge(limit_bytes)
        yield chunk
    if not size_bytes:
        raise BlockEmpty("The block has no data.")
