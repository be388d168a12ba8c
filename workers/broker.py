"""Connections to the broker that are tried again soon, and that outlive what is no message.

Work goes on within a second of Redis coming back. What somebody else left in a queue, or a release of a
distant version, is logged and dropped: Celery would end the worker.
"""

from queue import Empty
from typing import Any

import structlog
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.transport import redis

from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE, payload_of

_log = structlog.get_logger()

_TASK_QUEUES = (IMPORTS_QUEUE, SWEEP_QUEUE)

# Kombu's own waits grow to 30 seconds, and no setting of Celery's reaches them.
_WAITS = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


class Channel(redis.Channel):
    """Takes from queues what can be read."""

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs leave it out
        except ValueError as error:
            # No JSON, or a body that is not what it says.
            _log.error("message_dropped", reason=f"It cannot be read: {type(error).__name__}.")
            raise Empty from None


class Transport(redis.Transport):
    """Delivers nothing else from queues of tasks. Others have messages of other forms, as those of events."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:  # noqa: ANN401
        if queue not in _TASK_QUEUES or payload_of(message) is not None:
            super()._deliver(message, queue)
        else:
            _log.error("message_dropped", reason="It is no message for a task.", queue=queue)


class PromptConnection(Connection):
    """A connection whose attempts to reconnect are at most a second apart."""

    def get_transport_cls(self) -> type[Transport]:
        return Transport

    def ensure_connection(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401
        return super().ensure_connection(*args, **(_WAITS | given))


class PromptAMQP(AMQP):
    """Celery's messaging over such connections."""

    Connection = PromptConnection
