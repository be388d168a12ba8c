"""Values made in a thread while the last one is being used."""

import threading
from collections.abc import Iterator

import pytest

from workers.ahead import ahead

DEADLINE_SECONDS = 5


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_values_come_out_as_they_went_in():
    with ahead(range(1000)) as coming:
        assert list(coming) == list(range(1000))


def test_no_values_give_no_values():
    with ahead([]) as coming:
        assert list(coming) == []


def test_the_first_value_is_made_before_it_is_asked_for():
    made_the_first = threading.Event()

    def values() -> Iterator[int]:
        made_the_first.set()
        yield 1

    with ahead(values()):
        assert made_the_first.wait(DEADLINE_SECONDS)


def test_the_next_value_is_made_while_one_is_used():
    made_the_second = threading.Event()

    def values() -> Iterator[int]:
        yield 1
        made_the_second.set()
        yield 2

    with ahead(values()) as coming:
        next(coming)

        assert made_the_second.wait(DEADLINE_SECONDS)


def test_one_value_waits_and_no_other_one_is_made():
    made_the_second, made_the_third = threading.Event(), threading.Event()

    def values() -> Iterator[int]:
        yield 1
        made_the_second.set()
        yield 2
        made_the_third.set()
        yield 3

    with ahead(values()) as coming:
        next(coming)
        assert made_the_second.wait(DEADLINE_SECONDS)
        assert not made_the_third.wait(0.2)
        next(coming)
        assert made_the_third.wait(DEADLINE_SECONDS)


def test_an_exception_rises_in_its_place():
    def values() -> Iterator[int]:
        yield 1
        raise LookupError("the second")

    with ahead(values()) as coming:
        assert next(coming) == 1
        with pytest.raises(LookupError, match="the second"):
            next(coming)


@pytest.mark.parametrize("used", [0, 1, 2, 50])
def test_a_consumer_that_stops_early_stops_the_thread(used: int):
    with ahead(range(100)) as coming:
        for _ in range(used):
            next(coming)


def test_a_consumer_that_raises_stops_the_thread():
    with pytest.raises(LookupError), ahead(range(100)) as coming:
        raise LookupError(next(coming))
