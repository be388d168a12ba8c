"""Real services for the whole session, and a data service of its own for each test."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.embedded.services import ServiceUrls
from shared.ground import Ground
from shared.settings import Settings
from tests.fuzz import fuzzing
from tests.s3 import S3
from tests.services import Services, choose_services
from tests.serving import Served, gunicorn
from tests.storages import choose_storage

_numbers = count(1)
_SERVICES = pytest.StashKey[Services]()
_STORAGE = pytest.StashKey[str]()
_FOLDER = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-examples", type=int, help="Hostile inputs a test, random ones by a seed.")
    parser.addoption("--fleet", action="store_true", help="Real containers, too: make test-fleet.")
    parser.addoption("--large", action="store_true", help="Jobs of their full size, too, which take minutes.")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.basetemp is None:
        # The next session would close the folder that pytest shares between them to everybody but its owner,
        # and so to the user as whom Postgres runs.
        config.option.basetemp = config.stash[_FOLDER] = tempfile.mkdtemp(prefix="longshore-tests-")
    # With -n the tests run in processes that inherit the environment of this one: it keeps the URLs for them.
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    chosen = choose_services(os.environ if runs_tests else dict(os.environ))
    os.environ["SERVICES"] = chosen.kind  # which they need not find out again
    config.stash[_SERVICES] = chosen
    config.stash[_STORAGE] = choose_storage(os.environ)
    fuzzing.choose(config.getoption("--fuzz-examples"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.stash.get(_FOLDER, None)
    if folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    folder = terminalreporter.config.stash.get(_FOLDER, None)
    if folder is not None and exitstatus != pytest.ExitCode.OK:
        terminalreporter.write_line(f"What the tests left is in {folder}.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--large"):
        for item in items:
            if item.get_closest_marker("large"):
                item.add_marker(pytest.mark.skip("only with --large"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"services: {config.stash[_SERVICES].description}, storage: {config.stash[_STORAGE]}"


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Services:
    """What SERVICES chose."""
    return pytestconfig.stash[_SERVICES]


@pytest.fixture(scope="session")
def service_urls(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceUrls]:
    """Where Postgres and Redis of this session answer."""
    with services.supply(tmp_path_factory.mktemp("services")) as urls:
        yield urls


@pytest.fixture(scope="session")
def s3(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server of this session."""
    with services.supply_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Callable[[], dict[str, str]]:
    """What names a new storage in a bucket, where STORAGE chose that; else nothing."""
    if pytestconfig.stash[_STORAGE] == "folder":
        return dict
    s3: S3 = request.getfixturevalue("s3")
    return lambda: s3.environment | {"STORAGE_URL": s3.new_url()}


@pytest.fixture(scope="session")
def environment(
    service_urls: ServiceUrls,
    bucket: Callable[[], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """The environment of a process that uses this session's services."""
    return {
        "DATABASE_URL": service_urls.database_url,
        "REDIS_URL": service_urls.redis_url,
        "STORAGE_URL": f"file://{tmp_path_factory.mktemp('blocks')}",
        # All tests come from one address, and ask more often than anybody should.
        "LONGSHORE_REQUESTS_A_MINUTE": "0",
        "LONGSHORE_ADDRESS_REQUESTS_A_MINUTE": "0",
        **bucket(),
    }


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    return Settings.read(environment)


@pytest.fixture(scope="session")
def ground(settings: Settings) -> Iterator[Ground]:
    """The ground on a migrated database."""
    opened = Ground.open(settings)
    migrate(opened.database)
    mark_storage(opened.database, opened.storage)
    prepare_reader(opened.database, reader_of(settings.database_url, settings.reader_url))
    yield opened
    opened.close()


@pytest.fixture
def secret() -> str:
    """The signing secret of `service`."""
    return "a-secret-of-the-tests-that-is-long-enough-for-every-hmac-algorithm-there-is"


@pytest.fixture
def service(ground: Ground, secret: str) -> Service:
    """A data service that only this test uses, with the collection /contacts."""
    made, _ = add_service(ground, f"service-{next(_numbers)}", secret)
    add_collection(ground, made, "/contacts")
    return made


@pytest.fixture(scope="session")
def served(environment: dict[str, str], ground: Ground) -> Iterator[Served]:
    """The application under gunicorn, on a database that is migrated."""
    # Hostile input makes more jobs than any client should.
    with gunicorn(environment | {"LONGSHORE_JOBS_AN_HOUR": "1000000"}) as running:
        yield running
