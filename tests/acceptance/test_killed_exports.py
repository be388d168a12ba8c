"""Workers killed in the middle of an export: its files are those of an export that was left in peace."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.jobs import FINAL
from tests.acceptance.jobs import downloaded, exported
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.processes import held, kill, pool_children
from tests.acceptance.waiting import wait_for

TRIES = 20  # to meet an export before its end

Victims = Callable[[list[int]], list[int]]


def main_processes(workers: list[int]) -> list[int]:
    return workers


@pytest.mark.parametrize(
    ("content_type", "victims"), [("application/json", main_processes), ("text/plain", pool_children)]
)
def test_an_export_whose_worker_was_killed_is_the_same(
    liquid: LiquidClient,
    full_item_type: str,
    running_pids: Callable[[str], list[int]],
    storage: Path,
    content_type: str,
    victims: Victims,
) -> None:
    undisturbed = exported(liquid, full_item_type, contentType=content_type)
    order = {"jobName": "out", "itemType": full_item_type, "contentType": content_type}

    for _ in range(TRIES):
        before = files(storage)
        job_id = liquid.start_export(**order)["jobId"]
        wait_for(lambda known=before: files(storage) - known, every_seconds=0.001)
        with held(running_pids("worker")):
            if liquid.status(job_id)["status"] not in FINAL:
                kill(victims(running_pids("worker")))
                break
    else:
        pytest.fail("no export was met before its end")

    ended = liquid.wait_for_end(job_id)
    assert downloaded(liquid, ended) == undisturbed
    assert len(files(storage) - before) == len(ended["links"])


def files(storage: Path) -> set[Path]:
    """What exports have there, also while they write it."""
    return set(storage.glob("export-*/*"))
