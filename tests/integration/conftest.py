"""Small batches, and a database that refuses on demand."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from api.usecases.volumes import mark_storage
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.db.queries.reader import reader_of
from shared.ground import Ground
from shared.settings import Settings
from tests.integration.builders import tuned
from tests.integration.ways import NO_COPY, Way

_INSTALL = """
CREATE SEQUENCE {name} MINVALUE 0 START 1;
SELECT setval('{name}', 0);
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF {condition} THEN
        IF nextval('{name}') <= {times} THEN
            RAISE EXCEPTION 'refused by a test' USING ERRCODE = '{sqlstate}';
        END IF;
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER {name} {event} ON {table} {seeing} FOR EACH STATEMENT EXECUTE FUNCTION {name}()
"""
_REMOVE = "DROP FUNCTION {name} CASCADE; DROP SEQUENCE {name}"

ALWAYS = 10**9

Refuse = Callable[..., Callable[[], int]]


@pytest.fixture
def small(ground: Ground) -> Ground:
    """The ground with batches of three lines, so that a few lines make several checkpoints."""
    return tuned(ground, batch_lines=3)


@pytest.fixture
def stranger(ground: Ground, service: Service) -> Service:
    """Another data service, with a collection of the same path."""
    other, _ = add_service(ground, f"{service.name}-stranger")
    add_collection(ground, other, "/contacts")
    return other


@pytest.fixture
def refuse(ground: Ground) -> Iterator[Refuse]:
    """Let the database refuse what writes documents: refuse(condition in SQL, SQLSTATE, times=...).

    Returns a function that counts the statements that met the condition. `table=` names another table,
    `event=` another time, and `seeing=` what the condition may look at by then.
    """
    with _refusals(ground) as install:
        yield install


@pytest.fixture
def refuse_apart(module_apart: Ground) -> Iterator[Refuse]:
    """The same on the module's own database."""
    with _refusals(module_apart) as install:
        yield install


@contextmanager
def _refusals(ground: Ground) -> Iterator[Refuse]:
    names = (f"refusal_{n}" for n in count(1))
    installed: list[str] = []

    def install(
        condition: str,
        sqlstate: str,
        *,
        times: int = ALWAYS,
        table: str = "documents",
        event: str = "BEFORE INSERT OR UPDATE",
        seeing: str = "",
    ) -> Callable[[], int]:
        name = next(names)
        given = {"condition": condition, "sqlstate": sqlstate, "times": times, "table": table}
        _execute(ground, _INSTALL.format(name=name, event=event, seeing=seeing, **given))
        installed.append(name)
        return lambda: _last_value(ground, name)

    yield install
    for name in installed:
        _execute(ground, _REMOVE.format(name=name))


@pytest.fixture(params=["as the engine chooses", "always staged"])
def write_path(request: pytest.FixtureRequest, refuse: Refuse) -> None:
    """Runs a test twice, the second time with no batch copied straight into the collection."""
    if request.param == "always staged":
        refuse(**NO_COPY)


@pytest.fixture
def force(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> Callable[[Way], None]:
    """Let the engine go one way until the test ends."""

    def force(way: Way) -> None:
        for module, name, value in way.bounds:
            monkeypatch.setattr(module, name, value)
        for refusal in way.refusals:
            refuse(**refusal)

    return force


@pytest.fixture
def empty_url(settings: Settings) -> Iterator[str]:
    """A database of this server that nobody has migrated yet."""
    with _new_database(settings) as url:
        yield url


@pytest.fixture
def empty_urls(settings: Settings) -> Iterator[Iterator[str]]:
    """As many of these as are asked for."""
    with ExitStack() as stack:
        yield (stack.enter_context(_new_database(settings)) for _ in count())


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url, pool_size=2)) as database:
        yield database


@pytest.fixture(scope="session")
def migrated_url(settings: Settings) -> Iterator[str]:
    """A database to copy: that is sooner done than to migrate another one."""
    with _new_database(settings) as url:
        with closing(Database(url, pool_size=2)) as database:
            migrate(database)
        yield url


@pytest.fixture
def apart(migrated_url: str, settings: Settings, tmp_path: Path) -> Iterator[Ground]:
    """A ground with a database of its own, in which nothing waits that others left."""
    with _copied(migrated_url, settings, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_apart(
    migrated_url: str, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The same for all tests of a module, for what concerns the whole service."""
    with _copied(migrated_url, settings, tmp_path_factory.mktemp("apart")) as opened:
        yield opened


@contextmanager
def _new_database(settings: Settings, template: str = "template1") -> Iterator[str]:
    # Other processes run tests on the same server.
    name = f"empty_{secrets.token_hex(4)}"
    url = make_url(settings.database_url)
    # Without a connection that stays: tests in between end all of the server's sessions.
    server = create_engine(
        url.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    own = url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield own
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        # Roles belong to the server, which may be somebody's own.
        connection.execute(text(f"DROP ROLE IF EXISTS {reader_of(own).role}"))


@contextmanager
def _copied(migrated_url: str, settings: Settings, folder: Path) -> Iterator[Ground]:
    """A ground on a copy of the database and a folder of its own."""
    template = make_url(migrated_url).database
    assert template is not None
    with _new_database(settings, template) as url:
        opened = Ground.open(replace(settings, database_url=url, storage_url=f"file://{folder}"))
        with closing(opened):
            mark_storage(opened.database, opened.storage)
            yield opened


def _execute(ground: Ground, statement: str) -> None:
    with ground.database.begin() as session:
        session.execute(text(statement))


def _last_value(ground: Ground, sequence: str) -> int:
    with ground.database.begin() as session:
        return int(session.execute(text(f"SELECT last_value FROM {sequence}")).scalar_one())
