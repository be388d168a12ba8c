"""Of very many rejections the first ones are kept, up to a limit, and all of them are counted."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from api.usecases.imports import get_import
from api.usecases.rejections import list_rejections, stream_rejections
from api.usecases.services import Service
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    Counts,
    after_batches,
    an_import,
    ask,
    counts,
    go_home,
    let_leases_expire,
    ndjson,
    rejected_lines,
    tuned,
    work,
    work_off,
)
from tests.integration.job_builders import a_file_import, an_item_type
from tests.integration.players import Killed

LIMIT = 7
GOOD = {"documentid": "1"}
# Seven bad lines by line 3 of the second block, two of which only the database finds bad.
POISON = b'{"documentid":"2","a":0e9999999999}'
FIRST = ndjson(b"1", GOOD, b"3", POISON, b"5", b"6")
SECOND = ndjson(POISON, GOOD, b"3", b"4", POISON, b"6", GOOD, b"8")
KEPT = [(1, 1), (1, 3), (1, 4), (1, 5), (1, 6), (2, 1), (2, 3)]
REJECTED = 11


@pytest.fixture
def keeping(ground: Ground) -> Ground:
    """The ground with a limit that falls into the middle of a batch."""
    return tuned(ground, batch_lines=4, rejections_kept=LIMIT)


def places(ground: Ground, service: Service, import_id: int) -> list[tuple[int, int]]:
    return [(block, line) for block, line, _ in rejected_lines(ground, service, import_id)]


def assert_the_first_are_kept(ground: Ground, service: Service, import_id: int) -> None:
    assert places(ground, service, import_id) == KEPT
    assert counts(ground, service, import_id) == Counts(created=1, updated=2, rejected=REJECTED)
    assert get_import(ground, service, import_id).unkept_rejections == REJECTED - LIMIT


def test_a_hundred_thousand_are_kept_where_nobody_says_otherwise(ground: Ground, service: Service):
    kept, more = ground.settings.rejections_kept, 20
    import_id = an_import(ground, service, b"oops\n" * (kept + more))

    done = work_off(ground, service, import_id)

    assert kept == 100_000
    assert (done.status, done.rejected_documents, done.unkept_rejections) == (
        Status.COMPLETE,
        kept + more,
        more,
    )
    with ground.database.begin() as session:
        found = "SELECT count(*), max(line_number) FROM rejections WHERE import_id = :id"
        assert session.execute(text(found), {"id": import_id}).one() == (kept, kept)


def test_the_first_rejections_are_kept_and_all_are_counted(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, FIRST, SECOND)

    assert work_off(keeping, service, import_id).status == Status.COMPLETE

    assert_the_first_are_kept(keeping, service, import_id)
    assert len(list(stream_rejections(keeping, service, import_id))) == LIMIT


@pytest.mark.parametrize("block", [1, 2])
def test_they_are_the_same_after_a_workers_death(keeping: Ground, service: Service, block: int):
    import_id = an_import(keeping, service, FIRST, SECOND)
    for _ in range(block - 1):
        work(keeping, import_id)

    with pytest.raises(Killed):
        work(keeping, import_id, should_stop=after_batches(1, die))
    let_leases_expire(keeping, import_id)
    done = work_off(keeping, service, import_id)

    assert done.failure_count == 1
    assert_the_first_are_kept(keeping, service, import_id)


@pytest.mark.parametrize("stop", ["go home", "pause"])
@pytest.mark.parametrize("block", [1, 2])
def test_they_are_the_same_after_a_stop_in_the_middle(
    keeping: Ground, service: Service, block: int, stop: str
):
    import_id = an_import(keeping, service, FIRST, SECOND)
    stops: dict[str, Callable[[], object]] = {
        "go home": go_home,
        "pause": lambda: ask(keeping, service, import_id, Status.PAUSED),
    }
    for _ in range(block - 1):
        work(keeping, import_id)

    work(keeping, import_id, should_stop=after_batches(1, stops[stop]))
    if stop == "pause":
        ask(keeping, service, import_id, Status.RESUMED)
    work_off(keeping, service, import_id)

    assert_the_first_are_kept(keeping, service, import_id)


def test_a_batch_that_is_taken_back_uses_nothing_up(keeping: Ground, service: Service, refuse):
    import_id = an_import(keeping, service, FIRST, SECOND)
    refuse("true", "40001", times=2)

    work_off(keeping, service, import_id)

    assert_the_first_are_kept(keeping, service, import_id)


def test_what_is_kept_has_no_gaps_when_the_limit_is_raised(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, FIRST, SECOND)
    low = tuned(keeping, rejections_kept=4)
    work(low, import_id)

    work_off(keeping, service, import_id)

    assert places(keeping, service, import_id) == KEPT[:4]
    assert get_import(keeping, service, import_id).unkept_rejections == REJECTED - 4


def test_none_are_kept_where_the_limit_is_none(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, FIRST, SECOND)

    work_off(tuned(keeping, rejections_kept=0), service, import_id)

    assert list_rejections(keeping, service, import_id, 1) == []
    assert counts(keeping, service, import_id).rejected == REJECTED


def test_another_import_has_a_limit_of_its_own(keeping: Ground, service: Service):
    work_off(keeping, service, an_import(keeping, service, FIRST, SECOND))

    other = an_import(keeping, service, FIRST)
    work_off(keeping, service, other)

    assert places(keeping, service, other) == KEPT[:5]


def test_a_files_rejections_are_kept_by_its_lines(keeping: Ground, service: Service):
    an_item_type(keeping, service)
    job = a_file_import(keeping, service, b'{"accountId":"a/b"}\n' * 20)

    job.work_off()

    assert [line for line, _ in job.rejected()] == list(range(1, LIMIT + 1))
    assert job.shown().view.records_rejected == 20
    assert job.import_row().unkept_rejections == 20 - LIMIT


def die() -> bool:
    raise Killed
