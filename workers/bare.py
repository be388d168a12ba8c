"""The Celery application without its tasks, which is all that beat needs: no database, no engine."""

from celery import Celery, signals

from shared import logs
from shared.dispatch import IMPORTS_QUEUE, broker_options, broker_url
from shared.settings import Settings
from workers.beat import sweep_scheduler
from workers.broker import PromptAMQP

# Workers ask Redis each second; one that is silent for so long is gone, and they connect anew.
_BROKER_SECONDS = 5.0


def create_bare(settings: Settings) -> Celery:
    """An application that is configured, and connects to nothing yet."""
    app = Celery("longshore", broker=broker_url(settings.redis_url), amqp=PromptAMQP, set_as_current=False)
    app.conf.update(_configuration(settings))

    @signals.setup_logging.connect(weak=False)
    def configure_logs(**_: object) -> None:
        logs.configure(settings)

    return app


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
        # Celery kills a child that takes longer to begin, and the next one takes as long on a busy machine.
        "worker_proc_alive_timeout": 60.0,
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
