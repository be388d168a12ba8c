"""The beat sends sweeps, and no more than can be of use."""

import pytest

from shared.dispatch import SWEEP_QUEUE, Dispatcher
from shared.ground import Ground
from shared.metrics import metrics
from tests.integration.builders import tuned
from workers.app import create_celery
from workers.beat import SWEEPS_WAITING, sweep_scheduler


@pytest.fixture
def dispatcher(ground: Ground) -> Dispatcher:
    """The ground's, on an empty queue of sweeps."""
    create_celery(ground.settings).connection_for_write().default_channel.queue_purge(SWEEP_QUEUE)
    return ground.dispatcher


def test_each_tick_sends_a_sweep_and_tells_when_the_next_one_is_due(ground: Ground, dispatcher: Dispatcher):
    slow = tuned(ground, sweep_seconds=7.0)
    scheduler = sweep_scheduler(slow.settings)(create_celery(slow.settings))

    pauses = [scheduler.tick(), scheduler.tick()]

    assert pauses == [7.0, 7.0]
    assert dispatcher.waiting(SWEEP_QUEUE) == 2


def test_sweeps_that_no_worker_takes_do_not_pile_up(ground: Ground, dispatcher: Dispatcher):
    scheduler = sweep_scheduler(ground.settings)(create_celery(ground.settings))

    for _ in range(SWEEPS_WAITING * 3):
        scheduler.tick()

    assert dispatcher.waiting(SWEEP_QUEUE) == SWEEPS_WAITING


def test_each_tick_is_counted_also_while_no_worker_takes_sweeps(ground: Ground, dispatcher: Dispatcher):
    """Where workers were missing, the alert said that beat was."""
    scheduler = sweep_scheduler(ground.settings)(create_celery(ground.settings))
    before = beats()

    for _ in range(SWEEPS_WAITING * 3):
        scheduler.tick()

    assert dispatcher.waiting(SWEEP_QUEUE) == SWEEPS_WAITING
    assert beats() - before == SWEEPS_WAITING * 3


def beats() -> float:
    return metrics().registry.get_sample_value("longshore_beats_total") or 0.0
