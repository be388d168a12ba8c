"""Imports whose order does not matter: several workers take a block each, and everything stays exact."""

import threading
from collections.abc import Iterable
from dataclasses import replace

import pytest

from api.usecases.imports import ImportChanges, get_import, show_import, update_import
from api.usecases.services import Service
from shared.db import giving_back, leases
from shared.db.leases import Lease
from shared.db.transition import move
from shared.errors import ImportClosed, LeaseLost
from shared.ground import Ground
from shared.instructions import Checkpoint, Tally
from shared.lifecycle import Event, Status
from shared.retries import Retries
from tests.integration.builders import (
    BOUNDS,
    Counts,
    after_batches,
    an_import,
    ask,
    claim,
    counts,
    documents,
    let_leases_expire,
    ndjson,
    rejected_lines,
    take_nudges,
    tuned,
    work,
    work_off,
)
from workers.sweeping import sweep

BLOCKS = 6
LINES = 40


def blocks_of(count: int, lines: int = LINES) -> Iterable[bytes]:
    """Each document is named by two blocks, in opposite orders; the last line of each block is bad."""
    ids = [f"{n:04}" for n in range(count // 2 * lines)]
    for number in range(count):
        half = number // 2 * lines
        mine = ids[half : half + lines][:: 1 if number % 2 else -1]
        yield ndjson(*({"documentid": documentid, f"b{number}": number} for documentid in mine), b"[]")


def unordered(ground: Ground, service: Service, *blocks: bytes) -> int:
    return an_import(ground, service, *(blocks or blocks_of(BLOCKS)), is_ordered=False)


def hold(ground: Ground, import_id: int) -> Lease:
    lease = claim(ground, import_id)
    assert lease is not None
    return lease


def finish(ground: Ground, lease: Lease) -> None:
    """The worker says that it has applied the block, of which it created one document."""
    with ground.database.begin() as session:
        leases.checkpoint(
            session,
            lease,
            Tally(created=1),
            begin=lease.checkpoint,
            end=Checkpoint(lease.size_bytes, 1),
            is_finished=True,
            lease_seconds=60,
        )


def status(ground: Ground, service: Service, import_id: int) -> str:
    return get_import(ground, service, import_id).status


def test_several_workers_have_a_block_each(ground: Ground, service: Service):
    import_id = unordered(ground, service)

    held = [hold(ground, import_id).block_number for _ in range(BLOCKS)]

    assert held == [1, 2, 3, 4, 5, 6]
    assert claim(ground, import_id) is None
    shown = show_import(ground, get_import(ground, service, import_id)).work
    assert (shown.workers, shown.block_number, shown.state) == (BLOCKS, 1, "working")


def test_an_ordered_import_has_one_worker(ground: Ground, service: Service):
    import_id = an_import(ground, service, *blocks_of(BLOCKS))

    hold(ground, import_id)

    assert claim(ground, import_id) is None


def test_no_more_workers_have_a_block_than_may(ground: Ground, service: Service):
    import_id, bounds = unordered(ground, service), replace(BOUNDS, import_workers=2)
    first, second = (claim(ground, import_id, bounds=bounds) for _ in range(2))
    assert first is not None
    assert second is not None

    assert claim(ground, import_id, bounds=bounds) is None
    finish(ground, second)
    third = claim(ground, import_id, bounds=bounds)

    assert third is not None
    assert third.block_number == 3
    assert claim(ground, import_id, bounds=bounds) is None


def test_a_block_that_was_given_back_is_no_way_around_the_bound(ground: Ground, service: Service):
    import_id, bounds = unordered(ground, service), replace(BOUNDS, import_workers=2)
    first = hold(ground, import_id)
    for _ in range(2):
        hold(ground, import_id)
    with ground.database.begin() as session:
        giving_back.release(session, first)

    assert claim(ground, import_id, bounds=bounds) is None
    assert claim(ground, import_id) is not None


def test_it_completes_with_the_last_block_whichever_that_is(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    held = [hold(ground, import_id) for _ in range(BLOCKS)]

    for lease in [*held[1:], held[0]]:
        assert status(ground, service, import_id) == Status.RUNNING
        finish(ground, lease)

    row = get_import(ground, service, import_id)
    assert (row.status, row.created_documents, row.percent_complete) == (Status.COMPLETE, BLOCKS, 100)


def test_the_counters_are_exact_in_the_middle(ground: Ground, service: Service):
    import_id = unordered(ground, service, ndjson({}), ndjson({}), ndjson({}), ndjson({}))
    held = [hold(ground, import_id) for _ in range(4)]

    finish(ground, held[2])
    finish(ground, held[3])

    row = get_import(ground, service, import_id)
    assert (row.created_documents, row.percent_complete) == (2, 50)


@pytest.mark.parametrize("asked", [Status.PAUSED, Status.CANCELED])
def test_every_worker_obeys(ground: Ground, service: Service, asked: Status):
    import_id = unordered(ground, service)
    held = [hold(ground, import_id) for _ in range(3)]

    ask(ground, service, import_id, asked)

    for lease in held:
        with pytest.raises(LeaseLost):
            finish(ground, lease)
    assert counts(ground, service, import_id) == Counts()


def test_what_is_canceled_by_its_workers_is_so_when_the_last_one_lets_go(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    held = [hold(ground, import_id) for _ in range(2)]
    with ground.database.begin() as session:
        assert move(session, import_id, Event.ASK_TO_CANCEL)

    for lease, expected in zip(held, (Status.CANCELING, Status.CANCELED), strict=True):
        with ground.database.begin() as session:
            giving_back.release(session, lease)
        assert status(ground, service, import_id) == expected


def test_what_is_resumed_is_gone_on_with_by_all(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    first = hold(ground, import_id)
    ask(ground, service, import_id, Status.PAUSED)
    ask(ground, service, import_id, Status.RESUMED)

    second = hold(ground, import_id)

    assert second.block_number == 2
    finish(ground, first)
    finish(ground, second)
    assert counts(ground, service, import_id) == Counts(created=2)


def test_a_dead_worker_costs_one_block_its_lease(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    dead = hold(ground, import_id)
    let_leases_expire(ground, import_id)
    hold(ground, import_id)

    assert get_import(ground, service, import_id).failure_count == 1
    with pytest.raises(LeaseLost):
        finish(ground, dead)
    assert hold(ground, import_id).block_number == 2


def test_a_block_that_fails_does_not_keep_the_others(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    lease = hold(ground, import_id)
    retries = Retries(attempts=5, patience_seconds=3600, first_pause_seconds=60)
    with ground.database.begin() as session:
        giving_back.give_up(session, lease, "It broke.", retries, is_suspicious=False)

    for number in range(2, BLOCKS + 1):
        taken = hold(ground, import_id)
        assert taken.block_number == number
        finish(ground, taken)
    assert claim(ground, import_id) is None
    assert status(ground, service, import_id) == Status.RUNNING


def test_one_that_failed_ends_for_all_of_its_workers(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    other = hold(ground, import_id)
    for _ in range(2):
        let_leases_expire(ground, import_id)
        claim(ground, import_id, attempts=1)

    assert status(ground, service, import_id) == Status.FAILED
    with pytest.raises(LeaseLost):
        finish(ground, other)


def test_each_worker_wakes_another_one(ground: Ground, service: Service):
    import_id = unordered(ground, service)
    take_nudges(ground)

    def nudges() -> bool:
        assert take_nudges(ground) == [import_id]
        return True

    work(ground, import_id, should_stop=after_batches(1, nudges))

    assert take_nudges(ground) == [import_id]


def test_however_many_turns_it_had_one_nudge_waits(ground: Ground, service: Service):
    """Each turn left one nudge more than it took, and other imports waited behind all of them."""
    import_id = unordered(ground, service)
    take_nudges(ground)

    for _ in range(BLOCKS - 1):
        work(ground, import_id)

    assert take_nudges(ground) == [import_id]


def test_the_sweep_wakes_a_worker_for_a_block_that_is_free_behind_one_that_is_held(
    ground: Ground, service: Service
):
    import_id = unordered(ground, service)
    hold(ground, import_id)
    take_nudges(ground)

    sweep(ground)

    assert import_id in take_nudges(ground)


@pytest.mark.usefixtures("write_path")
def test_many_workers_at_once_lose_and_double_nothing(ground: Ground, service: Service):
    small = tuned(ground, batch_lines=7)
    import_id = unordered(ground, service)
    all_have_one = threading.Barrier(4)

    def be_a_worker(name: str) -> None:
        work(
            small,
            import_id,
            worker=name,
            should_stop=after_batches(1, lambda: all_have_one.wait(20) and False),
        )
        while status(ground, service, import_id) != Status.COMPLETE:
            work(small, import_id, worker=name)

    workers = [threading.Thread(target=be_a_worker, args=[f"w{n}"]) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert not all_have_one.broken
    documents_each = BLOCKS // 2 * LINES
    assert counts(ground, service, import_id) == Counts(
        created=documents_each, updated=documents_each, rejected=BLOCKS
    )
    found = documents(ground, service)
    assert len(found) == documents_each
    assert all(len(properties) == 2 for properties in found.values())
    assert rejected_lines(ground, service, import_id) == [
        (number, LINES + 1, "not_an_object") for number in range(1, BLOCKS + 1)
    ]


def test_of_rejections_in_many_blocks_at_once_as_many_are_kept_as_may(ground: Ground, service: Service):
    few = tuned(ground, rejections_kept=5, batch_lines=2)
    import_id = unordered(few, service, *(ndjson(b"[]", b"[]", b"[]") for _ in range(4)))

    threads = [threading.Thread(target=work, args=[few, import_id], kwargs={"worker": n}) for n in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    work_off(few, service, import_id)

    row = get_import(few, service, import_id)
    assert (row.rejected_documents, row.unkept_rejections) == (12, 7)
    assert len(rejected_lines(few, service, import_id)) == 5


def test_the_order_is_part_of_the_configuration(ground: Ground, service: Service):
    import_id = an_import(ground, service, ndjson({}), status=Status.CONFIGURING)

    assert not update_import(ground, service, import_id, ImportChanges(is_ordered=False)).is_ordered
    ask(ground, service, import_id, Status.STARTED)

    with pytest.raises(ImportClosed):
        update_import(ground, service, import_id, ImportChanges(is_ordered=True))
