"""Processes of ours that are killed, frozen, asked to stop, or whose clock jumps.

A worker is chosen among those that are at work, an API among those in the middle of an upload.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import psutil
from sqlalchemy import text

from tests.faults.fleet import Fleet
from tests.faults.member import Member
from tests.faults.registry import Met, NotNow, fault

AT_WORK = """
SELECT worker FROM blocks WHERE leased_until > clock_timestamp()
UNION
SELECT worker FROM exports WHERE leased_until > clock_timestamp() AND ended_at IS NULL
"""
DRAIN_SECONDS = 10.0  # five are promised; another fault may hold it up for as long

# Longer than a lease: others take over, and a worker that wakes up stale tries to commit.
_FROZEN_LEASES = (1.5, 3.0)
_DOWN_SECONDS = (0.0, 2.0)

Choose = Callable[[Fleet, Random], Member]


def _at_work(fleet: Fleet) -> list[Member]:
    """Workers that hold a lease. Raises NotNow where none does."""
    with fleet.ground.database.begin() as session:
        labels = set(session.scalars(text(AT_WORK)))
    return _some(worker for worker in fleet.workers if worker.is_running and worker.label() in labels)


def _in_an_upload(fleet: Fleet) -> list[Member]:
    """APIs that have a part of an upload. Raises NotNow where none has."""
    return _some(api for api in fleet.apis if api.is_running and _unfinished(fleet, api))


def _unfinished(fleet: Fleet, api: Member) -> list[Path]:
    return [path for path in api.has_open(fleet.foundation.blocks) if path.suffix == ".part"]


def _some(members: Iterable[Member]) -> list[Member]:
    found = list(members)
    if not found:
        raise NotNow
    return found


_MEMBERS: dict[str, tuple[str, Choose]] = {
    "worker": ("workers", lambda fleet, dice: dice.choice(_at_work(fleet))),
    "beat": ("beat", lambda fleet, _: fleet.beat),
    "API": ("apis", lambda fleet, dice: dice.choice(_in_an_upload(fleet))),
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
    fault(f"{_name} frozen", _target, hold_leases=_FROZEN_LEASES)(partial(_freeze, _choose))
    fault(f"{_name} drained", _target)(partial(_drain, _choose))
    if _name != "API":
        fault(f"{_name} killed", _target, _DOWN_SECONDS)(partial(_kill, _choose))


@fault("API killed", "apis", _DOWN_SECONDS)
def kill_an_api(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """In the middle of an upload, of which the part that came stays behind."""
    api = dice.choice(_in_an_upload(fleet))
    parts = _unfinished(fleet, api)
    api.kill()
    was_cut = any(path.exists() for path in parts)
    yield lambda: was_cut
    api.start()


@fault("all workers killed", "workers", (1.0, 4.0))
def kill_all_workers(fleet: Fleet, _: Random) -> Iterator[None]:
    _at_work(fleet)
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


@fault("worker's child frozen", "workers", hold_leases=_FROZEN_LEASES)
def freeze_a_child(fleet: Fleet, dice: Random) -> Iterator[None]:
    frozen = _send_to_children(fleet, dice, signal.SIGSTOP)
    yield
    for child in frozen:
        with suppress(psutil.NoSuchProcess):
            child.resume()


def _send_to_children(fleet: Fleet, dice: Random, number: signal.Signals) -> list[psutil.Process]:
    children = dice.choice(_at_work(fleet)).children()
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
