"""Task names and payloads, and the nudge: a message that carries an id and may be lost or doubled."""

import base64
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson
import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from shared.turns import Job

RUN_IMPORT = "longshore.run_import"
RUN_EXPORT = "longshore.run_export"
NOTIFY = "longshore.notify"
SWEEP = "longshore.sweep"

# Whether the job has given way to a new import of its data service since its last turn: 1, or not told. Lost
# with its nudge it costs the job another turn; on a nudge that was overtaken it costs a new import one.
_GAVE_WAY = "gave_way"

# What each is told to work on, by number. What else a later release may tell it is passed over.
_PAYLOADS: Mapping[str, tuple[str, ...]] = {
    RUN_IMPORT: ("import_id",),
    RUN_EXPORT: ("export_id",),
    NOTIFY: (),
    SWEEP: (),
}
_ALSO: Mapping[str, tuple[str, ...]] = {RUN_IMPORT: (_GAVE_WAY,), RUN_EXPORT: (_GAVE_WAY,)}

IMPORTS_QUEUE = "imports"
SWEEP_QUEUE = "sweep"  # its own, so that the sweep does not wait behind ten thousand nudges
_SWEPT_AT = "longshore:swept-at"

_log = structlog.get_logger()

# A Redis that is gone without a word is found in some ten seconds, also by who waits for a message.
_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}.items()
    if hasattr(socket, name)
}

# The sweep finds whatever was not sent: better give up soon than let a request wait for Redis.
_SEND_SECONDS = 1.0


def broker_url(redis_url: str) -> str:
    """The same Redis in Kombu's spelling, which has a scheme of its own for Unix sockets.

    Left to itself it takes any certificate, while the other client that we use has it checked.
    """
    parts = urlsplit(redis_url)
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in parse_qs(parts.query):
        query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
        return parts._replace(query=query).geturl()
    if parts.scheme != "unix":
        return redis_url
    return f"redis+socket://{parts.path}" + (f"?{parts.query}" if parts.query else "")


def broker_options(socket_seconds: float) -> dict[str, Any]:
    """Kombu's options for Redis: every process that shares the broker must agree on the prefix."""
    return {
        "global_keyprefix": "longshore:",
        # Nudges may vanish, so what was taken is not noted in Redis until it is acknowledged: one that could
        # not be, since Redis was away, kept one of a worker's places for good (kombu 5.7).
        "ack_emulation": False,
        "socket_timeout": socket_seconds,
        "socket_connect_timeout": min(socket_seconds, 5.0),
        "socket_keepalive": True,
        "socket_keepalive_options": _KEEPALIVE,
        "health_check_interval": 25,
    }


@dataclass(frozen=True, slots=True)
class Nudge:
    """What is read of a message: nothing else of it reaches anybody."""

    task: str
    id: str
    payload: Mapping[str, int]


class Dispatcher:
    """Sends nudges by task name; connects when it first sends."""

    def __init__(self, redis_url: str) -> None:
        self._redis = _client(redis_url)
        self._celery = Celery("longshore", broker=broker_url(redis_url), set_as_current=False)
        self._celery.conf.update(
            broker_transport_options=broker_options(_SEND_SECONDS) | {"max_retries": 0},
            broker_connection_timeout=_SEND_SECONDS,
            task_ignore_result=True,
        )

    def nudge_import(self, import_id: int, *, gave_way: bool = False) -> None:
        """Wake a worker for the import. Never raises: a nudge that is lost is found by the sweep."""
        self._send(RUN_IMPORT, IMPORTS_QUEUE, {"import_id": import_id} | _told(gave_way))

    def nudge_export(self, export_id: int, *, gave_way: bool = False) -> None:
        """Wake a worker for the export. Never raises, for the same reason."""
        self._send(RUN_EXPORT, IMPORTS_QUEUE, {"export_id": export_id} | _told(gave_way))

    def nudge_mails(self) -> None:
        """Wake a worker for the mails that wait. Never raises, for the same reason."""
        self._send(NOTIFY, SWEEP_QUEUE, {})

    def nudge_sweep(self) -> None:
        """Wake a worker for the sweep. Never raises: there will be another one."""
        self._send(SWEEP, SWEEP_QUEUE, {})

    def note_sweep(self, swept_at: datetime) -> None:
        """Keep the time for `last_sweep`. Never raises: the next one is noted, too."""
        with suppress(redis.RedisError):
            self._redis.set(_SWEPT_AT, swept_at.isoformat())

    def last_sweep(self) -> datetime | None:
        """When a sweep was made last, as it was noted; None where Redis knows of none, or is away."""
        with suppress(redis.RedisError):
            noted = cast("bytes | None", self._redis.get(_SWEPT_AT))
            return None if noted is None else datetime.fromisoformat(noted.decode())
        return None

    def waiting(self, queue: str = IMPORTS_QUEUE) -> int:
        """How many nudges no worker has taken yet; 0 where Redis is away."""
        try:
            return int(self._redis.llen(f"longshore:{queue}"))
        except redis.RedisError:
            return 0

    def nudged(self, *, looks: int) -> set[Job]:
        """Whose nudges wait for a worker, among the next `looks` of a kilobyte each; none without Redis."""
        try:
            messages = cast("list[bytes]", self._redis.lrange(f"longshore:{IMPORTS_QUEUE}", -looks, -1))
        except redis.RedisError:
            return set()
        return {job for message in messages if (job := _nudged_by(message)) is not None}

    def takes_nudges(self) -> bool:
        """Whether Redis answers and can be written to: it cannot where it is full, or follows another one."""
        try:
            return bool(self._redis.set("longshore:health", "", px=1000))
        except redis.RedisError:
            return False

    def server_facts(self) -> Mapping[str, object] | None:
        """What Redis tells of itself (INFO); None where it does not answer."""
        try:
            return dict(self._redis.info())
        except redis.RedisError:
            return None

    def close(self) -> None:
        self._celery.close()
        self._redis.close()

    def _send(self, task: str, queue: str, payload: Mapping[str, int]) -> None:
        try:
            self._celery.send_task(task, kwargs=dict(payload), queue=queue, retry=False)
        except (OperationalError, redis.RedisError, OSError) as error:
            _log.warning("nudge_lost", task=task, **payload, error=type(error).__name__)


def _told(gave_way: bool) -> dict[str, int]:
    return {_GAVE_WAY: 1} if gave_way else {}


def _client(redis_url: str) -> redis.Redis:
    """Looks at a connection before each use: one that was ended is replaced."""
    is_remote = urlsplit(redis_url).scheme != "unix"
    keepalive = {"socket_keepalive": True, "socket_keepalive_options": _KEEPALIVE} if is_remote else {}
    return redis.Redis.from_url(
        redis_url, socket_timeout=_SEND_SECONDS, socket_connect_timeout=_SEND_SECONDS, **keepalive
    )


def nudge_in(message: bytes) -> Nudge | None:
    """What a message in Redis asks for; None where it is none of ours."""
    with suppress(ValueError):
        match orjson.loads(message):
            case {
                "body": str(body),
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "headers": {"task": str(task), "id": str(message_id)},
                "properties": {"body_encoding": "base64"},
            }:
                payload = _payload_in(body, task) if task in _PAYLOADS else None
                return None if payload is None else Nudge(task, message_id, payload)
    return None


def _payload_in(body: str, task: str) -> dict[str, int] | None:
    names = _PAYLOADS[task]
    match orjson.loads(base64.b64decode(body)):
        case [[], dict(payload), dict()] if all(type(payload.get(name)) is int for name in names):
            known = (*names, *_ALSO.get(task, ()))
            return {name: payload[name] for name in known if type(payload.get(name)) is int}
    return None


def _nudged_by(message: bytes) -> Job | None:
    nudge = nudge_in(message)
    match nudge and nudge.payload:
        case {"import_id": number}:
            return Job("import", number)
        case {"export_id": number}:
            return Job("export", number)
    return None
