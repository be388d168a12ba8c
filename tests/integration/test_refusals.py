"""A line that the database refuses is found among its neighbours and rejected alone."""

import pytest

from api.usecases.rejections import list_rejections, stream_rejections
from api.usecases.services import Service
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    BOTH,
    CREATE,
    UPDATE,
    Counts,
    an_import,
    counts,
    documents,
    ndjson,
    numbered,
    rejected_lines,
    work_off,
)

pytestmark = pytest.mark.usefixtures("write_path")

# The parser takes it for nought; the database refuses exponents of that size.
POISON = b'{"documentid":"poison","a":0e9999999999}'


def lines(count: int, *poisoned: int) -> list[bytes]:
    """Documents 1 to `count`, poison in the places of `poisoned`."""
    return [POISON if n in poisoned else b'{"documentid":"%d"}' % n for n in range(1, count + 1)]


@pytest.mark.parametrize("poisoned", [(1,), (5,), (9,), (4, 5), (1, 9), tuple(range(1, 10))])
def test_poison_lines_are_rejected_alone(ground: Ground, service: Service, poisoned: tuple[int, ...]):
    import_id = an_import(ground, service, ndjson(*lines(9, *poisoned)))

    done = work_off(ground, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    assert counts(ground, service, import_id) == Counts(created=9 - len(poisoned), rejected=len(poisoned))
    assert rejected_lines(ground, service, import_id) == [(1, n, "refused_by_database") for n in poisoned]
    assert len(documents(ground, service)) == 9 - len(poisoned)


def test_a_refused_line_keeps_its_reason_its_id_and_its_text(ground: Ground, service: Service):
    import_id = an_import(ground, service, ndjson(*lines(3, 2)))
    work_off(ground, service, import_id)

    [line] = list_rejections(ground, service, import_id, 1)
    assert (line.documentid, line.reason) == ("poison", "value overflows numeric format.")
    [(_, original)] = stream_rejections(ground, service, import_id)
    assert original == POISON + b"\n"


def test_rejections_beside_a_poison_line_keep_their_places(ground: Ground, service: Service):
    given = [b"broken", *lines(2, 2), b"", b"[1]", *lines(3, 1), b"{"]
    import_id = an_import(ground, service, ndjson(*given))

    work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == [
        (1, 1, "invalid_json"),
        (1, 3, "refused_by_database"),
        (1, 5, "not_an_object"),
        (1, 6, "refused_by_database"),
        (1, 9, "invalid_json"),
    ]
    assert counts(ground, service, import_id) == Counts(created=3, rejected=5)


@pytest.mark.parametrize("strategies", [CREATE, UPDATE, BOTH], ids=["create", "update", "both"])
def test_poison_is_rejected_under_every_strategy(ground: Ground, service: Service, strategies: tuple[str]):
    import_id = an_import(ground, service, ndjson(*lines(5, 3)), strategies=strategies)

    work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == [(1, 3, "refused_by_database")]
    assert counts(ground, service, import_id).lines == 5


def test_a_number_with_more_places_than_postgres_keeps_is_told_as_such(ground: Ground, service: Service):
    lines = [b'{"documentid":"1","a":1e-20000}', b'{"documentid":"2","a":"1e-20000"}', b'{"documentid":"3"}']
    import_id = an_import(ground, service, ndjson(*lines))

    work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == [(1, 1, "number_out_of_range")]
    assert counts(ground, service, import_id) == Counts(created=2, rejected=1)


@pytest.mark.parametrize("strategies", [CREATE, UPDATE, BOTH], ids=["create", "update", "both"])
def test_what_stands_around_a_poison_line_is_counted_once(
    ground: Ground, service: Service, strategies: tuple[str]
):
    """Its neighbours are written in parts of one transaction, which may name the same documents."""
    work_off(ground, service, an_import(ground, service, numbered(4, a="before")))
    given = [*numbered(4, a="this").splitlines(), POISON, *numbered(4, b="that").splitlines()]

    import_id = an_import(ground, service, ndjson(*given), strategies=strategies)

    assert work_off(ground, service, import_id).status == Status.COMPLETE
    changed = UPDATE[0] in strategies
    outcome = {"updated": 8} if changed else {"skipped": 8}
    assert counts(ground, service, import_id) == Counts(**outcome, rejected=1)
    expected = {"a": "this", "b": "that"} if changed else {"a": "before"}
    assert set(documents(ground, service)) == {f"{n:03}" for n in range(1, 5)}
    assert all(document == expected for document in documents(ground, service).values())


def test_nul_that_an_equal_name_hides_is_rejected_with_its_line(ground: Ground, service: Service):
    hidden = rb'{"documentid":"%d","a":{"b":"\u0000","b":1}}'
    given = [hidden % 1, b'{"documentid":"2"}', rb'{"documentid":"3","a":"\\u0000"}', hidden % 4, b"{"]
    import_id = an_import(ground, service, ndjson(*given))

    work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == [
        (1, 1, "refused_by_database"),
        (1, 4, "refused_by_database"),
        (1, 5, "invalid_json"),
    ]
    assert documents(ground, service) == {"2": {}, "3": {"a": r"\u0000"}}
