"""Whose turn it is, by what each data service has."""

import pytest

from shared.turns import in_turn

A, B, C = 1, 2, 3

TURNS = {
    "alone": ([A], {A: 7}, A, [A]),
    "who has fewest": ([A, B, C], {A: 2, B: 1, C: 3}, 0, [B, A, C]),
    "who has none": ([A, B], {A: 1}, B, [B, A]),
    "the next in the circle": ([A, B, C], {}, A, [B, C, A]),
    "the circle closes": ([A, B, C], {}, C, [A, B, C]),
    "who had the last turn has another one where nobody else waits": ([B], {}, B, [B]),
    "those that do not wait have no part": ([B, C], {A: 0, C: 1}, B, [B, C]),
    "nobody": ([], {A: 1}, 0, []),
}


@pytest.mark.parametrize(("waiting", "held", "after", "expected"), TURNS.values(), ids=TURNS.keys())
def test_turns(waiting: list[int], held: dict[int, int], after: int, expected: list[int]):
    assert in_turn(waiting, held, after=after) == expected


def test_nobody_is_passed_over_twice():
    waiting, last, served = [A, B, C], 0, []
    for _ in range(6):
        last = in_turn(waiting, {}, after=last)[0]
        served.append(last)

    assert served == [A, B, C, A, B, C]
