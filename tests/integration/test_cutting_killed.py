"""Workers that are killed while they cut a file of small rows: within a block, or before its row is there."""

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.formats.cutting import FileCutter, Part
from shared.formats.reading import CsvLayout, FileReading
from shared.ground import Ground
from shared.storage.reading import Chunks
from tests.integration.builders import let_leases_expire
from tests.integration.job_builders import (
    KEY,
    Job,
    a_file_import,
    an_item_type,
    at_statement,
    at_write,
    watched,
)
from tests.integration.players import Killed
from tests.unit.cutting import blocks_of

ITEMS = 120_000  # a block and a half
QUOTED_EVERY = 5_000
NAME = "x" * 80


def rows() -> bytes:
    """Most of which are cut together; between them those whose quoted cells hold line ends."""
    quoted = f'"{NAME[:40]}\n\n{NAME[40:]}"'
    return "".join(f"{n},{NAME if n % QUOTED_EVERY else quoted},{n % 7}\n" for n in range(ITEMS)).encode()


def items() -> list[bytes]:
    return [b'{"%b":"%d","name":"%b"}' % (KEY.encode(), n, NAME.encode()) for n in range(ITEMS)]


class File(NamedTuple):
    """A file's content, and what it says of itself."""

    content: bytes
    is_csv: bool = False


FILES: dict[str, Callable[[], File]] = {
    "rows": lambda: File(f"{KEY},name,n\n".encode() + rows(), is_csv=True),
    "a list": lambda: File(b"[%b]" % b",\n ".join(items())),
    "lines": lambda: File(b"\n".join(items())),
}


class CutBlock(NamedTuple):
    """A block as a worker finds it."""

    lines_before: int
    body: bytes


@pytest.fixture(scope="module")
def ground(module_apart: Ground) -> Ground:
    """With a database of its own: what is cut here and never applied would keep others' workers busy."""
    return module_apart


def parts_of(file: File) -> list[Part]:
    """What the file is cut into where nothing happens."""
    layout = CsvLayout(has_header_row=True) if file.is_csv else None
    cutter = FileCutter(FileReading(item_type="Account", key=KEY, merges=False, csv=layout))
    return list(cutter.cut(BytesIO(file.content)))


def within(block: int, parts: list[Part]) -> int:
    """The number, from 1, of the second part of that block, from 0."""
    ends = [number for number, part in enumerate(parts, 1) if part.ends_block]
    return [0, *ends][block] + 2


def found(job: Job) -> list[CutBlock]:
    cut = "SELECT lines_before, storage_key FROM blocks WHERE import_id = :id AND number > 0 ORDER BY number"
    with job.ground.database.begin() as session:
        rows = session.execute(text(cut), {"id": job.import_id}).all()
    return [
        CutBlock(row.lines_before, b"".join(Chunks(job.ground.storage.open(row.storage_key)))) for row in rows
    ]


def die() -> None:
    raise Killed


class Moment(NamedTuple):
    """When a worker dies over the file."""

    blocks: int  # that have their rows by then
    is_stored: bool  # the next one has all of its bytes


MOMENTS = {
    "within the first block": Moment(0, is_stored=False),
    "before the first block's row": Moment(0, is_stored=True),
    "within the last block": Moment(1, is_stored=False),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
@pytest.mark.parametrize("make", FILES.values(), ids=FILES.keys())
def test_the_blocks_are_those_of_an_undisturbed_worker(
    ground: Ground, service: Service, make: Callable[[], File], moment: Moment
):
    file = make()
    parts = parts_of(file)
    an_item_type(ground, service)
    job = a_file_import(ground, service, file.content, is_csv=file.is_csv, has_header_row=file.is_csv)

    if moment.is_stored:
        with at_statement("INSERT INTO blocks", die), suppress(Killed):
            job.work()
    else:
        doomed = watched(ground, at_write(within(moment.blocks, parts), die))
        with suppress(Killed):
            Job(doomed, service, job.id).work()
    assert len(found(job)) == moment.blocks
    let_leases_expire(ground, job.import_id)
    job.work(worker="second")

    undisturbed = [CutBlock(block.lines_before, block.body) for block in blocks_of(parts)]
    assert len(undisturbed) == 2
    assert found(job) == undisturbed
