"""Receiving blocks: durable, numbered without gaps, or without a trace."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from api.usecases.blocks import list_blocks, open_block, receive_block
from api.usecases.imports import delete_import, get_import
from api.usecases.services import Service
from shared.db.models import Block
from shared.errors import (
    BlockEmpty,
    BlockNotFound,
    BlockTooLarge,
    DatabaseUnavailable,
    ImportClosed,
    ImportNotFound,
)
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import, ask, block_files, numbered, tuned
from tests.integration.job_builders import at_statement, lose_the_answer_to_the_next_commit, wait_until


@pytest.fixture
def import_id(ground: Ground, service: Service) -> int:
    """An import that takes blocks."""
    return an_import(ground, service, status=Status.CONFIGURING)


def block_rows(ground: Ground, import_id: int) -> int:
    with ground.database.begin() as session:
        return session.scalars(select(func.count()).where(Block.import_id == import_id)).one()


def content(ground: Ground, service: Service, import_id: int, number: int) -> bytes:
    return b"".join(open_block(ground, service, import_id, number).chunks)


def test_a_block_comes_back_as_it_was_received(ground: Ground, service: Service, import_id: int):
    given = [b'{"a":1}\r\n', b"", b"\xef\xbb\xbf\xff\0", b"x" * 700_000]

    number = receive_block(ground, service, import_id, given)

    block = open_block(ground, service, import_id, number)
    assert block.size_bytes == len(b"".join(given))
    assert b"".join(block.chunks) == b"".join(given)


def test_twenty_blocks_at_once_get_the_numbers_1_to_20(ground: Ground, service: Service, import_id: int):
    def receive(n: int) -> tuple[int, int]:
        return receive_block(ground, service, import_id, [b"%d\n" % n]), n

    with ThreadPoolExecutor(20) as uploads:
        numbers = dict(uploads.map(receive, range(20)))

    assert sorted(numbers) == list(range(1, 21)) == list_blocks(ground, service, import_id, 1)
    assert len(block_files(ground, import_id)) == 20
    assert {n: content(ground, service, import_id, n) for n in numbers} == {
        number: b"%d\n" % n for number, n in numbers.items()
    }


def test_a_block_that_is_opened_and_not_read_is_closed(ground: Ground, service: Service, import_id: int):
    """As when the client goes away before the first byte, or asks by HEAD."""
    receive_block(ground, service, import_id, [b"{}"])

    open_block(ground, service, import_id, 1).chunks.close()


class Interrupted(Exception):
    """The client went away."""


def interrupted() -> Iterator[bytes]:
    yield b'{"a":1}\n'
    raise Interrupted


def started_meanwhile(ground: Ground, service: Service, import_id: int) -> Iterator[bytes]:
    yield b'{"a":1}\n'
    ask(ground, service, import_id, Status.STARTED)


def deleted_meanwhile(ground: Ground, service: Service, import_id: int) -> Iterator[bytes]:
    yield b'{"a":1}\n'
    delete_import(ground, service, import_id)


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        (interrupted(), Interrupted),
        ([], BlockEmpty),
        ([b"", b""], BlockEmpty),
        ([b"x" * 50, b"x" * 51], BlockTooLarge),
    ],
    ids=["interrupted", "no chunk", "empty chunks", "too large"],
)
def test_a_refused_or_broken_upload_leaves_nothing(
    ground: Ground, service: Service, import_id: int, chunks: Iterator[bytes], error: type[Exception]
):
    with pytest.raises(error):
        receive_block(tuned(ground, block_limit_bytes=100), service, import_id, chunks)

    assert block_files(ground, import_id) == []
    assert block_rows(ground, import_id) == 0
    assert receive_block(ground, service, import_id, [b"{}"]) == 1


def test_a_block_whose_row_may_be_there_keeps_its_bytes(ground: Ground, service: Service, import_id: int):
    """They were removed where only the answer to the COMMIT was lost: their import failed."""
    lost = at_statement("INSERT INTO blocks", lose_the_answer_to_the_next_commit)

    with lost, pytest.raises(DatabaseUnavailable):
        receive_block(ground, service, import_id, [b"{}"])

    wait_until(lambda: block_rows(ground, import_id) == 1)
    assert content(ground, service, import_id, 1) == b"{}"


def test_a_block_may_have_as_many_bytes_as_the_limit(ground: Ground, service: Service, import_id: int):
    assert receive_block(tuned(ground, block_limit_bytes=100), service, import_id, [b"x" * 50] * 2) == 1


def test_a_block_that_came_too_late_leaves_nothing(ground: Ground, service: Service, import_id: int):
    late = started_meanwhile(ground, service, import_id)

    with pytest.raises(ImportClosed, match="Blocks may be added only while the import is configuring"):
        receive_block(ground, service, import_id, late)

    assert block_files(ground, import_id) == []
    assert get_import(ground, service, import_id).block_count == 0


def test_a_block_of_an_import_deleted_meanwhile_leaves_nothing(
    ground: Ground, service: Service, import_id: int
):
    with pytest.raises(ImportNotFound):
        receive_block(ground, service, import_id, deleted_meanwhile(ground, service, import_id))

    assert block_files(ground, import_id) == []


def test_a_started_import_takes_no_block_and_reads_none_of_it(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))

    with pytest.raises(ImportClosed, match="it is started"):
        receive_block(ground, service, import_id, interrupted())

    assert len(block_files(ground, import_id)) == 1


def test_blocks_are_listed_by_the_thousand(ground: Ground, service: Service, import_id: int):
    receive_block(ground, service, import_id, [b"{}"])

    assert list_blocks(ground, service, import_id, 1) == [1]
    assert list_blocks(ground, service, import_id, 2) == []
    assert list_blocks(ground, service, import_id, 10**30) == []


@pytest.mark.parametrize("number", [0, 2, 10**30])
def test_an_unknown_block_is_not_found(ground: Ground, service: Service, import_id: int, number: int):
    receive_block(ground, service, import_id, [b"{}"])

    with pytest.raises(BlockNotFound):
        open_block(ground, service, import_id, number)
