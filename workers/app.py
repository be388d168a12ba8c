"""The Celery application of workers and beat, and what a process of theirs needs."""

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import Celery, signals

from shared import logs, tracing
from shared.dispatch import (
    IMPORTS_QUEUE,
    NOTIFY,
    RUN_EXPORT,
    RUN_IMPORT,
    SWEEP,
    broker_options,
    broker_url,
)
from shared.errors import LongshoreError
from shared.ground import Ground
from shared.metrics import begin_in_child
from shared.settings import Settings
from shared.turns import Job
from workers.applying import ShouldStop
from workers.beat import sweep_scheduler
from workers.broker import PromptAMQP
from workers.children import LookForDeadChildren
from workers.notifying import notify
from workers.pulse import pulse_step
from workers.shutdown import Shutdown
from workers.sweeping import sweep
from workers.turns import Turns

_log = structlog.get_logger()

# Workers ask Redis each second; one that is silent for so long is gone, and they connect anew.
_BROKER_SECONDS = 5.0

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

    def take_turn(self, nudged: Job, should_stop: ShouldStop) -> None:
        self._turns.take(self.ground, nudged, worker=self.name, should_stop=should_stop)

    @property
    def name(self) -> str:
        """A label that clients may see, made after the fork. The log tells what it stands for."""
        if self._name is None:
            self._name = f"worker-{secrets.token_hex(3)}"
            _log.info("worker_named", worker=self._name, host=socket.gethostname(), pid=os.getpid())
        return self._name


def create_celery(settings: Settings) -> Celery:
    """The application with its tasks; connects to nothing yet."""
    app = Celery("longshore", broker=broker_url(settings.redis_url), amqp=PromptAMQP, set_as_current=False)
    app.conf.update(_configuration(settings))
    app.steps["worker"].update({pulse_step(settings), LookForDeadChildren})
    shutdown = Shutdown()
    process = Process(settings)

    @app.task(name=RUN_IMPORT)
    def run(import_id: int) -> None:
        with shutdown.put_off(), _at_the_edge(RUN_IMPORT):
            process.take_turn(Job("import", import_id), shutdown.is_asked)

    @app.task(name=RUN_EXPORT)
    def run_one_export(export_id: int) -> None:
        with shutdown.put_off(), _at_the_edge(RUN_EXPORT):
            process.take_turn(Job("export", export_id), shutdown.is_asked)

    @app.task(name=NOTIFY)
    def send_mails() -> None:
        with shutdown.put_off(), _at_the_edge(NOTIFY):
            notify(process.ground, should_stop=shutdown.is_asked)

    @app.task(name=SWEEP)
    def sweep_once() -> None:
        with shutdown.put_off(), _at_the_edge(SWEEP):
            sweep(process.ground)

    @signals.setup_logging.connect(weak=False)
    def configure_logs(**_: object) -> None:
        logs.configure(settings)

    @signals.worker_process_init.connect(weak=False)
    def share_the_interpreter(**_: object) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)

    @signals.worker_process_init.connect(weak=False)
    def begin_to_tell(**_: object) -> None:
        begin_in_child()
        tracing.begin(settings, "worker")

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


def _configuration(settings: Settings) -> dict[str, object]:
    return {
        # A nudge may vanish: leases and the sweep bring work back, so it is taken off the queue at
        # once. Late acknowledgement would add Redis's redelivery, which runs long tasks twice.
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_default_queue": IMPORTS_QUEUE,
        "task_create_missing_queues": True,
        "worker_concurrency": settings.worker_processes,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_hijack_root_logger": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A Redis that answers and takes nothing (full, or a replica since another server took over) is as
        # good as away. Celery would end the worker.
        "broker_channel_error_retry": True,
        "broker_transport_options": broker_options(_BROKER_SECONDS),
        "beat_scheduler": sweep_scheduler(settings),
    }
