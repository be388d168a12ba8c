"""The table of docker/SIZING.md follows from the figures that stand above it."""

import math
import re
from pathlib import Path

import pytest

from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docker/SIZING.md"
A_WORKER = 4  # connections of a worker process, at most
SECONDS, A_PROCESS = 2 * 3600, 40_000
WAL, TABLE, KEY, LINE = 310, 543, 41, 200  # bytes of a document
ROW = re.compile(r"^\| (1|10|100) (million|billion) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("row", ROW.findall(PAGE.read_text()), ids=lambda row: " ".join(row[:2]))
def test_a_row_is_what_the_figures_give(row: tuple[str, str, str]):
    documents = int(row[0]) * {"million": 10**6, "billion": 10**9}[row[1]]
    a_second = documents / SECONDS
    processes = math.ceil(a_second / A_PROCESS)

    told = [float(number.replace(",", "")) for number in re.findall(r"[\d,.]*\d", row[2])]

    expected = [a_second, processes, processes, a_second * WAL / 1e6, documents * WAL / 1e9]
    expected += [documents * (TABLE + KEY) / 1e9, documents * LINE / 1e9]
    assert told == [pytest.approx(figure, rel=0.11) for figure in expected]


def test_connections_are_counted_for_each_process_of_an_api():
    """Each process has a pool of its own; the page counted one for each API."""
    page = PAGE.read_text().replace("\N{MULTIPLICATION SIGN}", "*")
    told = re.search(r"Connections: APIs \* `(\w+)` \* `(\w+)` \+ [\s\S]*?: ([\d *+]+) = (\d+)", page)

    assert told
    assert told.group(1, 2) == ("WEB_CONCURRENCY", "LONGSHORE_DATABASE_POOL")
    products = [[int(factor) for factor in product.split("*")] for product in told[3].split("+")]
    assert products[0][-1] == Settings.database_pool
    assert products[1][-1] == A_WORKER
    assert sum(map(math.prod, products)) == int(told[4])


@pytest.mark.parametrize(
    ("page", "apis", "processes"), [("docker/DEPLOY.md", 18, 4), ("shared/db/GROWTH.md", 2, 45)]
)
def test_other_pages_reckon_connections_in_the_same_way(page: str, apis: int, processes: int):
    """One had 19 APIs that left fewer than ten connections to all workers, and one gave a worker two."""
    [allowed] = re.findall(r"max_connections=(\d+)", (ROOT / "docker/compose.yaml").read_text())
    of_apis, of_workers = apis * Settings.database_pool, processes * A_WORKER
    told = (ROOT / page).read_text().replace("\N{MULTIPLICATION SIGN}", "*")

    assert f"{allowed} connections" in " ".join(told.split())
    assert f"{apis} * {Settings.database_pool} + {processes} * {A_WORKER} = {of_apis + of_workers}" in told
    assert int(allowed) - Settings.database_pool < of_apis + of_workers <= int(allowed)
