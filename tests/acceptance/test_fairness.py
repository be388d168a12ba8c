"""One data service has started much more than the workers can do; another one wants one line imported."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.usecases.services import add_service
from api.usecases.tokens import mint
from shared.ground import Ground
from tests.acceptance.administration import Administration
from tests.acceptance.client import Client, applied_lines
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.waiting import wait_for

GREEDY = "greedy"
EMAIL, PASSWORD = "gil@example.com", "correct horse battery staple"
SECRET = "a secret of the greedy that is long enough to sign tokens with it"
JOBS = 10
BLOCKS, BLOCK_LINES = 2, 30_000
ITEMS = 6000
# Half a minute of a worker for each export.
SLOW = "$name #foreach ($n in [1..3000])#set ($x = $n)#end"


def block(number: int) -> bytes:
    first = number * BLOCK_LINES
    return b"".join(b'{"documentid":"%d","value":%d}\n' % (n, n) for n in range(first, first + BLOCK_LINES))


@pytest.fixture
def greedy_administration(stack_ground: Ground) -> Administration:
    service, _ = add_service(stack_ground, GREEDY, SECRET)
    return Administration(stack_ground, service)


@pytest.fixture
def greedy(stack: dict[str, Any], greedy_administration: Administration) -> Iterator[Client]:
    greedy_administration.add_collection("/films")
    opened = Client(stack["url"], mint(SECRET, None), host=f"{GREEDY}.localhost")
    yield opened
    opened.close()


@pytest.fixture
def long_imports(greedy: Client) -> Iterator[list[int]]:
    """Imports that are ready to start; removed at the end."""
    importids = [greedy.create("/films", "create", "update") for _ in range(JOBS)]
    for importid in importids:
        for number in range(BLOCKS):
            greedy.add_block(importid, block(number))
    yield importids
    for importid in importids:
        greedy.delete(importid)  # a cancel would be refused by one that ends meanwhile


@pytest.fixture
def liquid(stack: dict[str, Any], greedy_administration: Administration) -> Iterator[LiquidClient]:
    greedy_administration.add_user(EMAIL, PASSWORD)
    greedy_administration.load(greedy_administration.add_item_type("Film"), ITEMS)
    client = LiquidClient(stack["url"], email=EMAIL, password=PASSWORD, community=GREEDY)
    yield client
    client.close()


@pytest.fixture
def long_exports(liquid: LiquidClient) -> Iterator[list[str]]:
    """Exports that have been asked for; canceled at the end."""
    order = {"jobName": "out", "itemType": "Film", "contentType": "text/plain", "template": SLOW}
    jobs = [liquid.start_export(**order)["jobId"] for _ in range(JOBS)]
    yield jobs
    for job_id in jobs:
        liquid.cancel(job_id)
    for job_id in jobs:
        liquid.wait_for_end(job_id)


def test_a_line_is_imported_while_another_service_has_hundreds_of_thousands_waiting(
    greedy: Client,
    long_imports: list[int],
    liquid: LiquidClient,
    long_exports: list[str],
    client: Client,
    collection: str,
) -> None:
    def exports_in(status: str) -> int:
        return [liquid.status(job_id)["status"] for job_id in long_exports].count(status)

    def lines_of_greedy() -> int:
        return sum(applied_lines(greedy.get(importid)) for importid in long_imports)

    wait_for(lambda: exports_in("Processing"))
    for importid in long_imports:
        greedy.set_status(importid, "started")
    wait_for(lines_of_greedy)
    importid = client.create(collection, "create")
    client.add_block(importid, b'{"documentid":"1"}\n')
    lines_before = lines_of_greedy()

    client.set_status(importid, "started")
    ended = client.wait_for_end(importid)

    # The block under way, one that began before the status was asked for, and one more that was a bit faster.
    assert lines_of_greedy() - lines_before <= 3 * BLOCK_LINES
    assert ended["createdDocuments"] == 1
    assert exports_in("Completed") == 0
    assert lines_of_greedy() < JOBS * BLOCKS * BLOCK_LINES
    assert exports_in("Processing") == 1
