"""The way to Redis after its connections were cut."""

from uuid import uuid4

import redis

from shared.dispatch import Dispatcher
from shared.settings import Settings


def test_connections_that_were_cut_are_replaced_unnoticed(settings: Settings):
    name = f"cut-{uuid4().hex}"
    between = "&" if "?" in settings.redis_url else "?"
    dispatcher = Dispatcher(f"{settings.redis_url}{between}client_name={name}")
    assert dispatcher.takes_nudges()

    with redis.Redis.from_url(settings.redis_url) as other:
        [ours] = [client["id"] for client in other.client_list() if client["name"] == name]
        assert other.client_kill_filter(_id=ours) == 1

    assert dispatcher.takes_nudges()
    dispatcher.close()
