"""Documents that mostly stay as they are: looked at before they are written, to the same effect."""

import itertools
import json
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases.collections import find_collection
from api.usecases.services import Service
from shared.db.batches import BatchWriter, prepare
from shared.ground import Ground
from shared.instructions import Batch, Checkpoint, Instruction, Operation
from tests.integration.builders import (
    Counts,
    an_import,
    counts,
    documents,
    ndjson,
    numbered,
    tuned,
    work_off,
)

# What a document may be, and what it may be asked to be.
VALUES = (
    b"{}",
    b'{"a":1}',
    b'{"a":1.0}',
    b'{"a":null}',
    b'{"a":"1"}',
    b'{"a":"[{"}',
    b'{"a":1,"b":2}',
    b'{"a":[]}',
    b'{"a":[1,2]}',
    b'{"a":[2,1]}',
    b'{"a":[2]}',
    b'{"a":{}}',
    b'{"a":{"b":1}}',
    b'{"a":{"b":1,"c":2}}',
)
PAIRS = {f"{n:03}": pair for n, pair in enumerate(itertools.product((*VALUES, None), VALUES))}


def a_batch(asked: dict[str, bytes], operation: Operation) -> Batch:
    lines = [Instruction(1, 0, 1, operation, documentid, given) for documentid, given in asked.items()]
    return Batch(lines, [], Checkpoint(1, 1))


def write(ground: Ground, collection_id: int, batch: Batch, *, unchanged: Batch | None) -> tuple[int, int]:
    """Created and updated; after a batch that changed nothing, the writer looks first."""
    writer = BatchWriter(collection_id)
    if unchanged is not None:
        with ground.database.begin() as session:
            for _ in range(2):
                writer.write(session, prepare(unchanged, collection_id))
    with ground.database.begin() as session:
        tally = writer.write(session, prepare(batch, collection_id))
    return tally.created, tally.updated


@pytest.mark.parametrize("operation", [Operation.MERGE, Operation.REPLACE, Operation.UPDATE])
@pytest.mark.parametrize("kind", ["scalars", "anything"])
def test_the_outcome_is_the_same(ground: Ground, service: Service, operation: Operation, kind: str):
    collection_id = find_collection(ground, service, "/contacts")
    pairs = {
        documentid: (before, asked)
        for documentid, (before, asked) in PAIRS.items()
        if kind == "anything" or not set(b"[{") & set(asked[1:])
    }
    before = {f"{way}{n}": value for n, (value, _) in pairs.items() if value for way in "xy"}
    same = {"z": b'{"a":1}'}
    write(ground, collection_id, a_batch(before | same, Operation.MERGE), unchanged=None)

    asked = {way: {f"{way}{n}": given for n, (_, given) in pairs.items()} for way in "xy"}
    plain = write(ground, collection_id, a_batch(asked["x"], operation), unchanged=None)
    looked = write(
        ground, collection_id, a_batch(asked["y"], operation), unchanged=a_batch(same, Operation.MERGE)
    )

    assert plain == looked
    found = documents(ground, service)
    assert {n: found.get(f"x{n}") for n in pairs} == {n: found.get(f"y{n}") for n in pairs}
    assert {n: found.get(f"x{n}") for n in pairs} == {
        n: outcome_of(operation, before, asked) for n, (before, asked) in pairs.items()
    }


def outcome_of(operation: Operation, before: bytes | None, asked: bytes) -> dict[str, Any] | None:
    """What becomes of a document."""
    if operation is Operation.UPDATE and before is None:
        return None
    kept = {} if before is None or operation is Operation.REPLACE else json.loads(before)
    return kept | json.loads(asked)


LOCKERS = "SELECT documentid, xmin::text, xmax::text FROM documents WHERE collection_id = :id ORDER BY 1"


def test_what_stays_as_it_is_is_not_even_locked(ground: Ground, service: Service):
    few, collection_id = tuned(ground, batch_lines=10), find_collection(ground, service, "/contacts")
    work_off(few, service, an_import(few, service, numbered(40, a=1)))

    def rows() -> list[tuple[str, ...]]:
        with ground.database.begin() as session:
            return [tuple(row) for row in session.execute(text(LOCKERS), {"id": collection_id})]

    before = rows()
    import_id = an_import(few, service, numbered(40, a=1))
    work_off(few, service, import_id)

    assert counts(few, service, import_id) == Counts(updated=40)
    # The first batch tells how it is.
    assert rows()[10:] == before[10:]


def test_a_change_among_much_that_stays_is_made(ground: Ground, service: Service):
    few = tuned(ground, batch_lines=10)
    work_off(few, service, an_import(few, service, numbered(40, a=1)))
    changed = ndjson({"documentid": "035", "a": 2}, {"documentid": "new"})

    import_id = an_import(few, service, numbered(30, a=1), changed)
    work_off(few, service, import_id)

    assert counts(few, service, import_id) == Counts(updated=31, created=1)
    assert documents(few, service)["035"] == {"a": 2}
