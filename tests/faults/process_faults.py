"""Processes of ours that are killed, frozen, asked to stop, or whose clock jumps."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import psutil

from tests.faults.fleet import LEASE_SECONDS, Fleet
from tests.faults.registry import fault

DRAIN_SECONDS = 5.0


@fault("worker killed", "workers", (0.0, 2.0))
def kill_a_worker(fleet: Fleet, dice: Random) -> Iterator[None]:
    worker = dice.choice(fleet.workers)
    worker.kill()
    yield
    worker.start()


@fault("worker's child killed", "workers")
def kill_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    """The pool starts another one; nobody tells us that a task was lost."""
    for child in dice.choice(fleet.workers).children():
        with suppress(psutil.NoSuchProcess):
            child.kill()
    yield


@fault("worker frozen", "workers", (LEASE_SECONDS * 1.5, LEASE_SECONDS * 2))
def freeze_a_worker(fleet: Fleet, dice: Random) -> Iterator[None]:
    """Longer than its lease: it wakes up stale and tries to commit."""
    worker = dice.choice(fleet.workers)
    worker.send(signal.SIGSTOP)
    yield
    worker.send(signal.SIGCONT)


@fault("worker drained", "workers", (0.0, 1.0))
def drain_a_worker(fleet: Fleet, dice: Random) -> Iterator[None]:
    worker = dice.choice(fleet.workers)
    worker.ask_to_stop()
    assert worker.wait(DRAIN_SECONDS), f"{worker.name} did not drain: {worker.last_words()}"
    yield
    worker.start()


@fault("all workers killed", "workers", (1.0, 4.0))
def kill_all_workers(fleet: Fleet, _: Random) -> Iterator[None]:
    for worker in fleet.workers:
        worker.kill()
    yield
    for worker in fleet.workers:
        worker.start()


@fault("beat killed", "beat", (0.5, 3.0))
def kill_beat(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.beat.kill()
    yield
    fleet.beat.start()


@fault("beat frozen", "beat", (2.0, 4.0))
def freeze_beat(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.beat.send(signal.SIGSTOP)
    yield
    fleet.beat.send(signal.SIGCONT)


@fault("API killed", "apis", (0.0, 1.0))
def kill_an_api(fleet: Fleet, dice: Random) -> Iterator[None]:
    api = dice.choice(fleet.apis)
    api.kill()
    yield
    api.start()


@fault("API drained", "apis", (0.0, 1.0))
def drain_an_api(fleet: Fleet, dice: Random) -> Iterator[None]:
    api = dice.choice(fleet.apis)
    api.ask_to_stop()
    yield
    api.stop()
    api.start()


@fault("clock jumps", "clock", (1.0, 3.0), needs=lambda fleet: fleet.clock is not None)
def let_a_clock_jump(fleet: Fleet, dice: Random) -> Iterator[None]:
    """An hour ahead or back, for one worker: leases use the database's clock."""
    assert fleet.clock is not None
    fleet.clock.set(dice.choice([-3600, 3600]))
    yield
    fleet.clock.set(0)
