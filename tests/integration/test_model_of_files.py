"""Files in and out against the model, whichever way the engine goes: a dictionary, and items one by one."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import count
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from api.usecases.jobs import list_rejected_items
from api.usecases.services import Service, add_service
from shared.ground import Ground
from tests.fuzz.fuzzing import repeated
from tests.integration.builders import documents, tuned
from tests.integration.item_model import ItemModel
from tests.integration.job_builders import (
    Job,
    a_file_import,
    an_item_type,
    exported,
    files_of,
    items_of,
    with_documents,
)
from tests.integration.ways import EXPORTS, ITEMS, ROWS, USUAL, Way

Force = Callable[[Way], None]
Told = tuple[int, str, str]  # line, code, reason

BATCH_LINES = 4
NAMES = ["A", "B", "C", "é", "x y"]
_numbers = count(1)


def a_service(ground: Ground) -> Service:
    service, _ = add_service(ground, f"files-{next(_numbers)}")
    an_item_type(ground, service)
    return service


def work_off(job: Job) -> tuple[Counter[str], list[Told]]:
    """How many lines had which outcome, and what is told of those that were rejected."""
    assert job.work_off().view.status == "Completed", job.reason
    row = job.import_row()
    outcomes = ("created", "updated", "deleted", "skipped", "rejected")
    found = Counter({name: n for name in outcomes if (n := getattr(row, f"{name}_documents"))})
    rejected = list_rejected_items(job.ground, job.service, str(job.id), 1).items
    return found, [(item.line, item.code, item.reason) for item in rejected]


@dataclass
class Expected:
    """What a file leads to."""

    model: ItemModel
    told: list[Told] = field(default_factory=list)

    def reject(self, line: int, code: str, reason: str) -> None:
        self.told.append((line, code, reason))
        self.model.outcomes["rejected"] += 1


DATA = st.fixed_dictionaries(
    {"accountId": st.sampled_from(NAMES)},
    optional={
        "n": st.integers(0, 2),
        "t": st.sampled_from(["", "a", [1, {"b": None}]]),
        "o": st.just({"p": 1.5}),
    },
)
ACTIONS = st.sampled_from(["Create", "Update", "Merge", "Delete", None])
WRONG_ITEMS: dict[bytes, tuple[str, str]] = {
    b"7": ("not_an_object", "The line is valid JSON, but not an object: one {...} a line is expected."),
    b'{"n":1}': ("invalid_key", "The item's accountId, its primary key, is missing or cannot be an id."),
    b'{"headers":{"action":"Burn"},"data":{"accountId":"A"}}': (
        "unknown_action",
        "The item's action is none of Create, Update, Merge, Delete.",
    ),
}
NOBODY = b'{"headers":{"action":"Delete"},"data":{"accountId":"nobody"}}'

Item = tuple[str | None, dict[str, Any]]  # action and data
# A file in whose first lines nothing is an item is refused.
FIRST: Item = ("Merge", {"accountId": "A"})
ITEM = st.tuples(ACTIONS, DATA)
ITEM_FILES = st.lists(
    st.lists(ITEM | ITEM | ITEM | st.sampled_from(sorted(WRONG_ITEMS)), max_size=14), max_size=2
)
STORED = st.dictionaries(st.sampled_from("ABC"), st.just({"n": 9, "old": True}))


@pytest.mark.parametrize("merges", [False, True], ids=["replaces", "merges"])
@pytest.mark.parametrize("way", ITEMS.values(), ids=ITEMS)
def test_items_become_what_the_model_makes_of_them(ground: Ground, force: Force, way: Way, merges: bool):
    force(way)
    small = tuned(ground, **{"batch_lines": BATCH_LINES, **way.settings})

    @repeated(20 if way is USUAL else 10)
    @given(STORED, ITEM_FILES, st.booleans())
    def compare(stored: dict[str, Any], files: list[list[Item | bytes]], is_list: bool) -> None:
        service, model = a_service(ground), ItemModel(stored, key="accountId", merges=merges)
        for name, properties in stored.items():
            with_documents(ground, service, {name: properties})
        found: Counter[str] = Counter()
        for items in files:
            expected = Expected(model)
            lines = list(written_items(items, way, expected))
            content = b"[" + b",".join(lines) + b"]" if is_list else b"\n" + b"\n".join(lines)
            outcomes, told = work_off(a_file_import(small, service, content, merges=merges))
            assert told == [(line + (not is_list), *rest) for line, *rest in expected.told]
            found += outcomes
        assert documents(ground, service, "/Account") == model.documents
        assert found == model.outcomes

    compare()


def written_items(items: Iterable[Item | bytes], way: Way, expected: Expected) -> Iterator[bytes]:
    """The text of each; what they are expected to lead to is noted."""
    numbers = count(1)
    for item in (FIRST, *items):
        number = next(numbers)
        if isinstance(item, bytes):
            yield item
            expected.reject(number, *WRONG_ITEMS[item])
        else:
            action, data = item
            yield orjson.dumps({"headers": {} if action is None else {"action": action}, "data": data})
            expected.model.apply(action, data)
        if way.deletes:
            next(numbers)
            yield NOBODY
            expected.model.apply("Delete", {"accountId": "nobody"})


COLUMNS = ("accountId", "t", "u")
# As they are written, and what they mean.
CELLS = {
    "": "",
    "a": "a",
    "5 %s": "5 %s",
    "'=1+1": "=1+1",
    'a "quoted" word': 'a "quoted" word',
    "two\nlines": "two\nlines",
    "\\u0000": "\\u0000",
}
PLAIN = st.sampled_from(["a", "5 %s"])
CELL = PLAIN | PLAIN | st.sampled_from(sorted(CELLS))
KEY = st.sampled_from(NAMES)
ROW = st.tuples(KEY, CELL, CELL)
PLAIN_ROW = st.tuples(KEY, PLAIN, PLAIN)
WRONG_ROW = st.tuples(st.sampled_from(["", "a/b"]), CELL, CELL)
RAGGED_ROW = st.tuples(st.just("total"))
TABLES = st.lists(
    st.lists(PLAIN_ROW | PLAIN_ROW | ROW | WRONG_ROW | RAGGED_ROW, max_size=14), min_size=1, max_size=2
)
INVALID_KEY = ("invalid_key", "The item's accountId, its primary key, is missing or cannot be an id.")


@pytest.mark.parametrize("way", ROWS.values(), ids=ROWS)
def test_rows_become_what_the_model_makes_of_them(ground: Ground, force: Force, way: Way):
    force(way)
    small = tuned(ground, batch_lines=BATCH_LINES)

    @repeated(10)
    @given(TABLES)
    def compare(tables: list[list[tuple[str, ...]]]) -> None:
        service, model = a_service(ground), ItemModel({}, key="accountId", merges=True)
        found: Counter[str] = Counter()
        for rows in tables:
            expected = Expected(model)
            # A file most of whose rows are ragged is refused.
            content = written_rows([*rows, *[("last", "a", "a")] * len(rows)], way, expected)
            order = {"is_csv": True, "has_header_row": True, "separator": ",", "merges": True}
            outcomes, told = work_off(a_file_import(small, service, content, **order))
            assert told == expected.told
            found += outcomes
        assert documents(ground, service, "/Account") == model.documents
        assert found == model.outcomes

    compare()


def written_rows(rows: Iterable[Sequence[str]], way: Way, expected: Expected) -> bytes:
    """A file of them; what they are expected to lead to is noted."""
    columns = [*COLUMNS, *way.besides]
    written = StringIO(newline="")
    table = csv.writer(written, lineterminator="\n")
    table.writerow(columns)
    for row in rows:
        line = written.getvalue().count("\n") + 1
        is_whole = len(row) == len(COLUMNS)
        cells = [*row, *way.besides.values()] if is_whole else row
        table.writerow(cells)
        if not is_whole:
            counted = f"The row has {len(row)} cell, and {len(columns)} are expected."
            expected.reject(line, "ragged_row", counted)
        elif row[0] not in [*NAMES, "last"]:
            if any(cells):
                expected.reject(line, *INVALID_KEY)
        else:
            values = {name: CELLS.get(cell, cell) for name, cell in zip(columns, cells, strict=True)}
            expected.model.apply(None, {name: value for name, value in values.items() if value})
    return written.getvalue().encode()


VALUES = st.sampled_from(["", "a", "=1", 'q"', "b\\", "a,b\nc", 0, 1.5, True, [1, "x"], None])
KEPT = st.dictionaries(
    st.sampled_from(["A", "B", "C", "D", 'q"', "b\\", "é", "x\u2028y"]),
    st.dictionaries(st.sampled_from(["n", "a.b", "t "]), VALUES, max_size=3),
    max_size=8,
)


@pytest.mark.parametrize("way", EXPORTS.values(), ids=EXPORTS)
def test_an_export_holds_every_document_once_and_as_it_is(ground: Ground, force: Force, way: Way):
    force(way)
    small = tuned(ground, **way.settings)

    @repeated(10)
    @given(KEPT, st.booleans())
    def compare(kept: dict[str, dict[str, Any]], is_compressed: bool) -> None:
        service = a_service(ground)
        with_documents(ground, service, dict(kept))

        items = items_of(exported(small, service, is_compressed=is_compressed))
        table = exported(small, service, is_csv=True, has_header_row=True, is_compressed=is_compressed)

        in_order = sorted(kept)
        headers = {"category": "entity", "type": "Account"}
        assert items == [{"headers": headers | {"id": name}, "data": kept[name]} for name in in_order]
        assert list(rows_of(table)) == [row_of(name, kept[name]) for name in in_order]

    compare()


def rows_of(job: Job) -> Iterator[dict[str, str]]:
    """The cells that are not empty by the names of their columns, of each file's rows."""
    for content in files_of(job):
        for row in csv.DictReader(StringIO(content.decode(), newline="")):
            yield {name: cell for name, cell in row.items() if cell}


def row_of(name: str, properties: Mapping[str, Any]) -> dict[str, str]:
    """A document as its row's cells that are not empty."""
    columns = {"a.b": "a\\.b", "t ": "t\\ "}
    cells = {columns.get(key, key): cell_of(value) for key, value in properties.items()}
    return {key: cell for key, cell in ({"accountId": name} | cells).items() if cell}


def cell_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith("=") else value
    return json.dumps(value, separators=(",", ":"))
