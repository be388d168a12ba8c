"""A short, fixed selection of rounds: `make chaos` runs as many as wanted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.formats.cutting import BLOCK_BYTES
from tests.faults.__main__ import main
from tests.faults.comparison import check_calm, compare
from tests.faults.controls import CONTROLS, caught
from tests.faults.fleet import Fleet
from tests.faults.orders import BLOCKS, LINES_A_BLOCK, Workload, a_workload
from tests.faults.outcome import Documents
from tests.faults.plan import FAULTS, a_plan
from tests.faults.round import run_round
from tests.faults.round_outcome import Failed, RoundOutcome

WORKLOAD_SEED = 1
# The first of those by which clients draw: in three of four rounds each control comes while work is under
# way, in one before.
CLIENTS_SEED = 113
MORE_ROUNDS = 5

# Each fault that costs little time, in company: what one of them hides, another may show.
ROUNDS = [
    [
        "worker killed",
        "connections terminated",
        "nudges doubled, foreign and out of order",
        "Redis read-only",
        "Redis full",
    ],
    [
        "worker frozen",
        "Redis killed, its data lost",
        "API killed",
        "import held by a stranger",
        "malformed nudges",
    ],
    ["Postgres killed", "worker's child killed", "blocks missing for a while", "maintenance"],
    ["answers to COMMIT lost", "worker drained", "beat killed", "deadlocks", "serialization failures"],
]


@pytest.fixture(scope="module")
def workload() -> Workload:
    return a_workload(WORKLOAD_SEED)


@pytest.fixture(scope="module")
def calm(fleet: Fleet, workload: Workload) -> RoundOutcome:
    """What comes of the workload in peace."""
    outcome = run_round(fleet, workload)
    assert not check_calm(workload, outcome)
    return outcome


@pytest.fixture(scope="module")
def controls() -> Counter[str]:
    """How often each met work under way, in all storms so far."""
    return Counter()


@pytest.mark.parametrize("names", ROUNDS, ids=" + ".join)
def test_a_storm_changes_nothing(
    fleet: Fleet, workload: Workload, calm: RoundOutcome, controls: Counter[str], names: list[str]
):
    seed = ROUNDS.index(names)
    plan = a_plan(seed, fleet, names)
    # What has a time of its own to be over in is judged by it.
    plan = [replace(planned, is_alone=planned.fault.ends_within is not None) for planned in plan]

    found = run_round(fleet, workload, seed=CLIENTS_SEED + seed, plan=plan)

    controls.update(caught(workload, found))
    assert not compare(workload, found, calm)
    assert found.storm.unmet == []
    assert [felt.name for felt in found.storm.felt if not felt.was_met] == []
    assert [felt.name for felt in found.storm.felt if felt.ends_within and not felt.was_alone] == []
    assert found.storm.late == []
    assert found.storm.unrefused == []


def test_each_control_met_work_under_way(fleet: Fleet, workload: Workload, controls: Counter[str]):
    """One that comes too late shows nothing; rounds in fair, if slow, weather follow where all did."""
    for seed in range(CLIENTS_SEED, CLIENTS_SEED + MORE_ROUNDS):
        if all(controls[control] for control in CONTROLS):
            return
        controls.update(caught(workload, run_round(fleet, workload, seed=seed, plan=[])))

    assert all(controls[control] for control in CONTROLS), controls


def test_a_list_and_a_file_of_rows_are_cut_into_several_blocks(workload: Workload):
    large = [order.item_type for order in workload.batch_orders if len(order.file) > BLOCK_BYTES]

    assert large == ["Listed", "Csv"]


def test_the_comparison_sees_what_is_wrong(fleet: Fleet, workload: Workload, calm: RoundOutcome):
    """Against another workload nothing fits."""
    other = a_workload(WORKLOAD_SEED + 1)

    differences = compare(other, calm, run_round(fleet, other))

    assert differences.lost
    assert differences.doubled
    assert differences.counters
    assert differences.rejections


def _documents(calm: RoundOutcome, named: dict[str, str]) -> RoundOutcome:
    kept = calm.orders["kept-1"]
    return _order(calm, documents=Documents(kept.documents.named | named, kept.documents.unnamed))


def _order(calm: RoundOutcome, name: str = "kept-1", **changed: Any) -> RoundOutcome:
    return replace(calm, orders=calm.orders | {name: replace(calm.orders[name], **changed)})


def _without_one(calm: RoundOutcome) -> RoundOutcome:
    kept = calm.orders["kept-1"].documents
    return _order(calm, documents=Documents(dict(list(kept.named.items())[1:]), kept.unnamed))


def _with_one_twice(calm: RoundOutcome) -> RoundOutcome:
    kept = calm.orders["kept-1"].documents
    return _order(calm, documents=Documents(kept.named, kept.unnamed + Counter([next(iter(kept.unnamed))])))


def _counting(calm: RoundOutcome, name: str = "kept-1", **changed: Any) -> RoundOutcome:
    return _order(calm, name, counters=calm.orders[name].counters | changed)


def _job(calm: RoundOutcome, **changed: Any) -> RoundOutcome:
    return replace(calm, jobs=calm.jobs | {"Item": replace(calm.jobs["Item"], **changed)})


def _telling(calm: RoundOutcome, name: str, created: int) -> RoundOutcome:
    return _order(calm, name, told=calm.orders[name].told | {"createdDocuments": created})


def _canceled_export(calm: RoundOutcome, **changed: Any) -> RoundOutcome:
    [canceled] = calm.exports.canceled
    told = canceled.told | changed
    return replace(calm, exports=replace(calm.exports, canceled=[replace(canceled, told=told)]))


def _altered(rejections: list[tuple[Any, ...]], column: int) -> list[tuple[Any, ...]]:
    """The first of them says something else there."""
    first, *others = rejections
    return [(*first[:column], "another", *first[column + 1 :]), *others]


_WITHOUT_REASON = {"lastError": None, "reason": "It failed several times."}

# What one of the least changes must be told as.
CHANGES: dict[str, tuple[Callable[[RoundOutcome], RoundOutcome], str]] = {
    "a document is gone": (_without_one, "lost"),
    "a document holds something else": (
        lambda calm: _documents(calm, {next(iter(calm.orders["kept-1"].documents.named)): '{"x": 1}'}),
        "lost",
    ),
    "a document is too many": (lambda calm: _documents(calm, {"new": "{}"}), "doubled"),
    "a document without an id is there twice": (_with_one_twice, "doubled"),
    "a counter is off by one": (
        lambda calm: _counting(
            calm, created_documents=calm.orders["kept-1"].counters["created_documents"] - 1
        ),
        "counters",
    ),
    "a status is another": (lambda calm: _counting(calm, status="failed"), "counters"),
    "a client was told another number": (lambda calm: _telling(calm, "kept-1", 0), "counters"),
    "of a deleted import there is less than was told": (
        lambda calm: _telling(calm, "deleted", BLOCKS * LINES_A_BLOCK + 1),
        "lost",
    ),
    "a block of a canceled import is there twice": (
        lambda calm: _counting(calm, "canceled", block_count=BLOCKS + 1),
        "counters",
    ),
    "a canceled import counts other bytes than those of its lines": (
        lambda calm: _counting(calm, "canceled", applied_bytes=-1),
        "counters",
    ),
    "an import is there twice": (
        lambda calm: replace(calm, given=calm.given | {"imports": calm.given["imports"] + 1}),
        "doubled",
    ),
    "a process ended by itself": (lambda calm: replace(calm, ended=["worker-1"]), "notes"),
    "a process met what nobody expects": (lambda calm: replace(calm, complaints=["worker.log: oh"]), "notes"),
    "a rejection is missing": (
        lambda calm: _order(calm, rejections=calm.orders["kept-1"].rejections[1:]),
        "rejections",
    ),
    "another reason is stored of what a damaged import rejected": (
        lambda calm: _order(calm, "damaged", rejections=_altered(calm.orders["damaged"].rejections, 3)),
        "rejections",
    ),
    "another place is stored of what a damaged import rejected": (
        lambda calm: _order(calm, "damaged", rejections=_altered(calm.orders["damaged"].rejections, 4)),
        "rejections",
    ),
    "an item is missing": (
        lambda calm: _job(calm, documents=Documents({}, Counter())),
        "lost",
    ),
    "an item was deleted once less": (
        lambda calm: _job(calm, told=calm.jobs["Item"].told | {"reason": "The file has been processed"}),
        "counters",
    ),
    "an item's rejection is missing": (
        lambda calm: _job(calm, rejected=calm.jobs["Item"].rejected[1:]),
        "rejections",
    ),
    "another reason is stored of an item's rejection": (
        lambda calm: _job(calm, rejections=_altered(calm.jobs["Item"].rejections, 3)),
        "rejections",
    ),
    "an item was exported twice": (
        lambda calm: replace(calm, exported=[calm.exported[0] + Counter([next(iter(calm.exported[0]))])]),
        "doubled",
    ),
    "a canceled export can be downloaded": (
        lambda calm: _canceled_export(calm, status="Canceled", links=["/file"]),
        "notes",
    ),
    "a canceled export failed": (lambda calm: _canceled_export(calm, status="Failed"), "counters"),
    "an import failed without a reason": (
        lambda calm: replace(calm, failed=[Failed("import", 1, 3, None)]),
        "notes",
    ),
    "a damaged import was tried once only": (
        lambda calm: _order(calm, "damaged", told=calm.orders["damaged"].told | {"failureCount": 1}),
        "notes",
    ),
    "the reason of a damaged import is lost": (
        lambda calm: _order(calm, "damaged", told=calm.orders["damaged"].told | {"work": _WITHOUT_REASON}),
        "notes",
    ),
    "an import went a way that there is not": (
        lambda calm: replace(calm, histories=["import 1: complete after start"]),
        "notes",
    ),
    "a block is lost": (lambda calm: replace(calm, missing=["1/a: no bytes instead of 7"]), "notes"),
    "a file is left behind": (lambda calm: replace(calm, left_behind=["1/a: left behind"]), "notes"),
    "a mail came twice": (lambda calm: replace(calm, mails=calm.mails + calm.mails), "notes"),
    "a client was told something else": (
        lambda calm: replace(
            calm, seen=calm.seen | {"paused": replace(calm.seen["paused"], wrong=["it went on"])}
        ),
        "notes",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_comparison_sees_the_least_that_is_wrong(workload: Workload, calm: RoundOutcome, what: str):
    change, told_as = CHANGES[what]

    differences = compare(workload, change(calm), calm)

    assert getattr(differences, told_as)


def test_every_fault_of_the_selection_exists():
    assert {name for names in ROUNDS for name in names} <= FAULTS.keys()


def test_faults_can_be_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["--list"]) == 0

    assert capsys.readouterr().out.split("\n")[:-1] == sorted(FAULTS)
