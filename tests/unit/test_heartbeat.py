"""What a heartbeat does while its body works, and how it ends it."""

from threading import Event

import pytest

from shared.errors import LeaseLost
from shared.heartbeat import Heartbeat, Stopped

OFTEN = 0.001
PATIENCE = 10.0


class Beats:
    """Counts, and raises at the one it was told to."""

    def __init__(self, wrong: Exception | None = None, at: int = 1) -> None:
        self.count = 0
        self.third = Event()
        self._wrong = wrong
        self._at = at

    def __call__(self) -> None:
        self.count += 1
        if self.count == 3:
            self.third.set()
        if self._wrong is not None and self.count == self._at:
            raise self._wrong


def test_it_beats_while_the_body_works_and_not_behind_it():
    beats = Beats()

    with Heartbeat(beats, OFTEN):
        assert beats.third.wait(PATIENCE)

    counted = beats.count
    assert not Event().wait(20 * OFTEN)
    assert beats.count == counted


@pytest.mark.parametrize("verdict", [LeaseLost("gone"), Stopped(), LookupError("a fault of ours")])
def test_what_it_raises_interrupts_the_body_and_rises_from_it(verdict: Exception):
    interrupted = Event()

    def work() -> None:
        with heartbeat.interrupting(interrupted.set):
            assert interrupted.wait(PATIENCE)
            raise OSError("the statement was canceled")

    with pytest.raises(type(verdict)) as raised, Heartbeat(Beats(verdict), OFTEN) as heartbeat:
        work()

    assert raised.value is verdict


def test_a_body_that_waits_for_nothing_asks_by_itself():
    def work() -> None:
        while True:
            heartbeat.check()

    with pytest.raises(LeaseLost), Heartbeat(Beats(LeaseLost("gone")), OFTEN) as heartbeat:
        work()


def test_nothing_is_interrupted_once_the_end_is_known():
    interrupted = Event()

    def wait_for_the_verdict_and_work() -> None:
        with heartbeat.interrupting(interrupted.set):
            assert interrupted.wait(PATIENCE)
        with heartbeat.interrupting(pytest.fail):
            pytest.fail("the second work began")

    with pytest.raises(Stopped), Heartbeat(Beats(Stopped()), OFTEN) as heartbeat:
        wait_for_the_verdict_and_work()


def test_what_the_body_raises_by_itself_rises():
    with pytest.raises(ZeroDivisionError), Heartbeat(Beats(), OFTEN):
        raise ZeroDivisionError


def test_a_body_that_ends_well_is_not_ended_again():
    begun, reached = Event(), Event()

    class Late(Beats):
        def __call__(self) -> None:
            assert begun.wait(PATIENCE)
            super().__call__()

    beats = Late(LeaseLost("gone"))
    with Heartbeat(beats, OFTEN) as heartbeat, heartbeat.interrupting(reached.set):
        begun.set()
        assert reached.wait(PATIENCE)

    assert beats.count == 1


def test_it_beats_on_while_who_was_stopped_tidies_up():
    """A bucket that does not answer took longer than the lease of an export that was to be given back."""
    beats = Beats(Stopped())

    def tidy_up() -> None:
        assert beats.third.wait(PATIENCE)
        heartbeat.check()

    with pytest.raises(Stopped), Heartbeat(beats, OFTEN) as heartbeat:
        tidy_up()


def test_it_keeps_to_the_first_thing_that_it_raised():
    stopped = Stopped()

    class StoppedThenLost(Beats):
        def __call__(self) -> None:
            super().__call__()
            lost.set()
            raise LeaseLost("gone")

    def tidy_up() -> None:
        assert lost.wait(PATIENCE)
        heartbeat.check()

    lost = Event()
    beats = StoppedThenLost(stopped)
    with pytest.raises(Stopped) as raised, Heartbeat(beats, OFTEN) as heartbeat:
        tidy_up()

    assert raised.value is stopped
