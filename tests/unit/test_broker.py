"""How soon a worker is back after Redis is."""

import socket
from contextlib import suppress

import pytest
from kombu.exceptions import OperationalError

from shared.settings import Settings
from workers.app import create_celery


@pytest.fixture
def nobody_listens() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_attempts_to_reconnect_are_at_most_a_second_apart(nobody_listens: int):
    settings = Settings(
        database_url="postgresql://x/x",
        redis_url=f"redis://127.0.0.1:{nobody_listens}/0",
        storage_url="file:///x",
    )
    waits: list[float] = []
    connection = create_celery(settings).connection_for_read()

    with suppress(OperationalError):
        connection.ensure_connection(lambda _error, wait: waits.append(wait), 6)

    assert len(waits) >= 6
    assert max(waits) <= 1.0
