"""The Celery application of workers: its tasks, and what a process that runs them needs."""

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import Celery, signals

from shared import tracing
from shared.dispatch import NOTIFY, RUN_EXPORT, RUN_IMPORT, SWEEP
from shared.errors import LongshoreError
from shared.ground import Ground
from shared.metrics import begin_in_child
from shared.settings import Settings
from shared.turns import Job
from workers.applying import ShouldStop
from workers.bare import create_bare
from workers.children import LookForDeadChildren
from workers.notifying import notify
from workers.pulse import pulse_step
from workers.shutdown import Shutdown, listen, obey, put_off
from workers.sweeping import sweep
from workers.turns import Turns

_log = structlog.get_logger()

# The thread that talks to the database waits this long for the parser to let go of the interpreter, some
# twenty times a batch. Python's own 5 ms: 6.1 microseconds a document; 0.5 ms: 4.0; 0.05 ms: 3.6, which is
# what the interpreter needs (two cores, PostgreSQL 18, 200-byte documents, 2026-11-25).
_SWITCH_SECONDS = 0.00005


class Process:
    """What one worker process holds: its ground, opened after the fork, and its name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ground: Ground | None = None
        self._turns = Turns()
        self._name: str | None = None

    @property
    def ground(self) -> Ground:
        if self._ground is None:
            self._ground = Ground.open(self._settings, self.name)
        return self._ground

    def take_turn(self, nudged: Job, should_stop: ShouldStop, *, gave_way: bool) -> None:
        self._turns.take(self.ground, nudged, worker=self.name, should_stop=should_stop, gave_way=gave_way)

    @property
    def name(self) -> str:
        """A label that clients may see, made after the fork. The log tells what it stands for."""
        if self._name is None:
            self._name = f"worker-{secrets.token_hex(3)}"
            _log.info("worker_named", worker=self._name, host=socket.gethostname(), pid=os.getpid())
        return self._name


def create_celery(settings: Settings) -> Celery:
    """The application with its tasks; connects to nothing yet."""
    app = create_bare(settings)
    app.steps["worker"].update({pulse_step(settings), LookForDeadChildren})
    shutdown = Shutdown()
    process = Process(settings)

    @app.task(name=RUN_IMPORT)
    def run(import_id: int, gave_way: int = 0) -> None:
        with _at_the_edge(RUN_IMPORT):
            process.take_turn(Job("import", import_id), shutdown.is_asked, gave_way=bool(gave_way))

    @app.task(name=RUN_EXPORT)
    def run_one_export(export_id: int, gave_way: int = 0) -> None:
        with _at_the_edge(RUN_EXPORT):
            process.take_turn(Job("export", export_id), shutdown.is_asked, gave_way=bool(gave_way))

    @app.task(name=NOTIFY)
    def send_mails() -> None:
        with _at_the_edge(NOTIFY):
            notify(process.ground, should_stop=shutdown.is_asked)

    @app.task(name=SWEEP)
    def sweep_once() -> None:
        with _at_the_edge(SWEEP):
            sweep(process.ground, shutdown.is_asked)

    @signals.worker_init.connect(weak=False)
    def keep_handlers_from_children(**_: object) -> None:
        # A child has those of the main process until Celery gives it its own.
        os.register_at_fork(before=put_off, after_in_parent=listen)

    @signals.worker_process_init.connect(weak=False)
    def share_the_interpreter(**_: object) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)

    @signals.worker_process_init.connect(weak=False)
    def begin_to_tell(**_: object) -> None:
        begin_in_child()
        tracing.begin(settings, "worker")

    # Behind what begins threads that outlast a task: they must never take a signal for it.
    signals.worker_process_init.connect(listen)
    # Around all of it: a task that breaks is logged before its child goes.
    signals.task_prerun.connect(put_off)
    signals.task_postrun.connect(obey)

    @signals.worker_process_shutdown.connect(weak=False)
    def send_the_last_spans(**_: object) -> None:
        tracing.end()

    @signals.worker_shutting_down.connect(weak=False)
    def stop_at_the_next_checkpoint(**_: object) -> None:
        shutdown.ask()

    return app


@contextmanager
def _at_the_edge(task: str) -> Iterator[None]:
    """What the world withheld (database gone, storage away) is logged once; the sweep tries again."""
    try:
        yield
    except LongshoreError as error:
        _log.error("task_failed", task=task, code=error.code, error=str(error))
