"""A short, fixed selection of rounds: `make chaos` runs as many as wanted."""

import pytest

from tests.faults.__main__ import main
from tests.faults.comparison import check_calm, compare
from tests.faults.fleet import Fleet
from tests.faults.orders import Workload, a_workload
from tests.faults.plan import FAULTS, a_plan
from tests.faults.recovery import late_recoveries
from tests.faults.round import RoundOutcome, run_round

WORKLOAD_SEED = 1

# Each fault that costs little time, in company: what one of them hides, another may show.
ROUNDS = [
    [
        "worker killed",
        "connections terminated",
        "nudges doubled, foreign and out of order",
        "Redis read-only",
        "Redis full",
    ],
    ["worker frozen", "Redis killed, its data lost", "API killed", "import held by a stranger"],
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
    assert not compare(workload, outcome, outcome)
    return outcome


@pytest.mark.parametrize("names", ROUNDS, ids=" + ".join)
def test_a_storm_changes_nothing(fleet: Fleet, workload: Workload, calm: RoundOutcome, names: list[str]):
    seed = ROUNDS.index(names)

    found = run_round(fleet, workload, seed=seed, plan=a_plan(seed, fleet, names))

    assert not compare(workload, found, calm)
    assert found.storm.unmet == []
    assert late_recoveries(found.storm.felt) == []


def test_the_comparison_sees_what_is_wrong(fleet: Fleet, workload: Workload, calm: RoundOutcome):
    """Against another workload nothing fits."""
    other = a_workload(WORKLOAD_SEED + 1)

    differences = compare(other, calm, run_round(fleet, other))

    assert differences.lost
    assert differences.doubled
    assert differences.counters
    assert differences.rejections


def test_every_fault_of_the_selection_exists():
    assert {name for names in ROUNDS for name in names} <= FAULTS.keys()


def test_faults_can_be_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["--list"]) == 0

    assert capsys.readouterr().out.split("\n")[:-1] == sorted(FAULTS)
