"""A Redis of somebody else's: each session has a database of it for itself, also after that was emptied."""

import redis

from shared.settings import Settings
from tests.supplies.external import empty_redis, own_redis


def test_an_emptied_database_of_redis_stays_taken(settings: Settings):
    with own_redis(settings.redis_url) as first, redis.Redis.from_url(first) as client:
        client.set("nudge", 1)

        empty_redis(first)

        assert client.get("nudge") is None
        with own_redis(settings.redis_url) as second:
            assert second != first


def test_a_database_that_nobody_took_is_empty_then(settings: Settings):
    with own_redis(settings.redis_url) as url, redis.Redis.from_url(url) as client:
        client.flushdb()
        client.set("nudge", 1)

        empty_redis(url)

        assert client.keys() == []
