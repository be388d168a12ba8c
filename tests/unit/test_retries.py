"""When what broke is tried again, and when no more."""

from itertools import pairwise

import pytest

from shared.errors import ConflictOfTransactions, DatabaseUnavailable, LongshoreError
from shared.retries import CONFLICT_ATTEMPTS, LONGEST_PAUSE_SECONDS, Retries, despite_conflicts
from workers.giving_back import give_back

RETRIES = Retries(attempts=3, patience_seconds=60.0, first_pause_seconds=1.0)


def test_pauses_double_up_to_a_limit():
    pauses = [RETRIES.pause(attempts).total_seconds() for attempts in range(1, 100)]

    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert all(pause == LONGEST_PAUSE_SECONDS for pause in pauses[2:])
    assert all(shorter <= longer for shorter, longer in pairwise(pauses))


def test_a_first_pause_longer_than_the_limit_is_kept():
    slow = Retries(attempts=3, patience_seconds=60.0, first_pause_seconds=100.0)

    assert slow.pause(1).total_seconds() == slow.pause(5).total_seconds() == 100.0


@pytest.mark.parametrize(
    ("suspicions", "attempts", "failing_seconds", "are_over"),
    [
        (2, 2, 1e9, False),  # long ago, but hardly tried
        (2, 1000, 59.0, False),  # tried often, but not for long
        (0, 3, 60.0, True),
        (3, 3, 0.0, True),
    ],
)
def test_retries_end_by_suspicion_or_when_patience_is_over(
    suspicions: int, attempts: int, failing_seconds: float, are_over: bool
):
    assert (
        RETRIES.are_over(suspicions=suspicions, attempts=attempts, failing_seconds=failing_seconds)
        is are_over
    )


def heard_at(number: int, calls: list[int], error: type[LongshoreError] = DatabaseUnavailable) -> None:
    calls.append(len(calls) + 1)
    if len(calls) < number:
        raise error("Nobody listens.")


@pytest.mark.parametrize("error", [DatabaseUnavailable, ConflictOfTransactions])
def test_what_is_to_be_said_is_said_until_it_is_heard(error: type[LongshoreError]):
    calls: list[int] = []

    give_back(lambda: heard_at(3, calls, error), 5.0, lambda: False)

    assert calls == [1, 2, 3]


@pytest.mark.parametrize(("patience_seconds", "is_stopping", "expected"), [(0.1, False, 1), (60.0, True, 1)])
def test_it_is_not_said_for_longer_than_patience_lasts_nor_while_the_worker_goes_home(
    patience_seconds: float, is_stopping: bool, expected: int
):
    calls: list[int] = []

    with pytest.raises(DatabaseUnavailable):
        give_back(lambda: heard_at(99, calls), patience_seconds, lambda: is_stopping)

    assert len(calls) == expected


def committed_at(number: int, calls: list[int]) -> str:
    calls.append(len(calls) + 1)
    if len(calls) < number:
        raise ConflictOfTransactions("The transaction had to give way to another one.")
    return "committed"


@pytest.mark.parametrize("number", [1, 2, CONFLICT_ATTEMPTS])
def test_a_transaction_that_had_to_give_way_is_tried_again_until_it_commits(number: int):
    calls: list[int] = []

    assert despite_conflicts(lambda: committed_at(number, calls)) == "committed"

    assert len(calls) == number


def test_a_transaction_that_always_has_to_give_way_is_given_up():
    calls: list[int] = []

    with pytest.raises(ConflictOfTransactions):
        despite_conflicts(lambda: committed_at(99, calls))

    assert len(calls) == CONFLICT_ATTEMPTS
