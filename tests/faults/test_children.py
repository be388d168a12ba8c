"""A worker whose child was killed goes on soon, in whatever order the system takes the child apart."""

import signal

import psutil

from tests.faults.fleet import Fleet
from tests.faults.member import are_gone
from tests.faults.waiting import wait_until

# Where a child was not found dead at once, it took up to five seconds; that was so for every second one.
KILLS = 10
REPLACED_SECONDS = 3.0


def test_a_killed_child_is_replaced_within_seconds(fleet: Fleet):
    worker = fleet.workers[0]

    def has_another_than(killed: psutil.Process) -> bool:
        return any(child.pid != killed.pid for child in worker.children())

    for _ in range(KILLS):
        [child] = worker.children()
        child.kill()
        wait_until(lambda: has_another_than(child), REPLACED_SECONDS, "there is another child")  # noqa: B023
        wait_until(lambda: len(worker.children()) == 1, REPLACED_SECONDS, "the dead one is gone")


def test_a_child_that_was_told_to_end_is_gone_only_when_it_obeys(fleet: Fleet):
    worker = fleet.workers[1]  # its child is not new: one that has just been forked is deaf for a moment
    [child] = worker.children()
    child.suspend()

    told = worker.end_children(signal.SIGTERM)

    assert not are_gone(told)
    child.resume()
    wait_until(lambda: are_gone(told), REPLACED_SECONDS, "it obeys")
    wait_until(lambda: len(worker.children()) == 1, REPLACED_SECONDS, "there is another child")
