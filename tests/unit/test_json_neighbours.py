"""Items of a list that are taken together, and what it takes to see that there are none."""

from collections.abc import Sequence

import msgspec
import pytest

from shared.formats import json_neighbours
from shared.formats.json_neighbours import Neighbours

FIRST = '{"id":0}'


class Watched(str):
    """Counts how often it is searched."""

    searched = 0

    def rfind(self, *where: object) -> int:
        self.searched += 1
        return super().rfind(*where)  # type: ignore[arg-type]


def taken_one_by_one(neighbours: Neighbours, text: str, items: int) -> int:
    """How many were taken together, passing over one item where none are."""
    taken = 0
    for _ in range(items):
        found, _ = neighbours.take(text, 0)
        taken += len(found)
    return taken


def test_items_are_taken_to_the_last_that_has_another_like_it_behind_it():
    text = '{"id":1},{"id":[{"id":2}]},{"id":3},{"x":4}]'

    found, end = Neighbours(FIRST, ",").take(text, 0)

    assert [bytes(item) for item in found] == [b'{"id":1}', b'{"id":[{"id":2}]}']
    assert text[end:] == '{"id":3},{"x":4}]'


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ('{"version":1}', '{"id":1},' * 1000),
        (FIRST, '{"id":NaN},{"id":1},' * 500),
        (FIRST, "1," * 5000),
    ],
    ids=["none begins as the first one", "none is read by everybody", "no objects"],
)
def test_looks_in_vain_are_few(first: str, text: str):
    watched = Watched(text)

    assert taken_one_by_one(Neighbours(first, ","), watched, 10_000) == 0

    assert watched.searched < 20


def test_what_is_looked_at_together_is_bounded(monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []

    def measured(items: str) -> Sequence[msgspec.Raw]:
        sizes.append(len(items))
        return ()

    monkeypatch.setattr(json_neighbours, "_parsed", measured)
    Neighbours(FIRST, ",").take('{"id":1},' * 1_000_000, 0)

    assert 100_000 < sizes[0] <= 1 << 17
