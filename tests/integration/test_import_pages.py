"""Pages of imports: the same as counting from the newest one, at a cost that does not grow."""

import json
import random

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection, find_collection
from api.usecases.imports import delete_import, list_imports
from api.usecases.services import Service, add_service
from shared.db import import_pages
from shared.db.import_pages import FIRST_RANGE, PAGE
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import
from tests.integration.job_builders import a_file_import, an_item_type

SIZE = 7
MANY = 30_000
MOST_BLOCKS_READ = 250  # a page of a thousand rows and a range of ids; what lies before it is thousands

ADD = """
INSERT INTO imports (service_id, collection_id, strategies, id) OVERRIDING SYSTEM VALUE
SELECT :service_id, :collection_id, '{create}', n FROM unnest(CAST(:ids AS bigint[])) n
"""
IDS = "SELECT id FROM imports WHERE service_id = :service_id AND reading IS NULL ORDER BY id DESC"


@pytest.fixture
def tenant(apart: Ground) -> Service:
    """The only one of its database."""
    made, _ = add_service(apart, "tenant")
    add_collection(apart, made, "/contacts")
    return made


def add(ground: Ground, service: Service, ids: list[int]) -> None:
    collection_id = find_collection(ground, service, "/contacts")
    with ground.database.begin() as session:
        given = {"service_id": service.id, "collection_id": collection_id, "ids": ids}
        session.execute(text(ADD), given)


def assert_pages_are_right(ground: Ground, service: Service) -> None:
    with ground.database.begin() as session:
        expected = list(session.scalars(text(IDS), {"service_id": service.id}))
        pages = [
            [row.id for row in import_pages.page(session, service.id, number=number, size=SIZE)]
            for number in range(1, len(expected) // SIZE + 3)
        ]
    assert pages == [expected[first : first + SIZE] for first in range(0, len(pages) * SIZE, SIZE)]


@pytest.mark.parametrize("seed", range(3))
def test_pages_are_those_of_the_list_whatever_was_deleted(ground: Ground, service: Service, seed: int):
    chance = random.Random(seed)
    ids = chance.sample(range(10**9 + seed * 10**6, 10**9 + seed * 10**6 + 30_000), 80)
    add(ground, service, ids)
    assert_pages_are_right(ground, service)

    for import_id in chance.sample(ids, 40):
        delete_import(ground, service, import_id)

    assert_pages_are_right(ground, service)


def test_imports_of_files_are_not_listed(ground: Ground, service: Service):
    an_item_type(ground, service)
    a_file_import(ground, service, b"[]")
    listed = an_import(ground, service, status=Status.CONFIGURING)

    assert [row.id for row in list_imports(ground, service, 1)] == [listed]


def test_a_service_without_imports_has_an_empty_page(ground: Ground, service: Service):
    assert list_imports(ground, service, 1) == []


def test_a_late_page_costs_what_the_first_one_costs(apart: Ground, tenant: Service):
    add(apart, tenant, list(range(10**9, 10**9 + MANY)))
    with apart.database.begin() as session:
        session.execute(text("ANALYZE"))

    read = {number: blocks_read(apart, tenant, number) for number in (1, 2, MANY // 2000, MANY // 1000)}

    assert all(blocks < MOST_BLOCKS_READ for blocks in read.values()), read


def blocks_read(ground: Ground, service: Service, number: int) -> int:
    given = {"service_id": service.id, "offset": (number - 1) * 1000}
    explain = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"
    read = 0
    with ground.database.begin() as session:
        first = session.execute(text(FIRST_RANGE), given).one()
        given |= {"id_range": first.id_range, "size": 1000, "passed_over": given["offset"] - first.newer}
        for statement in (FIRST_RANGE, PAGE):
            [(plan,)] = session.execute(text(f"{explain} {statement}"), given)
            found = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
            read += found["Shared Hit Blocks"] + found["Shared Read Blocks"]
    return int(read)
