"""Sessions of the database as their server sees them: whose they are, and how long they may be silent.

A process that is frozen (a paused machine, a stopped debugger) keeps its connections and with them its
locks: its lease runs out, but whoever takes over would wait for it. So the server ends a session that is
silent in the middle of a transaction, and who takes over a block those of the worker that had it. Who holds
something while he waits for others says something now and then. Sessions of others (an operator's who went
home) cannot be ended like that: nobody waits for them for ever.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.failures import translated

# In the middle of a COPY a session is not idle: there the server waits for its client without end.
END_SILENT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = :name AND datname = current_database() AND usename = current_user
   AND state <> 'idle' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - :silence
"""

# Rows may have to wait for their rendering, or for block storage: nobody waits for locks of such a reader.
BE_PATIENT = "SET LOCAL idle_in_transaction_session_timeout = '10min'"

# Rows of jobs are held for moments. One that is held for longer is left for later, or one worker after the
# other would come to wait for it, and the jobs of everybody else with them.
WAIT_BRIEFLY = "SET LOCAL lock_timeout = '1s'"


def application_name(process: str) -> str:
    """What `pg_stat_activity` shows of a process of ours."""
    return f"longshore:{process}"


def end_silent(session: Session, worker: str, *, silence_seconds: float) -> None:
    """End what `worker`, whose lease has run out, left in the middle of something for so long.

    A worker that still lives loses a transaction that it could not have committed any longer.
    """
    given = {"name": application_name(worker), "silence": timedelta(seconds=silence_seconds)}
    session.execute(text(END_SILENT), given)


def be_patient(session: Session) -> None:
    """Let this transaction be silent for minutes: it reads only."""
    session.execute(text(BE_PATIENT))


def break_silence(session: Session) -> None:
    """Say something in a transaction that holds a turn. Raises DatabaseUnavailable where it is lost."""
    with translated():
        session.execute(text("SELECT 1"))


def wait_briefly(session: Session) -> None:
    """Let this transaction give way to whoever holds for more than a moment what it needs.

    Raises ConflictOfTransactions there.
    """
    session.execute(text(WAIT_BRIEFLY))
