"""Processes of ours that are killed, frozen, asked to stop, or whose clock jumps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from random import Random

import psutil

from tests.faults.fleet import LEASE_SECONDS, Fleet
from tests.faults.member import Member
from tests.faults.registry import fault

DRAIN_SECONDS = 10.0  # five are promised; another fault may hold it up for as long

# Longer than a lease: others take over, and a worker that wakes up stale tries to commit.
_FROZEN_SECONDS = (LEASE_SECONDS * 1.5, LEASE_SECONDS * 4)
_DOWN_SECONDS = (0.0, 2.0)

Choose = Callable[[Fleet, Random], Member]

_MEMBERS: dict[str, tuple[str, Choose]] = {
    "worker": ("workers", lambda fleet, dice: dice.choice(fleet.workers)),
    "beat": ("beat", lambda fleet, _: fleet.beat),
    "API": ("apis", lambda fleet, dice: dice.choice(fleet.apis)),
}


def _kill(choose: Choose, fleet: Fleet, dice: Random) -> Iterator[None]:
    member = choose(fleet, dice)
    member.kill()
    yield
    member.start()


def _freeze(choose: Choose, fleet: Fleet, dice: Random) -> Iterator[None]:
    member = choose(fleet, dice)
    member.send(signal.SIGSTOP)
    yield
    member.send(signal.SIGCONT)


def _drain(choose: Choose, fleet: Fleet, dice: Random) -> Iterator[None]:
    member = choose(fleet, dice)
    member.ask_to_stop()
    yield
    assert member.wait(DRAIN_SECONDS), f"{member.name} did not drain: {member.last_words()}"
    member.start()


for _name, (_target, _choose) in _MEMBERS.items():
    fault(f"{_name} killed", _target, _DOWN_SECONDS)(partial(_kill, _choose))
    fault(f"{_name} frozen", _target, _FROZEN_SECONDS)(partial(_freeze, _choose))
    fault(f"{_name} drained", _target)(partial(_drain, _choose))


@fault("all workers killed", "workers", (1.0, 4.0))
def kill_all_workers(fleet: Fleet, _: Random) -> Iterator[None]:
    for worker in fleet.workers:
        worker.kill()
    yield
    for worker in fleet.workers:
        worker.start()


@fault("worker's child killed", "workers")
def kill_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    """The pool starts another one; nobody tells us that a task was lost."""
    _send_to_children(fleet, dice, signal.SIGKILL)
    yield


@fault("worker's child terminated", "workers")
def terminate_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    _send_to_children(fleet, dice, signal.SIGTERM)
    yield


@fault("worker's child frozen", "workers", _FROZEN_SECONDS)
def freeze_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    frozen = _send_to_children(fleet, dice, signal.SIGSTOP)
    yield
    for child in frozen:
        with suppress(psutil.NoSuchProcess):
            child.resume()


def _send_to_children(fleet: Fleet, dice: Random, number: signal.Signals) -> list[psutil.Process]:
    children = dice.choice(fleet.workers).children()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)
    return children


@fault("clock jumps", "clock", (1.0, 3.0), needs=lambda fleet: fleet.clock is not None)
def let_a_clock_jump(fleet: Fleet, dice: Random) -> Iterator[None]:
    """An hour ahead or back, for a worker and beat: leases use the database's clock."""
    assert fleet.clock is not None
    fleet.clock.set(dice.choice([-3600, 3600]))
    yield
    fleet.clock.set(0)
