"""What else may lie in the queue: a worker goes on past it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
import redis

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration.builders import QUEUE, an_import, numbered, take_nudges
from tests.integration.programs import program


def changed(nudge: dict[str, Any], **parts: Any) -> str:
    return json.dumps(nudge | parts)


def without(nudge: dict[str, Any], part: str, name: str) -> str:
    return changed(nudge, **{part: {key: found for key, found in nudge[part].items() if key != name}})


def with_headers(nudge: dict[str, Any], **headers: Any) -> str:
    return changed(nudge, headers=nudge["headers"] | headers)


def with_properties(nudge: dict[str, Any], **properties: Any) -> str:
    return changed(nudge, properties=nudge["properties"] | properties)


def with_body(nudge: dict[str, Any], body: Any) -> str:
    return changed(nudge, body=base64.b64encode(json.dumps(body).encode()).decode())


def malformed(nudge: dict[str, Any]) -> list[str | bytes]:
    """What is nearly a nudge, and what is nothing like one."""
    return [
        b"",
        b"\xff",
        b"nudge",
        b"[]",
        b"null",
        b"{}",
        b'{"properties":1}',
        *(changed(nudge, **{part: None}) for part in nudge),
        changed(nudge, body="%"),
        changed(nudge, headers=[1]),
        with_headers(nudge, task=["a"]),
        with_headers(nudge, task="longshore.unknown"),
        b"[" * 100_000,
        b'{"__type__":"bytes","__value__":1}',
        b'{"__type__":[],"__value__":1}',
        with_properties(nudge, delivery_info={}),
        with_properties(nudge, delivery_tag="\ud800"),
        with_headers(nudge, timelimit=5),
        with_headers(nudge, timelimit=[1]),
        with_headers(nudge, stamped_headers=5),
        with_headers(nudge, eta="9999-12-31T23:59:59"),
        *(without(nudge, "headers", name) for name in nudge["headers"]),
        *(without(nudge, "properties", name) for name in nudge["properties"]),
        with_body(nudge, "nudge"),
        with_body(nudge, [[], {}, {}]),
        with_body(nudge, [[], {"import_id": "first"}, {}]),
        with_body(nudge, [[], {"number": 1}, {}]),
        with_body(nudge, [[], {"import_id": {"__type__": "bytes", "__value__": 1}}, {}]),
    ]


def as_another_release_may_send_it(nudge: dict[str, Any]) -> str:
    """Without whatever is not needed, and with more than this release knows of."""
    args, payload, more = json.loads(base64.b64decode(nudge["body"]))
    needed = {name: nudge["headers"][name] for name in ("task", "id")}
    moments = {"eta": "2999-01-01T00:00:00+00:00", "expires": "2000-01-01T00:00:00+00:00"}
    properties = {"body_encoding": nudge["properties"]["body_encoding"], "priority": 9}
    told = nudge | {"headers": needed | moments, "properties": properties}
    return with_body(told, [args, payload | {"block": 1, "since": "2999-01-01"}, more | {"chain": None}])


@pytest.fixture
def nudge(ground: Ground) -> dict[str, Any]:
    """A message as it lies in Redis."""
    take_nudges(ground)
    ground.dispatcher.nudge_import(2**40)
    with redis.Redis.from_url(ground.settings.redis_url) as client:
        return dict(json.loads(client.rpop(QUEUE)))


def test_a_worker_goes_on_past_messages_that_are_malformed(
    ground: Ground, service: Service, environment: Mapping[str, str], nudge: dict[str, Any]
):
    """Over some of them it ended; over one it lost the place of its only child, and took nothing more."""
    with redis.Redis.from_url(ground.settings.redis_url) as client:
        client.lpush(QUEUE, *malformed(nudge))
    import_id = an_import(ground, service, numbered(3))

    with program("worker", environment | {"LONGSHORE_WORKER_PROCESSES": "1"}):
        # Its nudge is behind them all.
        wait_for(lambda: get_import(ground, service, import_id).status == Status.COMPLETE)


def test_a_worker_does_what_another_release_asks_it_for(
    ground: Ground, service: Service, environment: Mapping[str, str]
):
    take_nudges(ground)
    import_id = an_import(ground, service, numbered(3))

    with redis.Redis.from_url(ground.settings.redis_url) as client:
        [sent] = client.lrange(QUEUE, 0, -1)
        client.lset(QUEUE, 0, as_another_release_may_send_it(json.loads(sent)))
    with program("worker", environment | {"LONGSHORE_WORKER_PROCESSES": "1"}):
        # There is no other nudge, and no sweep.
        wait_for(lambda: get_import(ground, service, import_id).status == Status.COMPLETE)
