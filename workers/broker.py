"""Connections to the broker that are tried again soon: work goes on within a second of Redis coming back."""

from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection

# Kombu's own waits grow to 30 seconds, and no setting of Celery's reaches them.
_WAITS = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


class PromptConnection(Connection):
    """A connection whose attempts to reconnect are at most a second apart."""

    def ensure_connection(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401
        return super().ensure_connection(*args, **(_WAITS | given))


class PromptAMQP(AMQP):
    """Celery's messaging over such connections."""

    Connection = PromptConnection
