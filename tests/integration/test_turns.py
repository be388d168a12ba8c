"""One data service with many jobs does not keep the jobs of others waiting, and leaves no worker idle."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import redis
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from shared.bounds import Bounds
from shared.db import exports, giving_back, imports, long_jobs, turns
from shared.db.leases import Lease
from shared.db.long_jobs import DUE_EXPORTS, FIRST_EXPORT, FIRST_FILE, LARGE_FILE_BYTES
from shared.db.turns import FIRST_IMPORT, HELD, SERVICE_OF_IMPORT, SERVICES
from shared.dispatch import nudge_in
from shared.ground import Ground
from shared.turns import Job
from tests.integration.builders import (
    BOUNDS,
    QUEUE,
    Status,
    an_import,
    ask,
    block_files,
    claim,
    counts,
    let_leases_expire,
    let_pauses_pass,
    never,
    numbered,
    take_nudges,
    tuned,
    work,
)
from tests.integration.job_builders import Job as BatchJob
from tests.integration.job_builders import a_file_import, accounts, an_export, an_item_type, let_lease_expire
from workers.turns import Turns

MANY = 10_000
TWO_LONG_JOBS = replace(BOUNDS, service_long_jobs=2)
MOST_BLOCKS_READ = 60


@pytest.fixture(autouse=True)
def _nothing_waits(ground: Ground) -> Iterator[None]:
    take_nudges(ground)
    yield
    take_nudges(ground)


def a_service(ground: Ground, name: str) -> Service:
    made, _ = add_service(ground, name, None)
    add_collection(ground, made, "/contacts")
    return made


@pytest.fixture
def first(apart: Ground) -> Service:
    return a_service(apart, "first")


@pytest.fixture
def second(apart: Ground) -> Service:
    return a_service(apart, "second")


def hold(ground: Ground, import_id: int) -> Lease:
    """A worker has the import's next block."""
    lease = claim(ground, import_id)
    assert lease is not None
    return lease


def hold_export(job: BatchJob, *, bounds: Bounds = BOUNDS) -> bool:
    """Whether a worker could take the export."""
    with job.ground.database.begin() as session:
        lease = exports.claim(session, job.export_id, worker="busy", lease_seconds=60, bounds=bounds)
    return lease is not None


def held(ground: Ground) -> dict[int, int]:
    with ground.database.begin() as session:
        return turns.held(session)


def take_next(ground: Ground) -> None:
    """The turn of a worker that has had none, by the nudge that has waited longest."""
    with redis.Redis.from_url(ground.settings.redis_url) as client:
        nudge = nudge_in(client.rpop(QUEUE))
    assert nudge is not None
    number = nudge.payload.get("import_id")
    job = Job("export", nudge.payload["export_id"]) if number is None else Job("import", number)
    gave_way = "gave_way" in nudge.payload
    Turns().take(ground, job, worker="free", should_stop=never, gave_way=gave_way)


def blocks_left(ground: Ground, import_id: int) -> int:
    count = "SELECT count(*) FROM blocks WHERE import_id = :id AND finished_at IS NULL"
    with ground.database.begin() as session:
        return int(session.execute(text(count), {"id": import_id}).scalar_one())


class TestChoice:
    def test_a_service_without_workers_goes_before_one_that_has_some(
        self, apart: Ground, first: Service, second: Service
    ):
        long = [an_import(apart, first, numbered(1), numbered(1)) for _ in range(3)]
        short = an_import(apart, second, numbered(1))
        hold(apart, long[0])
        take_nudges(apart)

        Turns().take(apart, Job("import", long[1]), worker="free", should_stop=never)

        assert counts(apart, second, short).created == 1
        assert counts(apart, first, long[1]).lines == 0
        assert long[1] in take_nudges(apart)

    def test_a_turn_by_another_one_s_nudge_leaves_no_second_nudge(
        self, apart: Ground, first: Service, second: Service
    ):
        nudged = an_import(apart, first, numbered(1))
        going_on = an_import(apart, second, numbered(1), numbered(1))
        hold(apart, an_import(apart, first, numbered(1)))
        take_nudges(apart)
        apart.dispatcher.nudge_import(going_on)

        Turns().take(apart, Job("import", nudged), worker="free", should_stop=never)

        assert counts(apart, second, going_on).created == 1
        assert sorted(take_nudges(apart)) == [nudged, going_on]

    def test_a_service_may_have_every_worker_where_nobody_else_waits(self, apart: Ground, first: Service):
        long = [an_import(apart, first, numbered(1)) for _ in range(4)]
        for import_id in long[:3]:
            hold(apart, import_id)

        assert Turns().choose(apart, Job("import", long[3])).job == Job("import", long[3])

    def test_services_take_turns(self, apart: Ground, first: Service, second: Service):
        third = a_service(apart, "third")
        jobs = {
            service.id: Job("import", an_import(apart, service, numbered(1)))
            for service in (first, second, third)
        }
        process = Turns()

        chosen = [process.choose(apart, jobs[first.id]).job for _ in range(4)]

        assert chosen == [jobs[first.id], jobs[second.id], jobs[third.id], jobs[first.id]]

    def test_a_short_import_does_not_wait_behind_the_long_ones_of_its_own_service(
        self, apart: Ground, first: Service
    ):
        long = [an_import(apart, first, numbered(1), numbered(1)) for _ in range(3)]
        for import_id in long:
            work(apart, import_id)
        short = an_import(apart, first, numbered(1))
        take_nudges(apart)

        Turns().take(apart, Job("import", long[0]), worker="free", should_stop=never)

        assert (counts(apart, first, short).lines, counts(apart, first, long[0]).lines) == (1, 1)
        assert long[0] in take_nudges(apart)

    def test_however_many_are_new_every_other_turn_is_of_those_in_order(self, apart: Ground, first: Service):
        long = an_import(apart, first, numbered(1), numbered(1))
        work(apart, long)
        new = Job("import", an_import(apart, first, numbered(1)))
        an_import(apart, first, numbered(1))
        process, nudged = Turns(), Job("import", long)

        chosen = [process.choose(apart, nudged).job for _ in range(4)]

        assert chosen == [new, nudged, new, nudged]

    def test_an_export_is_passed_over_once_by_new_imports_whichever_workers_meet_it(
        self, apart: Ground, first: Service
    ):
        """One that always met a worker whose turn it was to give way was sent behind all others each time."""
        accounts(apart, first)
        job = an_export(apart, first)
        new = [an_import(apart, first, numbered(1)) for _ in range(3)]
        take_nudges(apart)
        apart.dispatcher.nudge_export(job.export_id)

        take_next(apart)
        assert (job.status, counts(apart, first, new[0]).lines) == ("Accepted", 1)
        take_next(apart)

        assert (job.status, counts(apart, first, new[1]).lines) == ("Completed", 0)

    def test_what_gives_way_to_another_service_may_still_give_way_to_a_new_import(
        self, apart: Ground, first: Service, second: Service
    ):
        long = an_import(apart, first, numbered(1), numbered(1), numbered(1))
        work(apart, long)
        hold(apart, an_import(apart, first, numbered(1)))
        short = an_import(apart, first, numbered(1))
        an_import(apart, second, numbered(1))
        take_nudges(apart)
        apart.dispatcher.nudge_import(long)

        for _ in range(2):
            take_next(apart)

        assert (counts(apart, first, short).lines, blocks_left(apart, long)) == (1, 2)

    def test_what_has_had_its_turn_gives_way_again(self, apart: Ground, first: Service):
        long = an_import(apart, first, numbered(1), numbered(1), numbered(1))
        work(apart, long)
        new = an_import(apart, first, numbered(1))
        take_nudges(apart)
        apart.dispatcher.nudge_import(long, gave_way=True)

        take_next(apart)
        assert (counts(apart, first, new).lines, blocks_left(apart, long)) == (0, 1)
        take_next(apart)

        assert (counts(apart, first, new).lines, blocks_left(apart, long)) == (1, 1)

    def test_what_there_was_no_room_for_gives_way_to_nothing_new_then(self, apart: Ground, first: Service):
        """Its own nudge had told that it gave way, and nobody looked."""
        accounts(apart, first)
        one, other = (an_export(apart, first) for _ in range(2))
        new = an_import(apart, first, numbered(1))
        take_nudges(apart)
        Turns().take(apart, Job("export", one.export_id), worker="free", should_stop=never, gave_way=True)

        take_next(apart)

        assert (one.status, other.status) == ("Completed", "Completed")
        assert counts(apart, first, new).lines == 0

    def test_a_nudge_for_nothing_stays_one(self, apart: Ground, first: Service, second: Service):
        done = an_import(apart, first)
        work(apart, done)
        an_import(apart, second, numbered(1))

        assert Turns().choose(apart, Job("import", done)).job == Job("import", done)

    def test_jobs_that_cannot_be_taken_now_do_not_count_as_waiting(
        self, apart: Ground, first: Service, second: Service
    ):
        mine = [an_import(apart, first, numbered(1)) for _ in range(2)]
        hold(apart, mine[0])
        broken, paused = (an_import(apart, second, numbered(1)) for _ in range(2))
        block_files(apart, broken)[0].unlink()
        work(tuned(apart, retry_seconds=100.0), broken)
        ask(apart, second, paused, Status.PAUSED)

        assert Turns().choose(apart, Job("import", mine[1])).job == Job("import", mine[1])
        let_pauses_pass(apart, broken)
        assert Turns().choose(apart, Job("import", mine[1])).job == Job("import", broken)

    def test_a_service_s_new_imports_go_first_then_exports_then_the_others(
        self, apart: Ground, first: Service
    ):
        accounts(apart, first)
        begun = an_import(apart, first, numbered(1), numbered(1))
        work(apart, begun)
        export = an_export(apart, first)
        new = an_import(apart, first, numbered(1))

        found = []
        for _ in range(3):
            with apart.database.begin() as session:
                found.append(turns.first_waiting(session, first.id, BOUNDS))
            _finish(apart, first, found[-1])

        assert found == [Job("import", new), Job("export", export.export_id), Job("import", begun)]


def _finish(ground: Ground, service: Service, job: Job | None) -> None:
    assert job is not None
    Turns().take(ground, job, worker="free", should_stop=never)


class TestHeldLeases:
    def test_a_lease_counts_while_it_is_held(self, apart: Ground, first: Service):
        import_id = an_import(apart, first, numbered(1), numbered(1))
        lease = hold(apart, import_id)
        assert held(apart) == {first.id: 1}

        with apart.database.begin() as session:
            giving_back.release(session, lease)

        assert held(apart) == {}

    def test_a_dead_worker_s_lease_does_not_count(self, apart: Ground, first: Service):
        import_id = an_import(apart, first, numbered(1))
        hold(apart, import_id)

        let_leases_expire(apart, import_id)

        assert held(apart) == {}

    @pytest.mark.parametrize("breaks", [False, True])
    def test_a_block_that_ends_or_breaks_counts_no_longer(self, apart: Ground, first: Service, breaks: bool):
        import_id = an_import(apart, first, numbered(1), numbered(1))
        if breaks:
            block_files(apart, import_id)[0].unlink()

        work(apart, import_id)

        assert held(apart) == {}
        with apart.database.begin() as session:
            count = "SELECT count(*) FROM blocks WHERE leasing_service_id IS NOT NULL"
            assert session.execute(text(count)).scalar_one() == 0

    def test_exports_count_too(self, apart: Ground, first: Service, second: Service):
        for service in (first, second):
            accounts(apart, service)
            assert hold_export(an_export(apart, service))
        hold(apart, an_import(apart, second, numbered(1)))

        assert held(apart) == {first.id: 1, second.id: 2}


class TestWorkersOfAService:
    def test_no_more_than_allowed_are_at_work(self, apart: Ground, first: Service, second: Service):
        accounts(apart, first)
        bounds = replace(BOUNDS, service_workers=2)
        mine = [an_import(apart, first, numbered(1)) for _ in range(2)]
        job = an_export(apart, first)
        other = an_import(apart, second, numbered(1))

        assert hold_export(job, bounds=bounds)
        assert claim(apart, mine[0], bounds=bounds) is not None

        assert claim(apart, mine[1], bounds=bounds) is None
        assert not hold_export(an_export(apart, first), bounds=replace(bounds, service_long_jobs=5))
        assert claim(apart, other, bounds=bounds) is not None

    def test_of_many_at_once_no_more_than_allowed_get_a_block(self, apart: Ground, first: Service):
        bounds = replace(BOUNDS, service_workers=3)
        import_ids = [an_import(apart, first, numbered(1)) for _ in range(8)]
        ready = threading.Barrier(len(import_ids))
        taken: list[Lease | None] = []

        def take(import_id: int) -> None:
            ready.wait(20)
            taken.append(claim(apart, import_id, bounds=bounds))

        threads = [threading.Thread(target=take, args=[import_id]) for import_id in import_ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sum(lease is not None for lease in taken) == 3

    def test_whoever_makes_room_wakes_a_worker_for_what_waited(self, apart: Ground, first: Service):
        bounded = tuned(apart, service_workers=1)
        running, waiting = (an_import(apart, first, numbered(1), numbered(1)) for _ in range(2))
        take_nudges(apart)

        work(bounded, running)

        assert take_nudges(apart) == [running, waiting]


class TestExports:
    def test_no_more_than_allowed_are_written_at_a_time(self, ground: Ground, service: Service):
        accounts(ground, service)
        jobs = [an_export(ground, service) for _ in range(3)]

        assert [hold_export(job, bounds=TWO_LONG_JOBS) for job in jobs] == [
            True,
            True,
            False,
        ]

    def test_a_dead_worker_leaves_room_for_another_one(self, ground: Ground, service: Service):
        accounts(ground, service)
        dead, job = an_export(ground, service), an_export(ground, service)
        assert hold_export(dead)
        assert not hold_export(job)

        let_lease_expire(dead)

        assert hold_export(job)

    def test_claims_at_the_same_moment_do_not_pass_the_limit(self, ground: Ground, service: Service):
        accounts(ground, service)
        jobs = [an_export(ground, service) for _ in range(8)]
        at_once = threading.Barrier(len(jobs))
        taken: list[bool] = []

        def claim(job: BatchJob) -> None:
            at_once.wait(20)
            taken.append(hold_export(job, bounds=TWO_LONG_JOBS))

        threads = [threading.Thread(target=claim, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sorted(taken) == [False] * 6 + [True] * 2

    def test_the_next_one_is_nudged_when_one_ends(self, apart: Ground, first: Service):
        accounts(apart, first)
        jobs = [an_export(apart, first) for _ in range(2)]
        take_nudges(apart)

        jobs[0].work()

        assert apart.dispatcher.waiting() == 1

    def test_the_sweep_nudges_no_more_than_could_be_taken(
        self, apart: Ground, first: Service, second: Service
    ):
        for service in (first, second):
            accounts(apart, service)
        mine = [an_export(apart, first) for _ in range(5)]
        other = an_export(apart, second)

        def due(long_jobs_at_once: int) -> list[int]:
            with apart.database.begin() as session:
                return long_jobs.due_exports(
                    session, replace(BOUNDS, service_long_jobs=long_jobs_at_once), limit=100
                )

        assert due(2) == [mine[0].export_id, mine[1].export_id, other.export_id]
        assert hold_export(mine[0])
        assert due(1) == [other.export_id]
        assert due(2) == [mine[1].export_id, other.export_id]


class TestLargeFiles:
    @pytest.fixture
    def files(self, apart: Ground, first: Service) -> list[BatchJob]:
        """Two large files that were uploaded, and a small one."""
        an_item_type(apart, first)
        large = b'{"accountId":"1"}\n' + b" " * LARGE_FILE_BYTES
        return [a_file_import(apart, first, content) for content in (large, large, b'{"accountId":"2"}')]

    def test_one_is_cut_at_a_time_and_small_ones_beside_it(self, apart: Ground, files: list[BatchJob]):
        assert [claim(apart, job.import_id) is not None for job in files] == [True, False, True]

    def test_an_export_and_a_large_file_count_alike(
        self, apart: Ground, first: Service, files: list[BatchJob]
    ):
        export = an_export(apart, first)
        assert hold_export(export)
        assert claim(apart, files[0].import_id) is None

        let_lease_expire(export)

        assert claim(apart, files[0].import_id)
        assert not hold_export(export)

    def test_one_that_has_no_room_is_not_nudged(self, apart: Ground, files: list[BatchJob]):
        hold(apart, files[0].import_id)

        with apart.database.begin() as session:
            due = imports.due(session, BOUNDS, limit=100)
            assert long_jobs.waiting(session, files[0].service.id, BOUNDS) == []
        assert due == [files[2].import_id]

    def test_when_one_is_cut_the_next_one_is_nudged(self, apart: Ground, files: list[BatchJob]):
        take_nudges(apart)

        files[0].work()

        assert files[1].import_id in take_nudges(apart)


STATEMENTS = {
    "held": (HELD, {}),
    "services": (SERVICES, {"after": 0, "limit": 50}),
    "first import": (FIRST_IMPORT, asdict(BOUNDS) | {"service_id": 1, "looks": 100}),
    "service of an import": (SERVICE_OF_IMPORT, asdict(BOUNDS) | {"import_id": 5000}),
    "first file": (FIRST_FILE, asdict(BOUNDS) | {"service_id": 1}),
    "first export": (FIRST_EXPORT, asdict(BOUNDS) | {"service_id": 1}),
}


@pytest.fixture
def crowded(apart: Ground, first: Service, second: Service) -> Ground:
    """Ten thousand imports and as many exports of one data service wait, a few of another one."""
    accounts(apart, first)
    crowd = f"""
    INSERT INTO imports (service_id, collection_id, strategies, status, started_at)
    SELECT s.id, c.id, '{{create}}', 'started', now()
      FROM data_services s JOIN collections c ON c.service_id = s.id AND c.path = '/contacts',
           generate_series(1, CASE s.name WHEN 'first' THEN {MANY} ELSE 3 END);
    INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key)
    SELECT id, 1, 1, '', '' FROM imports;
    INSERT INTO exports (service_id, collection_id, selection, rendering, link_key)
    SELECT c.service_id, c.id, '{{}}', '{{}}', '' FROM collections c, generate_series(1, {MANY})
     WHERE c.path = '/Account'
    """
    with apart.database.begin() as session:
        session.execute(text(crowd))
        session.execute(text("ANALYZE"))
    return apart


def test_a_choice_costs_the_same_however_many_jobs_wait(crowded: Ground):
    read: dict[str, int] = {}
    with crowded.database.begin() as session:
        for name, (statement, given) in STATEMENTS.items():
            explain = text(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}")
            [(plan,)] = session.execute(explain, given)
            found = json.loads(plan) if isinstance(plan, str) else plan
            read[name] = found[0]["Plan"]["Shared Hit Blocks"] + found[0]["Plan"]["Shared Read Blocks"]

    assert all(blocks < MOST_BLOCKS_READ for blocks in read.values()), read


def test_among_ten_thousand_the_other_service_s_job_is_found(
    crowded: Ground, first: Service, second: Service
):
    with crowded.database.begin() as session:
        ids = "SELECT service_id, min(id), max(id) FROM imports GROUP BY service_id"
        oldest, newest = {row[0]: row[1:] for row in session.execute(text(ids))}[first.id]
    hold(crowded, oldest)

    chosen = Turns().choose(crowded, Job("import", newest)).job

    with crowded.database.begin() as session:
        waiting = turns.first_waiting(session, second.id, BOUNDS)
    assert chosen == waiting


def test_a_sweep_nudges_one_export_of_ten_thousand(crowded: Ground):
    with crowded.database.begin() as session:
        assert len(list(session.execute(text(DUE_EXPORTS), asdict(BOUNDS) | {"limit": 1000}))) == 1
