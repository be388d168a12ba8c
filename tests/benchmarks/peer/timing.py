"""What every peer is given and has to tell."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

LAST_VISITS = -1  # of every document of the second file


@dataclass(frozen=True)
class Task:
    """Two files of the same documents, the second one with another value in each, and where to put them."""

    first: Path
    changed: Path
    folder: Path
    database_url: str
    redis_url: str

    @property
    def count(self) -> int:
        """How many documents each file has."""
        with self.first.open("rb") as file:
            return sum(1 for _ in file)


def given_task() -> Task:
    first, changed, folder, database_url, redis_url = sys.argv[1:]
    return Task(Path(first), Path(changed), Path(folder), database_url, redis_url)


def tell(task: Task, write: Callable[[Path], object], changed_documents: Callable[[], int]) -> None:
    """Write both files and print how long each took; all documents must be there as the second has them."""
    seconds = [_seconds(write, file) for file in (task.first, task.changed)]
    found = changed_documents()
    assert found == task.count, f"{found} documents are changed; expected are {task.count}"
    print(json.dumps(seconds))  # noqa: T201 - what the bench reads


def documents_in(file: Path, size: int) -> Iterator[list[dict[str, Any]]]:
    """The documents of a file, so many at a time."""
    with file.open("rb") as lines:
        while some := [orjson.loads(line) for line in islice(lines, size)]:
            yield some


def _seconds(write: Callable[[Path], object], file: Path) -> float:
    began = time.perf_counter()
    write(file)
    return time.perf_counter() - began
