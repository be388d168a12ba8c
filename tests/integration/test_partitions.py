"""Documents in partitions, made as shared/db/GROWTH.md says: what holds for one table holds for them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from api.usecases.services import Service
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.db.queries.relations import ItemRelation
from shared.ground import Ground
from shared.settings import Settings
from tests.fuzz.fuzzing import repeated
from tests.integration import test_item_imports, test_strategies
from tests.integration.builders import an_import, documents, numbered, work_off
from tests.integration.querying import a_collection, ask
from tests.integration.test_model import Imports
from tests.integration.ways import STAGED, USUAL, Way
from tests.services import Services

PAGE = Path(__file__).parents[2] / "shared/db/GROWTH.md"
OLDEST_MAJOR = 18
MAJOR = "SELECT CAST(current_setting('server_version_num') AS integer) / 10000"
PARTITIONS = "SELECT DISTINCT tableoid FROM documents"

# On the ground below.
test_a_strategy_decides = test_strategies.test_a_strategy_decides_what_becomes_of_old_and_new_documents
test_only_documents_that_change_are_written = test_strategies.test_only_documents_that_change_are_written
test_what_an_action_does = test_item_imports.test_what_an_action_does_to_a_document_that_is_there


@pytest.fixture(scope="module")
def ground(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """On a database of its own."""
    blocks = tmp_path_factory.mktemp("partitioned-blocks")
    with services.supply(tmp_path_factory.mktemp("partitioned")) as urls:
        environment = {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
        opened = Ground.open(Settings.read(environment | {"STORAGE_URL": f"file://{blocks}"}))
        migrate(opened.database)
        mark_storage(opened.database, opened.storage)
        prepare(opened)
        partition(opened)
        prepare(opened)
        yield opened
        opened.close()


def partition(ground: Ground) -> None:
    """Run what the page says."""
    [block] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with ground.database.begin() as session:
        if session.execute(text(MAJOR)).scalar_one() < OLDEST_MAJOR:
            pytest.skip(f"Partitions need Postgres {OLDEST_MAJOR}.")
        session.execute(text(block.replace("BEGIN;", "").replace("COMMIT;", "")))


def prepare(ground: Ground) -> None:
    prepare_reader(ground.database, reader_of(ground.settings.database_url))


@pytest.mark.parametrize("way", [USUAL, STAGED], ids=["as the engine chooses", "always staged"])
def test_documents_and_counters_are_those_of_the_model(
    ground: Ground, force: Callable[[Way], None], way: Way
):
    force(way)
    run_state_machine_as_test(lambda: Imports(ground, way), settings=repeated(10, stateful_step_count=15))


def test_collections_are_spread_over_the_partitions(ground: Ground, service: Service):
    for number in range(20):
        a_collection(ground, service, f"/spread-{number}", {"1": {}})

    with ground.database.begin() as session:
        assert len(session.execute(text(PARTITIONS)).all()) == 4


def test_clients_sql_sees_the_documents_of_its_item_type(ground: Ground, service: Service):
    other = a_collection(ground, service, "/Other", {"2": {"n": 2}})
    thing = ItemRelation(a_collection(ground, service, "/Thing", {"1": {"n": 1}}))

    assert other != thing.collection_id
    assert ask(ground, "SELECT t.n FROM thing t", {"thing": thing}) == [{"n": 1}]


def test_documents_are_created_beside_others_that_are_updated(ground: Ground, service: Service):
    work_off(ground, service, an_import(ground, service, numbered(2, a=1)))

    done = work_off(ground, service, an_import(ground, service, numbered(3, a=2)))

    assert (done.created_documents, done.updated_documents) == (1, 2)
    assert [document["a"] for document in documents(ground, service).values()] == [2, 2, 2]
