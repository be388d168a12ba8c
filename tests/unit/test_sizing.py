"""The table of docker/SIZING.md follows from the figures that stand above it."""

import math
import re
from pathlib import Path

import pytest

from shared.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docker/SIZING.md"
SECONDS, A_PROCESS = 2 * 3600, 40_000
WAL, TABLE, KEY, LINE = 309, 375, 41, 200  # bytes of a document
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
    assert sum(map(math.prod, products)) == int(told[4])
