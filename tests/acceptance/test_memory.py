"""Memory that does not grow with the size of a job: the peaks of real processes, as the kernel tells them."""

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.administration import Administration
from tests.acceptance.jobs import exported
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.processes import forget_peaks, kill, peak_mib, pool_children
from tests.acceptance.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells peaks of processes")

# What several times as many documents may take more. Measured were 0.1 MiB for exports, 0.7 for imports, 5
# for the API.
SLACK_MIB = 8

ITEM = b'{"accountId":"%08d","text":"' + b"x" * 1000 + b'"}'
PIECE = 1000


@pytest.fixture(scope="module")
def fresh(running_pids: Callable[[str], list[int]]) -> dict[str, Callable[[], list[int]]]:
    """The processes that do a role's work, started anew: what tests before these needed is not theirs."""
    for role in ("api", "worker"):
        before = running_pids(role)
        kill(before)
        wait_for(lambda role=role, gone=before: len({*running_pids(role)} - {*gone}) == len(gone))
    return {role: lambda role=role: pool_children(running_pids(role)) for role in ("api", "worker")}


@pytest.fixture
def item_types(administration: Administration, item_type: str) -> tuple[str, str]:
    """One for few documents, one for many."""
    return item_type, administration.add_item_type(f"{item_type}Many")


@pytest.fixture(scope="module")
def loaded(administration: Administration) -> dict[str, int]:
    """Item types with few documents and with many, and how many these are."""
    found = {"ExportedFew": 100_000, "ExportedMany": 1_000_000}
    for item_type, count in found.items():
        administration.load(administration.add_item_type(item_type), count)
    return found


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_an_export_of_a_million_documents_takes_the_memory_of_one_of_few(
    liquid: LiquidClient,
    loaded: dict[str, int],
    fresh: dict[str, Callable[[], list[int]]],
    content_type: str,
) -> None:
    peaks = []

    for item_type, count in loaded.items():
        forget_peaks(fresh["worker"]())
        assert exported(liquid, item_type, contentType=content_type).count(b"Account ") == count
        peaks.append(peak_mib(fresh["worker"]()))

    assert peaks[1] - peaks[0] < SLACK_MIB


@pytest.mark.parametrize("many", [128_000, pytest.param(500_000, marks=pytest.mark.large)])
def test_an_import_of_a_large_file_takes_the_memory_of_one_of_a_small_one(
    liquid: LiquidClient,
    item_types: tuple[str, str],
    fresh: dict[str, Callable[[], list[int]]],
    many: int,
) -> None:
    api, workers = [], []

    for item_type, count in zip(item_types, (32_000, many), strict=True):
        forget_peaks([*fresh["api"](), *fresh["worker"]()])
        order = {"jobName": "in", "itemType": item_type, "contentType": "application/json"}
        job = liquid.upload(items(count), sum(map(len, items(count))), **order)
        ended = liquid.wait_for_end(job["jobId"])
        assert (ended["status"], ended["recordsProcessed"]) == ("Completed", str(count))
        api.append(peak_mib(fresh["api"]()))
        workers.append(peak_mib(fresh["worker"]()))

    assert api[1] - api[0] < SLACK_MIB
    assert workers[1] - workers[0] < SLACK_MIB


def items(count: int) -> Iterator[bytes]:
    """A JSON list of so many items, each of about 1 KB."""
    for first in range(0, count, PIECE):
        yield (b"," if first else b"[") + b",".join(ITEM % n for n in range(first, first + PIECE))
    yield b"]"
