"""The whole service behind PgBouncer in transaction mode: no connection to Postgres is a process's own."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import text

from api.usecases.services import find_service
from shared.embedded.services import ServiceUrls
from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.administration import Administration
from tests.acceptance.client import Client, applied_lines
from tests.acceptance.conftest import EMAIL, LONGSHORE, PASSWORD, URLS
from tests.acceptance.jobs import exported
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.processes import families, held, kill
from tests.acceptance.waiting import wait_for
from tests.pgbouncer import Pool, pgbouncer
from tests.services import Services

CONNECTIONS = 4
LINES = 150_000

CONNECTIONS_OF_OTHERS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
   AND backend_type = 'client backend'
"""


@pytest.fixture(scope="module")
def direct(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceUrls]:
    """Where Postgres and Redis themselves answer."""
    with services.supply(tmp_path_factory.mktemp("pooled-services")) as urls:
        yield urls


@pytest.fixture(scope="module")
def pool(direct: ServiceUrls) -> Iterator[Pool]:
    with pgbouncer(direct.database_url, connections=CONNECTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pooled-stack")


@pytest.fixture(scope="module")
def pooled_stack(pool: Pool, direct: ServiceUrls, folder: Path) -> Iterator[dict[str, Any]]:
    """Two workers, an API and beat that know the database by PgBouncer only."""
    own = {
        "DATABASE_URL": pool.url,
        "REDIS_URL": direct.redis_url,
        "LONGSHORE_LEASE_SECONDS": "3",
        "LONGSHORE_SWEEP_SECONDS": "1",
    }
    command = [LONGSHORE, "up", "--json", "--port", "0", "--workers", "2", "--data-dir", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | own) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def pooled_ground(pooled_stack: dict[str, Any]) -> Iterator[Ground]:
    opened = Ground.open(Settings.read({name: pooled_stack[name.lower()] for name in URLS}))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pooled_administration(pooled_ground: Ground, pooled_stack: dict[str, Any]) -> Administration:
    return Administration(pooled_ground, find_service(pooled_ground, pooled_stack["service"]))


@pytest.fixture
def client(pooled_stack: dict[str, Any]) -> Iterator[Client]:
    opened = Client(pooled_stack["url"], pooled_stack["token"])
    yield opened
    opened.close()


@pytest.fixture
def collection(pooled_administration: Administration, request: pytest.FixtureRequest) -> str:
    """A collection that only this test uses."""
    path = f"/{request.node.name.replace('_', '-')[:40]}"
    pooled_administration.add_collection(path)
    return path


def under_way(client: Client, collection: str) -> int:
    """The id of an import that has just begun."""
    importid = client.create(collection, "create", "update")
    client.add_block(importid, b"".join(b'{"documentid":"%d","n":%d}\n' % (n, n) for n in range(LINES)))
    client.set_status(importid, "started")
    client.wait_until(importid, is_under_way)
    return importid


def is_under_way(resource: dict[str, Any]) -> bool:
    return resource["work"]["state"] == "working" and applied_lines(resource) > 0


def log_of_workers(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "logs").glob("worker*.log"))


def main_process_of(worker: str, pids: list[int], folder: Path) -> int:
    """The process whose child calls itself by that name."""
    [child] = re.findall(rf'"worker": "{worker}".*"pid": (\d+).*"worker_named"', log_of_workers(folder))
    return next(pid for pid in pids if int(child) in {process.pid for process in families([pid])})


def test_an_import_is_paused_resumed_and_outlives_its_killed_workers(
    client: Client, collection: str, pooled_stack: dict[str, Any]
) -> None:
    importid = under_way(client, collection)

    paused = client.set_status(importid, "paused")
    there = len(client.documents(collection))
    client.set_status(importid, "resumed")
    client.wait_until(importid, lambda seen: applied_lines(seen) > applied_lines(paused))
    kill(pooled_stack["pids"]["worker"])

    ended = client.wait_for_end(importid)
    assert there == applied_lines(paused) < LINES
    # A line applied a second time would be skipped.
    assert (ended["status"], ended["createdDocuments"], ended["skippedDocuments"]) == ("complete", LINES, 0)
    assert len(client.documents(collection)) == LINES


def test_a_block_is_taken_over_from_a_worker_that_is_frozen(
    client: Client, collection: str, folder: Path
) -> None:
    importid = under_way(client, collection)
    worker = client.get(importid)["work"]["worker"]
    pids = json.loads((folder / "stack.json").read_text())["pids"]["worker"]

    with held([main_process_of(worker, pids, folder)]):
        client.wait_until(importid, lambda seen: seen["work"]["worker"] not in {worker, None})
        ended = client.wait_for_end(importid)

    assert (ended["status"], ended["createdDocuments"], ended["skippedDocuments"]) == ("complete", LINES, 0)


def test_all_processes_together_have_no_more_connections_than_the_pool(
    client: Client, collection: str, pool: Pool, direct: ServiceUrls
) -> None:
    importid = under_way(client, collection)

    # The API has a connection for each who asks at the same time.
    asked = [importid] * 2 * CONNECTIONS

    def has_ended() -> bool:
        assert connections_of(direct.database_url) <= CONNECTIONS
        return all(seen["endedDatetime"] for seen in askers.map(client.get, asked))

    with ThreadPoolExecutor(len(asked)) as askers:
        wait_for(has_ended)
    assert pool.clients() > CONNECTIONS


def test_documents_that_exist_are_updated_by_way_of_a_temporary_table(
    client: Client, collection: str
) -> None:
    client.wait_for_end(under_way(client, collection))

    importid = client.create(collection, "update")
    client.add_block(importid, b"".join(b'{"documentid":"%d","n":-1}\n' % n for n in range(LINES)))
    client.set_status(importid, "started")

    assert client.wait_for_end(importid)["updatedDocuments"] == LINES


def test_clients_sql_is_run_by_a_reader_that_comes_the_same_way(
    pooled_administration: Administration, pooled_stack: dict[str, Any]
) -> None:
    pooled_administration.add_item_type("Account", key="n")
    pooled_administration.load("Account", 10)
    pooled_administration.add_user(EMAIL, PASSWORD)
    liquid = LiquidClient(
        pooled_stack["url"], email=EMAIL, password=PASSWORD, community=pooled_stack["service"]
    )

    written = exported(
        liquid, "Account", contentType="text/plain", sqlQuery="SELECT count(*) AS found FROM Account a"
    )

    liquid.close()
    assert written.decode().split() == ["10"]


def test_sessions_have_the_settings_that_a_startup_packet_cannot_bring_them(pooled_ground: Ground) -> None:
    with pooled_ground.database.begin() as session:
        found = [
            session.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("timezone", "idle_in_transaction_session_timeout")
        ]

    assert found == ["UTC", "10s"]


def connections_of(database_url: str) -> int:
    """How many the server has from clients, this one and the reader's aside."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(CONNECTIONS_OF_OTHERS)
        [found] = cursor.fetchone() or (0,)
    connection.close()
    return int(found)
