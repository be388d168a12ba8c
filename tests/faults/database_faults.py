"""A database that is stopped, cut off, full, crowded, or has every transaction begin again."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from random import Random

import psycopg2
from sqlalchemy import text

from shared.ground import Ground
from tests.faults import weather
from tests.faults.disk import NO_SPACE
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.proxy import can_forget
from tests.faults.registry import Met, NotNow, fault

TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name LIKE 'longshore:%' AND application_name <> current_setting('application_name')
"""
IN_A_BATCH = """
SELECT pid FROM pg_stat_activity
 WHERE application_name LIKE 'longshore:worker-%' AND backend_xid IS NOT NULL
 ORDER BY state = 'active' DESC, pid LIMIT 1
"""
STOP_SECONDS = 10.0
COMMITS = 3
CONFLICT_CHANCE = 0.2


@fault("Postgres killed", "database", (0.0, 2.0))
def kill_postgres(fleet: Fleet, _: Random) -> Iterator[None]:
    """As a power cut would: crash recovery follows."""
    _in_a_batch(fleet)
    fleet.foundation.postgres.member.kill()
    yield
    fleet.foundation.postgres.bring_up()


@fault("Postgres stopped at once", "database", (0.0, 2.0))
def stop_postgres(fleet: Fleet, _: Random) -> Iterator[None]:
    """`immediate` in Postgres's words."""
    _in_a_batch(fleet)
    fleet.foundation.postgres.member.send_to_leader(signal.SIGQUIT)
    assert fleet.foundation.postgres.member.wait(STOP_SECONDS), "Postgres did not stop at once"
    yield
    fleet.foundation.postgres.bring_up()


@fault("backend killed", "database")
def kill_a_backend(fleet: Fleet, _: Random) -> Iterator[None]:
    """Postgres ends all others and recovers by itself."""
    try:
        os.kill(_in_a_batch(fleet), signal.SIGKILL)
    except ProcessLookupError as gone:
        raise NotNow from gone
    yield
    fleet.foundation.postgres.bring_up()


@fault("connections terminated", "database")
def terminate_connections(fleet: Fleet, _: Random) -> Iterator[None]:
    _in_a_batch(fleet)
    with fleet.ground.database.begin() as session:
        session.execute(text(TERMINATE))
    yield


@fault("network to Postgres cut", "database network")
def cut_database_network(fleet: Fleet, _: Random) -> Iterator[None]:
    _in_a_batch(fleet)
    fleet.foundation.database_network.cut()
    yield


@fault("network to Postgres forgets", "database network", needs=lambda _: can_forget())
def forget_database_connections(fleet: Fleet, _: Random) -> Iterator[None]:
    """As where another server takes over its address."""
    _in_a_batch(fleet)
    fleet.foundation.database_network.forget()
    yield


@fault("answers to COMMIT lost", "database network")
def lose_answers_to_commit(fleet: Fleet, _: Random) -> Iterator[Met]:
    fleet.foundation.database_network.cut_commits(COMMITS)
    yield lambda: not fleet.foundation.database_network.commits_to_cut
    fleet.foundation.database_network.cut_commits(0)


@fault("network to Postgres stalls", "database network", (1.0, 5.0))
def stall_database_network(fleet: Fleet, _: Random) -> Iterator[Met]:
    _in_a_batch(fleet)
    network = fleet.foundation.database_network
    before = network.held_up
    network.stall()
    yield lambda: network.held_up > before
    network.flow()


@fault("slow network to Postgres", "database network", (1.0, 3.0))
def slow_database_network(fleet: Fleet, _: Random) -> Iterator[Met]:
    network = fleet.foundation.database_network
    before, network.delay_seconds = network.held_up, 0.05
    yield lambda: network.held_up > before
    network.delay_seconds = 0.0


@fault(
    "database disk full",
    "database",
    (1.0, 3.0),
    needs=lambda fleet: fleet.foundation.database_disk is not None,
)
def fill_database_disk(fleet: Fleet, _: Random) -> Iterator[Met]:
    assert fleet.foundation.database_disk is not None
    hearing = Hearing([fleet.foundation.postgres.member.log])
    fleet.foundation.database_disk.fill()
    yield lambda: hearing.has_heard(NO_SPACE)
    fleet.foundation.database_disk.relieve()
    fleet.foundation.postgres.bring_up()


@fault("too many connections", "database", (1.0, 3.0))
def crowd_the_database(fleet: Fleet, _: Random) -> Iterator[Met]:
    """Others take every connection there is, the ones that we lose included."""
    network = fleet.foundation.database_network
    before = network.crowded_out
    with ExitStack() as crowd:
        _join(crowd, fleet.ground)
        network.cut()
        _join(crowd, fleet.ground)
        yield lambda: network.crowded_out > before


def _join(crowd: ExitStack, ground: Ground) -> None:
    with suppress(psycopg2.OperationalError):
        while True:
            connection = psycopg2.connect(ground.settings.database_url)
            crowd.callback(connection.close)


@fault("serialization failures", "database", (2.0, 4.0))
def provoke_serialization_failures(fleet: Fleet, _: Random) -> Iterator[Met]:
    """Statements of ours that write, whichever process they are of, must begin again now and then."""
    before = weather.conflicts(fleet.ground)
    weather.set_conflicts(fleet.ground, CONFLICT_CHANCE)
    yield lambda: weather.conflicts(fleet.ground) > before
    weather.set_conflicts(fleet.ground, 0.0)


def _in_a_batch(fleet: Fleet) -> int:
    """The backend of a worker that has written something and not yet committed. Raises NotNow without one."""
    with fleet.ground.database.begin() as session:
        pid = session.execute(text(IN_A_BATCH)).scalar_one_or_none()
    if pid is None:
        raise NotNow
    return int(pid)
