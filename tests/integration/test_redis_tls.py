"""Redis by TLS: a certificate that is trusted lets nudges through, any other one does not."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from redis.connection import parse_url

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.dispatch import Dispatcher
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration.builders import an_import, numbered
from tests.integration.programs import program
from tests.tls import tls_front


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """One, and its certificate in a file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture(scope="module")
def port(authority: tuple[trustme.CA, Path], ground: Ground) -> Iterator[int]:
    """Where the session's Redis answers by TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert("localhost", "127.0.0.1").configure_cert(context)
    place = parse_url(ground.settings.redis_url)

    def connect() -> socket.socket:
        if path := place.get("path"):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            return connection
        return socket.create_connection((place["host"], place.get("port", 6379)))

    with tls_front(context, connect) as number:
        yield number


@pytest.fixture
def url(port: int, authority: tuple[trustme.CA, Path], ground: Ground) -> str:
    given = parse_url(ground.settings.redis_url)
    login = f"{given.get('username', '')}:{given.get('password', '')}@"
    return f"rediss://{login}127.0.0.1:{port}/{given.get('db', 0)}?ssl_ca_certs={authority[1]}"


def test_a_nudge_that_was_sent_by_tls_is_taken_by_tls(
    ground: Ground, service: Service, environment: dict[str, str], url: str
):
    import_id = an_import(ground, service, numbered(3))

    with closing(Dispatcher(url)) as dispatcher, program("worker", environment | {"REDIS_URL": url}):
        dispatcher.nudge_import(import_id)
        wait_for(lambda: get_import(ground, service, import_id).status == Status.COMPLETE)


def test_redis_tells_of_itself_by_tls(url: str):
    with closing(Dispatcher(url)) as dispatcher:
        assert dispatcher.takes_nudges()
        assert dispatcher.server_facts()


@pytest.mark.parametrize("options", ["", "?ssl_cert_reqs=required"])
def test_nothing_is_told_to_a_server_that_nobody_vouches_for(ground: Ground, port: int, options: str):
    """Celery took any certificate unless it was told otherwise."""
    before = ground.dispatcher.waiting()

    # By another name: Kombu would take a connection of the other tests, whatever it trusts.
    with closing(Dispatcher(f"rediss://localhost:{port}/0{options}")) as dispatcher:
        dispatcher.nudge_import(1)

        assert not dispatcher.takes_nudges()
    assert ground.dispatcher.waiting() == before
