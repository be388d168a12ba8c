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
    rejected_lines,
    work_off,
)

pytestmark = pytest.mark.usefixtures("write_path")

# Valid JSON, which PostgreSQL's numeric cannot hold.
POISON = b'{"documentid":"poison","a":1e-20000}'


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


def test_a_nested_duplicate_that_hides_a_nul_is_refused_and_breaks_nothing(ground: Ground, service: Service):
    """The parser sees only the last of two equal names, the database reads both."""
    hidden = rb'{"documentid":"2","a":{"b":"\u0000","b":1}}'
    import_id = an_import(ground, service, ndjson({"documentid": "1"}, hidden))

    work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == [(1, 2, "refused_by_database")]
