"""Limits on requests while Redis is away: nobody is refused for it, nobody waits, and it is found again."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from api.usecases import tokens
from api.usecases.services import Service
from shared.embedded.redis import EmbeddedRedis
from shared.embedded.sockets import make_socket_folder, remove_socket_folder
from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.waiting import wait_for
from tests.contract.conftest import IMPORTS, Caller, application
from tests.faults.foundation import Server

LIMIT = 100
REQUESTS = 40

Fault = Callable[[Server], None]


def kill(server: Server) -> None:
    server.member.kill()


def freeze(server: Server) -> None:
    server.member.send(signal.SIGSTOP)


def mend(server: Server) -> None:
    if server.member.is_running:
        server.member.send(signal.SIGCONT)
    server.bring_up()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    sockets = make_socket_folder(tmp_path / "run")
    yield EmbeddedRedis(folder=tmp_path / "redis", sockets=sockets, log=tmp_path / "redis.log")
    remove_socket_folder(tmp_path / "run")


@pytest.fixture
def server(own_redis: EmbeddedRedis) -> Iterator[Server]:
    """A Redis that only this test uses."""
    made = Server(own_redis)
    made.bring_up()
    yield made
    mend(made)
    made.member.stop()


@pytest.fixture
def caller(
    ground: Ground,
    settings: Settings,
    service: Service,
    secret: str,
    own_redis: EmbeddedRedis,
    server: Server,
) -> Iterator[Caller]:
    own = replace(settings, redis_url=own_redis.url, requests_a_minute=LIMIT)
    with application(own) as app:
        yield Caller(app.test_client(), service, tokens.mint(secret, None))


def connections(own_redis: EmbeddedRedis) -> int:
    """How many Redis was ever asked for, this one included."""
    with redis.Redis.from_url(own_redis.url) as client:
        return int(client.info("stats")["total_connections_received"])


def counted(own_redis: EmbeddedRedis) -> int:
    """Requests that Redis knows of."""
    with redis.Redis.from_url(own_redis.url) as client:
        return sum(int(client.get(key) or 0) for key in client.scan_iter("longshore:rates:*"))


@pytest.mark.parametrize("fault", [kill, freeze])
def test_without_redis_requests_are_answered_at_once(caller: Caller, server: Server, fault: Fault):
    assert caller("GET", IMPORTS).status_code == 200
    fault(server)

    assert {caller("GET", IMPORTS).status_code for _ in range(REQUESTS)} == {200}


def test_only_requests_that_look_wait_for_redis(caller: Caller, server: Server, own_redis: EmbeddedRedis):
    assert caller("GET", IMPORTS).status_code == 200
    known = connections(own_redis)
    freeze(server)

    for _ in range(REQUESTS):
        caller("GET", IMPORTS)

    # A server that goes on finds everybody who came meanwhile, gone or not.
    mend(server)
    assert connections(own_redis) - known < REQUESTS // 2


@pytest.mark.parametrize("fault", [kill, freeze])
def test_requests_on_their_way_to_redis_are_answered_too(caller: Caller, server: Server, fault: Fault):
    def ask(number: int) -> int:
        if number == REQUESTS // 4:
            fault(server)
        return replace(caller, client=caller.client.application.test_client())("GET", IMPORTS).status_code

    with ThreadPoolExecutor(16) as clients:
        assert set(clients.map(ask, range(REQUESTS))) == {200}


def test_each_process_counts_for_itself_meanwhile(caller: Caller, server: Server):
    kill(server)

    answers = [caller("GET", IMPORTS).status_code for _ in range(2 * LIMIT)]

    # A few more than the limit where a minute ends in the middle: its requests count less and less then.
    assert set(answers[:LIMIT]) == {200}
    assert answers.count(429) > LIMIT // 2


@pytest.mark.parametrize("fault", [kill, freeze])
def test_a_redis_that_is_back_counts_again(
    caller: Caller, server: Server, own_redis: EmbeddedRedis, fault: Fault
):
    fault(server)
    caller("GET", IMPORTS)
    mend(server)
    known = counted(own_redis)

    assert wait_for(
        lambda: caller("GET", IMPORTS).status_code == 200 and counted(own_redis) > known, every_seconds=0.5
    )
