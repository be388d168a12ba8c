"""Processes of ours that are killed, frozen, asked to stop, or whose clock jumps.

A worker is chosen among those that are at work, an API among those in the middle of an upload.
"""

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import psutil
from sqlalchemy import text

from shared.errors import LongshoreError
from tests.faults.fleet import Fleet
from tests.faults.member import Member, are_gone
from tests.faults.registry import Met, NotNow, fault
from tests.faults.standing_still import StandsStill, held

AT_WORK = """
SELECT worker FROM blocks WHERE leased_until > clock_timestamp()
UNION
SELECT worker FROM exports WHERE leased_until > clock_timestamp() AND ended_at IS NULL
"""
DRAIN_SECONDS = 5.0

# Longer than a lease: others take over, and a worker that goes on tries to commit.
_FROZEN_LEASES = (1.5, 3.0)
_DOWN_SECONDS = (0.0, 2.0)

T = TypeVar("T")
AtWork = Callable[[Fleet], list[Member]]


def _at_work(fleet: Fleet) -> list[Member]:
    """Workers that hold a lease. Raises NotNow where none does."""
    with fleet.ground.database.begin() as session:
        return _called(set(session.scalars(text(AT_WORK))), fleet)


def _at_what_others_would_take_over(fleet: Fleet) -> list[Member]:
    """Workers whose lease is another's when it has run out. Raises NotNow where there is none."""
    return _called({row.worker for row in held(fleet.ground)}, fleet)


def _called(labels: set[str], fleet: Fleet) -> list[Member]:
    return _some(worker for worker in fleet.workers if worker.is_running and worker.label() in labels)


def _in_an_upload(fleet: Fleet) -> list[Member]:
    """APIs that have a part of an upload. Raises NotNow where none has."""
    return _some(api for api in fleet.apis if api.is_running and _unfinished(fleet, api))


def _unfinished(fleet: Fleet, api: Member) -> list[Path]:
    return [path for path in api.has_open(fleet.foundation.blocks) if path.suffix == ".part"]


def _some(processes: Iterable[T]) -> list[T]:
    found = list(processes)
    if not found:
        raise NotNow
    return found


_MEMBERS: dict[str, tuple[str, AtWork]] = {
    "worker": ("workers", _at_work),
    "beat": ("beat", lambda fleet: [fleet.beat]),
    "API": ("apis", _in_an_upload),
}


def _stopped(at_work: AtWork, fleet: Fleet, dice: Random) -> Member:
    """One that stands still in the middle of its work. Raises NotNow, nobody being stopped, without one."""
    member = dice.choice(at_work(fleet))
    _stop([member], at_work, fleet)
    return member


def _stop(members: list[Member], at_work: AtWork, fleet: Fleet) -> None:
    """They stand still, one of them at least in the middle of its work. Raises NotNow as above."""
    is_one_at_work = False
    for member in members:
        member.send(signal.SIGSTOP)
    try:
        # It may have been done just before.
        is_one_at_work = not set(members).isdisjoint(at_work(fleet))
    finally:
        if not is_one_at_work:
            _let_go_on(members)
    if not is_one_at_work:
        raise NotNow


def _stopped_over_work(fleet: Fleet, dice: Random) -> tuple[Member, StandsStill]:
    """A worker, and what tells whether it is taken over. Raises NotNow, DatabaseUnavailable, nobody being
    stopped."""
    worker = _stopped(_at_what_others_would_take_over, fleet, dice)
    try:
        return worker, StandsStill(fleet.ground, worker.label(), worker.log)
    except LongshoreError:
        _let_go_on([worker])
        raise


def _let_go_on(members: list[Member]) -> None:
    for member in members:
        member.send(signal.SIGCONT)


def _kill(at_work: AtWork, fleet: Fleet, dice: Random) -> Iterator[Met | None]:
    """Of an upload the part that came stays behind."""
    member = _stopped(at_work, fleet, dice)
    member.kill()
    yield _is_waited_for(member, fleet)
    member.start()


def _freeze(at_work: AtWork, fleet: Fleet, dice: Random) -> Iterator[Met | None]:
    member = _stopped(at_work, fleet, dice)
    yield _is_waited_for(member, fleet)
    member.send(signal.SIGCONT)


def _is_waited_for(member: Member, fleet: Fleet) -> Met | None:
    """Beat, when a sweep is due; others are in the middle of something."""
    due_at = time.monotonic() + fleet.tempo.sweep_seconds
    return (lambda: time.monotonic() > due_at) if member is fleet.beat else None


def _drain(at_work: AtWork, fleet: Fleet, dice: Random) -> Iterator[Met]:
    member = _stopped(at_work, fleet, dice)
    member.ask_to_stop()
    member.send(signal.SIGCONT)
    yield lambda: not member.is_running
    assert member.wait(DRAIN_SECONDS), f"{member.name} did not drain: {member.last_words()}"
    member.start()


for _name, (_target, _workers) in _MEMBERS.items():
    _promised = DRAIN_SECONDS if _name == "worker" else None
    fault(f"{_name} drained", _target, ends_within=_promised)(partial(_drain, _workers))
    fault(f"{_name} killed", _target, _DOWN_SECONDS)(partial(_kill, _workers))

for _name in ("beat", "API"):
    _target, _workers = _MEMBERS[_name]
    fault(f"{_name} frozen", _target, hold_leases=_FROZEN_LEASES)(partial(_freeze, _workers))


@fault("worker frozen", "workers", hold_leases=_FROZEN_LEASES)
def freeze_a_worker(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """Another one takes over what it holds; then it goes on, and is to be refused."""
    worker, stands_still = _stopped_over_work(fleet, dice)
    yield stands_still
    stands_still.listen()
    worker.send(signal.SIGCONT)


@fault("all workers killed", "workers", (1.0, 4.0))
def kill_all_workers(fleet: Fleet, _: Random) -> Iterator[None]:
    _stop(fleet.workers, _at_work, fleet)
    for worker in fleet.workers:
        worker.kill()
    yield
    for worker in fleet.workers:
        worker.start()


@fault("worker's child killed", "workers")
def kill_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    """The pool starts another one; nobody tells us that a task was lost."""
    _end_children(fleet, dice, signal.SIGKILL)
    yield


@fault("worker's child terminated", "workers", ends_within=DRAIN_SECONDS)
def terminate_a_child(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """It gives back what it is at and ends; the pool starts another one."""
    worker, children = _end_children(fleet, dice, signal.SIGTERM)
    yield lambda: are_gone(children)
    # What other faults hold up may take longer than is promised; this is for what never ends.
    assert are_gone(children, DRAIN_SECONDS), f"a child of {worker.name} goes on: {worker.last_words()}"


def _end_children(fleet: Fleet, dice: Random, number: signal.Signals) -> tuple[Member, list[psutil.Process]]:
    worker = _stopped(_at_work, fleet, dice)
    children = worker.end_children(number)
    worker.send(signal.SIGCONT)
    return worker, children


@fault("worker's child frozen", "workers", hold_leases=_FROZEN_LEASES)
def freeze_a_child(fleet: Fleet, dice: Random) -> Iterator[Met]:
    worker, stands_still = _stopped_over_work(fleet, dice)
    frozen = worker.children()
    worker.send_to_leader(signal.SIGCONT)
    yield stands_still
    stands_still.listen()
    for child in frozen:
        with suppress(psutil.NoSuchProcess):
            child.resume()


@fault("clock jumps", "clock", (1.0, 3.0), needs=lambda fleet: fleet.clock is not None)
def let_a_clock_jump(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """An hour ahead or back, for a worker and beat: leases use the database's clock."""
    clock = fleet.clock
    assert clock is not None
    if fleet.clocked_worker not in _at_work(fleet):
        raise NotNow
    before = clock.looks
    clock.set(dice.choice([-3600, 3600]))
    yield lambda: clock.looks > before
    clock.set(0)
