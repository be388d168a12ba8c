"""Values made in a thread while the last one is being used."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from workers.ahead import ahead

DEADLINE_SECONDS = 5


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_values_come_out_as_they_went_in():
    assert list(ahead(range(1000))) == list(range(1000))


def test_no_values_give_no_values():
    assert list(ahead([])) == []


def test_the_next_value_is_made_while_one_is_used():
    made_the_second = threading.Event()

    def values() -> Iterator[int]:
        yield 1
        made_the_second.set()
        yield 2

    with closing(ahead(values())) as coming:
        next(coming)

        assert made_the_second.wait(DEADLINE_SECONDS)


def test_no_more_than_two_values_wait():
    made: list[int] = []

    def values() -> Iterator[int]:
        for value in range(100):
            made.append(value)
            yield value

    for used in ahead(values()):
        assert len(made) <= used + 1 + 2


def test_an_exception_rises_in_its_place():
    def values() -> Iterator[int]:
        yield 1
        raise LookupError("the second")

    coming = ahead(values())

    assert next(coming) == 1
    with pytest.raises(LookupError, match="the second"):
        next(coming)


@pytest.mark.parametrize("used", [0, 1, 2, 50])
def test_a_consumer_that_stops_early_stops_the_thread(used: int):
    with closing(ahead(range(100))) as coming:
        for _ in range(used):
            next(coming)


def test_a_consumer_that_raises_stops_the_thread():
    with pytest.raises(LookupError), closing(ahead(range(100))) as coming:
        raise LookupError(next(coming))
