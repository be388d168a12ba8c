"""A Redis that forgets, dies, stalls, or says everything twice."""

import base64
import shutil
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import chain
from random import Random

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from shared.dispatch import IMPORTS_QUEUE, RUN_IMPORT, nudge_in
from shared.ground import Ground
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.proxy import can_forget
from tests.faults.registry import Met, NotNow, fault
from tests.integration.builders import QUEUE

NUDGES_EACH = 5
ANSWER_SECONDS = 2.0
NEVER_AGAIN = Retry(NoBackoff(), 0)
_FOREIGN_IDS = (0, -1, 2**62)
GOING_ON = "SELECT id FROM imports WHERE ended_at IS NULL ORDER BY id DESC LIMIT 30"
FINISHED = "SELECT id FROM imports WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 10"
DELETED = """
SELECT import_id FROM (SELECT import_id FROM storage_garbage UNION SELECT import_id FROM removals) bytes
 WHERE NOT EXISTS (SELECT FROM imports WHERE id = import_id) ORDER BY import_id DESC LIMIT 10
"""
EXPORTS = "SELECT id FROM exports ORDER BY id DESC LIMIT 10"
_NOWHERE = base64.b64encode(b'[[],{"import_id":0},{}]').decode()


def _nearly_a_nudge(delivery_info: Mapping[str, str], **headers: object) -> bytes:
    properties = {"body_encoding": "base64", "delivery_tag": "x", "delivery_info": delivery_info}
    types = {"content-type": "application/json", "content-encoding": "utf-8"}
    head = {"task": RUN_IMPORT, "id": "x"} | headers
    return orjson.dumps({"body": _NOWHERE, "headers": head, "properties": properties} | types)


_TO_A_QUEUE = {"exchange": "", "routing_key": IMPORTS_QUEUE}
_GARBAGE = (
    b"",
    b"\xff",
    b"nudge",
    b"[]",
    b"{}",
    b'{"body":"","headers":{},"properties":{}}',
    b"[" * 100_000,
    b'{"__type__":"bytes","__value__":1}',
    b'{"__type__":[],"__value__":1}',
    _nearly_a_nudge({}),
    _nearly_a_nudge(_TO_A_QUEUE, timelimit=5),
    _nearly_a_nudge(_TO_A_QUEUE, timelimit=[1]),
    _nearly_a_nudge(_TO_A_QUEUE, stamped_headers=5),
)


def _client(ground: Ground) -> redis.Redis:
    """One that waits for no answer for long: whoever froze its server must not wait for it."""
    return redis.Redis.from_url(ground.settings.redis_url, socket_timeout=ANSWER_SECONDS, retry=NEVER_AGAIN)


@fault("Redis killed", "redis", (0.0, 2.0))
def kill_redis(fleet: Fleet, _: Random) -> Iterator[Met]:
    fleet.foundation.redis.member.kill()
    yield _is_asked_in_vain(fleet)
    fleet.foundation.redis.bring_up()


@fault("Redis killed, its data lost", "redis", (0.0, 2.0))
def kill_redis_and_its_data(fleet: Fleet, _: Random) -> Iterator[Met]:
    _check_nudges_wait(fleet)
    fleet.foundation.redis.member.kill()
    shutil.rmtree(fleet.redis_folder)
    fleet.redis_folder.mkdir()
    yield _is_asked_in_vain(fleet)
    fleet.foundation.redis.bring_up()


@fault("Redis flushed", "redis")
def flush_redis(fleet: Fleet, _: Random) -> Iterator[None]:
    _check_nudges_wait(fleet)
    with _client(fleet.ground) as client:
        client.flushall()
    yield


@fault("Redis frozen", "redis", (2.0, 7.0))
def freeze_redis(fleet: Fleet, _: Random) -> Iterator[Met]:
    """Some wait until it goes on, others until their patience of five seconds is over."""
    network = fleet.foundation.redis_network
    fleet.foundation.redis.member.send(signal.SIGSTOP)
    before = network.passed_on
    yield lambda: network.passed_on > before
    fleet.foundation.redis.member.send(signal.SIGCONT)


@fault("Redis read-only", "redis", (1.0, 4.0))
def make_redis_read_only(fleet: Fleet, _: Random) -> Iterator[Met]:
    """As where another server has taken over, and this one does not go away."""
    with _client(fleet.ground) as client:
        before = _refusals(client, "READONLY")
        try:
            client.replicaof("127.0.0.1", 1)
            yield lambda: _refusals(client, "READONLY") > before
        finally:
            client.replicaof("NO", "ONE")


@fault("Redis full", "redis", (1.0, 3.0))
def fill_redis(fleet: Fleet, _: Random) -> Iterator[Met]:
    with _client(fleet.ground) as client:
        before = _refusals(client, "OOM")
        try:
            client.config_set("maxmemory", 1)
            yield lambda: _refusals(client, "OOM") > before
        finally:
            client.config_set("maxmemory", 0)


@fault("network to Redis cut", "redis network")
def cut_redis_network(fleet: Fleet, _: Random) -> Iterator[None]:
    _check_is_used(fleet)
    fleet.foundation.redis_network.cut()
    yield


@fault("network to Redis forgets", "redis network", needs=lambda _: can_forget())
def forget_redis_connections(fleet: Fleet, _: Random) -> Iterator[None]:
    """Who waits for an answer there waits for ever, unless it asks whether anybody is there."""
    _check_is_used(fleet)
    fleet.foundation.redis_network.forget()
    yield


@fault("network to Redis stalls", "redis network", (1.0, 4.0))
def stall_redis_network(fleet: Fleet, _: Random) -> Iterator[Met]:
    network = fleet.foundation.redis_network
    before = network.held_up
    network.stall()
    yield lambda: network.held_up > before
    network.flow()


@fault("slow network to Redis", "redis network", (1.0, 3.0))
def slow_redis_network(fleet: Fleet, _: Random) -> Iterator[Met]:
    network = fleet.foundation.redis_network
    before, network.delay_seconds = network.held_up, 0.2
    yield lambda: network.held_up > before
    network.delay_seconds = 0.0


@fault("nudges doubled, foreign and out of order", "nudges")
def nudge_wildly(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """For running, finished and deleted imports, and for some that never were: of each some are taken."""
    if not fleet.ground.dispatcher.takes_nudges():
        raise NotNow
    with fleet.ground.database.begin() as session:
        going_on, finished, deleted, exports = (
            list(session.scalars(text(found))) for found in (GOING_ON, FINISHED, DELETED, EXPORTS)
        )
    if not (finished and deleted):
        raise NotNow
    send, idle = fleet.ground.dispatcher, [finished, deleted, _FOREIGN_IDS]
    wishes: list[Callable[[], None]] = [send.nudge_mails, send.nudge_sweep]
    wishes += [partial(send.nudge_import, number) for number in chain(going_on, *idle)]
    wishes += [partial(send.nudge_export, number) for number in [*exports, *_FOREIGN_IDS]]
    wishes *= NUDGES_EACH
    dice.shuffle(wishes)
    # One of each is taken first: behind those of what goes on, a block each, none may be in time.
    for nudge in [partial(send.nudge_import, ids[0]) for ids in idle] + wishes:
        nudge()
    yield lambda: all(_waiting(fleet.ground, ids) <= NUDGES_EACH * len(ids) for ids in idle)


@fault("malformed nudges", "nudges")
def send_garbage(fleet: Fleet, _: Random) -> Iterator[Met]:
    """More than there are workers: one that ends over a message is not missed."""
    if not fleet.ground.dispatcher.takes_nudges():
        raise NotNow
    hearing = Hearing(worker.log for worker in fleet.workers)
    with _client(fleet.ground) as client:
        client.lpush(QUEUE, *_GARBAGE * NUDGES_EACH)
    yield lambda: hearing.has_heard("message_dropped")


def _waiting(ground: Ground, import_ids: Collection[int]) -> int:
    """How many nudges for them no worker has taken yet."""
    with _client(ground) as client:
        nudges = map(nudge_in, client.lrange(QUEUE, 0, -1))
    return sum(nudge is not None and nudge.payload.get("import_id") in import_ids for nudge in nudges)


def _check_nudges_wait(fleet: Fleet) -> None:
    """Raises NotNow where none would be lost."""
    if not fleet.ground.dispatcher.waiting():
        raise NotNow


def _is_asked_in_vain(fleet: Fleet) -> Met:
    """Whether somebody came to a Redis that is away."""
    network = fleet.foundation.redis_network
    before = network.turned_away
    return lambda: network.turned_away > before


def _check_is_used(fleet: Fleet) -> None:
    """Raises NotNow where nobody has a connection to Redis."""
    if not fleet.foundation.redis_network.is_used:
        raise NotNow


def _refusals(client: redis.Redis, reason: str) -> int:
    """How many commands Redis has refused for it."""
    counted = client.info("errorstats").get(f"errorstat_{reason}", {"count": 0})
    return int(counted["count"])
