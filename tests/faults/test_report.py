"""What the table of faults tells by itself."""

from collections import Counter
from io import StringIO

from rich.console import Console

from tests.faults.chaos import Terms
from tests.faults.fleet import Tempo
from tests.faults.outcome import Differences
from tests.faults.plan import Felt
from tests.faults.report import Report


def test_the_table_tells_the_limit_and_what_it_depends_on():
    terms, said = Terms(Tempo(10.0, 2.0, 1.0), 15.0, []), StringIO()

    Console(file=said, width=160).print(Report().table(str(terms)))

    assert "Leases of 10 s, a sweep every 2 s, the first retry after 1 s." in said.getvalue()
    assert "more than 15 s" in said.getvalue()


def test_a_fault_that_is_missed_each_time_is_told_and_one_that_is_met_once_is_not():
    report, met = Report(), {"met once": [False, True], "never met": [False, False]}

    for name, rounds in met.items():
        report.add([Felt(name, was_met=was_met) for was_met in rounds], Differences(), Counter())

    assert report.never_met() == ["never met"]


def test_only_workers_that_came_back_stale_are_told_as_refused_or_not():
    report = Report()

    felt = [
        Felt("a fault"),
        Felt("worker frozen", was_refused=True),
        Felt("worker frozen", was_refused=False),
    ]
    report.add(felt, Differences(), Counter())

    assert "refused: 1 of 2" in report.shown()
