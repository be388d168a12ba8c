"""Lines of an import that could not become documents."""

from collections.abc import Iterator
from typing import BinaryIO

from api.usecases.imports import MAX_PAGE, PAGE, existing_import
from api.usecases.services import Service
from shared.db import blocks, rejections
from shared.db.models import RejectedLine
from shared.errors import BlockGone, BlockNotFound
from shared.ground import Ground
from shared.storage.faults import storage_faults


def list_rejections(ground: Ground, service: Service, import_id: int, page: int) -> list[RejectedLine]:
    """One page in the order of the lines; empty beyond the last one. Raises ImportNotFound."""
    with ground.database.begin() as session:
        row = existing_import(session, service, import_id)
        if page > MAX_PAGE:
            return []
        return list(rejections.page(session, row.id, number=page, size=PAGE))


def stream_rejections(
    ground: Ground, service: Service, import_id: int
) -> Iterator[tuple[RejectedLine, bytes]]:
    """Every rejection with its line as it was received.

    Memory is bounded by one page. No transaction is open between pages. Raises ImportNotFound and BlockGone
    when it is called.
    """
    with ground.database.begin() as session:
        row = existing_import(session, service, import_id)
    if row.bytes_removed_at is not None:
        raise BlockGone(row.bytes_removed_at)
    return _stream(ground, import_id)


def _stream(ground: Ground, import_id: int) -> Iterator[tuple[RejectedLine, bytes]]:
    edge = (0, 0)
    while lines := _page_after(ground, import_id, edge):
        for block_number in sorted({line.block_number for line in lines}):
            with _opened(ground, import_id, block_number) as file:
                for line in lines:
                    if line.block_number == block_number:
                        yield line, _original(file, line)
        edge = (lines[-1].block_number, lines[-1].line_number)


def _page_after(ground: Ground, import_id: int, edge: tuple[int, int]) -> list[RejectedLine]:
    with ground.database.begin() as session:
        return list(rejections.after(session, import_id, edge, size=PAGE))


def _opened(ground: Ground, import_id: int, block_number: int) -> BinaryIO:
    with ground.database.begin() as session:
        block = blocks.get(session, import_id, block_number)
    if block is None:
        raise BlockNotFound(str(block_number))
    return ground.storage.open(block.storage_key)


def _original(file: BinaryIO, line: RejectedLine) -> bytes:
    with storage_faults("read"):
        file.seek(line.line_offset)
        return file.read(line.line_length)
