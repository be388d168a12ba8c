"""One stack for the whole session, started as a user starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.usecases.services import find_service
from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.administration import Administration
from tests.acceptance.client import Client
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.waiting import wait_for
from tests.services import Services
from tests.storages import folder_of
from tests.supplies.mails import Mails

LONGSHORE = Path(sys.executable).with_name("longshore")
EMAIL, PASSWORD = "bea@example.com", "correct horse battery staple"
URLS = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")
FULL = 200_000  # documents of the full item type
_numbers = count(1)


@pytest.fixture(scope="session")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def stack_services(
    services: Services, bucket: Callable[[], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """What names the stack's services; empty where it brings its own."""
    if services.kind == "embedded":
        yield bucket()
        return
    with services.supply(tmp_path_factory.mktemp("stack-services")) as urls:
        yield {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url, **bucket()}


@pytest.fixture(scope="session")
def mails(services: Services, stack_folder: Path) -> Iterator[Mails]:
    """What the stack has mailed."""
    with services.supply_mails(stack_folder) as place:
        yield place


@pytest.fixture(scope="session")
def stack(stack_folder: Path, stack_services: dict[str, str], mails: Mails) -> Iterator[dict[str, Any]]:
    """What `longshore up --json` printed about the stack that now runs."""
    command = [LONGSHORE, "up", "--json", "--port", "0", "--workers", "2", "--data-dir", stack_folder]
    own = {
        "LONGSHORE_LEASE_SECONDS": "3",
        "LONGSHORE_SWEEP_SECONDS": "1",
        "LONGSHORE_RETRY_SECONDS": "0.2",
    }
    environment = os.environ | own | stack_services | mails.environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture
def client(stack: dict[str, Any]) -> Iterator[Client]:
    opened = Client(stack["url"], stack["token"])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def longshore(stack: dict[str, Any], stack_folder: Path) -> Callable[..., str]:
    """Runs the command line beside the stack and returns what it printed."""

    def run(*arguments: str) -> str:
        command = [LONGSHORE, *arguments, "--data-dir", stack_folder]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture(scope="session")
def stack_ground(stack: dict[str, Any], stack_services: dict[str, str]) -> Iterator[Ground]:
    """What the stack's processes stand on."""
    opened = Ground.open(Settings.read(stack_services | {name: stack[name.lower()] for name in URLS}))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def administration(stack: dict[str, Any], stack_ground: Ground) -> Administration:
    """Of the stack's own data service."""
    return Administration(stack_ground, find_service(stack_ground, stack["service"]))


@pytest.fixture
def collection(administration: Administration) -> str:
    """A collection that only this test uses."""
    path = f"/collection-{next(_numbers)}"
    administration.add_collection(path)
    return path


@pytest.fixture(scope="session")
def running_pids(stack: dict[str, Any], stack_folder: Path) -> Callable[[str], list[int]]:
    """The pids of a role, as the stack's own description tells, when what an earlier test ended is back."""

    def told(role: str) -> list[int]:
        return list(json.loads((stack_folder / "stack.json").read_text())["pids"][role])

    def pids(role: str) -> list[int]:
        return wait_for(lambda: [] if not all(map(psutil.pid_exists, found := told(role))) else found)

    return pids


@pytest.fixture(scope="session")
def storage(stack: dict[str, Any]) -> Path:
    """The folder that is the stack's block storage."""
    return folder_of(stack["storage_url"])


@pytest.fixture(scope="session")
def account(administration: Administration) -> None:
    administration.add_user(EMAIL, PASSWORD)


@pytest.fixture
def liquid(stack: dict[str, Any], account: None) -> Iterator[LiquidClient]:
    client = LiquidClient(stack["url"], email=EMAIL, password=PASSWORD, community=stack["service"])
    yield client
    client.close()


@pytest.fixture
def item_type(administration: Administration) -> str:
    """An item type with a primary key that only this test uses."""
    return administration.add_item_type(f"Account{next(_numbers)}")


@pytest.fixture(scope="session")
def full_item_type(administration: Administration) -> str:
    """An item type that nobody writes to, whose export takes a while."""
    name = administration.add_item_type("Account0")
    administration.load(name, FULL)
    return name
