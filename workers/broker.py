"""Connections to the broker that are tried again soon, and that outlive what is no message.

Work goes on within a second of Redis coming back. What somebody else left in a queue, or a release of a
distant version, is logged and dropped: Celery would end the worker.
"""

import base64
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import structlog
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.transport import redis

from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE, Nudge, nudge_in

_log = structlog.get_logger()

_TASK_QUEUES = (IMPORTS_QUEUE, SWEEP_QUEUE)

# Kombu's own waits grow to 30 seconds, and no setting of Celery's reaches them.
_WAITS = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


class Client(redis.PrefixedStrictRedis):
    """Takes nothing from queues of tasks but nudges. Others have messages of other forms, as those of events.

    Kombu and Celery believe what they read: a wrong delivery tag, limit or stamp ends the worker, or costs it
    a place for good. So what they are given is made anew of what was understood.
    """

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:  # noqa: ANN401
        answer = super().parse_response(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        key, message = answer
        queue = key.decode().rsplit(Channel.sep, 1)[0]
        if queue not in _TASK_QUEUES:
            return answer
        nudge = nudge_in(message)
        if nudge is None:
            _log.error("message_dropped", reason="It is no message for a task.", queue=queue)
            return None
        return key, _message_of(nudge, queue)


class Channel(redis.Channel):
    """Reads by way of such clients."""

    def _get_client(self) -> partial[Client]:
        return partial(Client, global_keyprefix=self.global_keyprefix)


class Transport(redis.Transport):
    """Has such channels."""

    Channel = Channel


class PromptConnection(Connection):
    """A connection whose attempts to reconnect are at most a second apart."""

    def get_transport_cls(self) -> type[Transport]:
        return Transport

    def ensure_connection(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401
        return super().ensure_connection(*args, **(_WAITS | given))


class PromptAMQP(AMQP):
    """Celery's messaging over such connections."""

    Connection = PromptConnection


def _message_of(nudge: Nudge, queue: str) -> bytes:
    return orjson.dumps(
        {
            "body": base64.b64encode(orjson.dumps([[], nudge.payload, {}])).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": nudge.task, "id": nudge.id},
            "properties": {
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
                "delivery_info": {"exchange": "", "routing_key": queue},
            },
        }
    )
