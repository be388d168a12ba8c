"""What the client of batch jobs brings in a round: files with known answers, drawn from a seed."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from tests.integration.item_model import ItemModel, Properties

KEY = "key"
ITEMS = 1500
IDS = [f"i{number:04}" for number in range(ITEMS // 3)]
BAD_SHARE = 0.02
# With so many of them a file is cut into two blocks, which costs the database nothing.
_MANY_BAD = 0.1
_LONG = "x" * 80_000
_ACTIONS = ["Create", "Update", "Merge", "Delete", None]

# Items that are rejected, and with which code.
BAD_ITEMS: dict[str, dict[str, Any] | list[Any]] = {
    "not_an_object": [_LONG],
    "invalid_headers": {"headers": 1, "data": {KEY: _LONG}},
    "invalid_data": {"headers": {}, "data": _LONG},
    "unknown_action": {"headers": {"action": "Remove"}, "data": {KEY: "bad", "text": _LONG}},
    "wrong_type": {"headers": {"type": "Other"}, "data": {KEY: "bad", "text": _LONG}},
    "invalid_key": {"headers": {"action": "Delete"}, "data": {"text": _LONG}},
    "nul_character": {"headers": {}, "data": {KEY: "bad", "text": f"\0{_LONG}"}},
}
# Only the database refuses it.
POISON = '{"headers":{"action":"Merge"},"data":{"key":"poison","n":0e9999999999}}'

# Rows that are rejected, and with which code.
BAD_ROWS = {"ragged_row": ["bad", _LONG, "many", "cells"], "invalid_key": ["", _LONG, "1"]}


class Item(NamedTuple):
    """One item of a file."""

    line_number: int  # of the file; in a list, the number of the item
    code: str | None  # it is rejected with
    action: str | None
    data: Properties


@dataclass
class BatchOrder:
    """One file, what is there before, and what must come of it."""

    item_type: str
    merges: bool
    form: dict[str, str]
    there_before: dict[str, Properties]
    is_canceled: bool = False  # somewhere on its way
    file: bytes = b""
    items: list[Item] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Of its collection."""
        return f"/{self.item_type}"

    def model(self, item_count: int = ITEMS) -> ItemModel:
        """What there is after so many items."""
        model = ItemModel(self.there_before, key=KEY, merges=self.merges)
        for item in self.items[:item_count]:
            if item.code is None:
                model.apply(item.action, item.data)
        return model

    def rejected(self, item_count: int = ITEMS) -> list[tuple[int, str]]:
        """Line of the file and code of those of so many items that are rejected."""
        return [(item.line_number, item.code) for item in self.items[:item_count] if item.code is not None]

    def told(self, item_count: int = ITEMS) -> dict[str, Any]:
        """What the job says in the end, which for one that was canceled is after so many items."""
        model, rejected = self.model(item_count), len(self.rejected(item_count))
        outcomes = {name: model.outcomes[name] for name in ("created", "updated", "deleted", "skipped")}
        outcomes |= {"rejected": rejected}
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items() if count) or "no items"
        is_whole = item_count == ITEMS
        return {
            "status": "Completed" if is_whole else "Canceled",
            "reason": f"The {'file has been processed' if is_whole else 'job has been canceled'}: {counted}",
            "recordsProcessed": str(item_count),
            "recordsRejected": str(rejected),
        }


def batch_orders(dice: Random) -> list[BatchOrder]:
    """Items of every action, one a line and in a list, and rows of CSV; some are bad."""
    canceled = _items(dice, "Canceled", "%s", "\n", BAD_SHARE)
    canceled.is_canceled = True
    listed = _items(dice, "Listed", "[%s]", ",\n", _MANY_BAD)
    return [_items(dice, "Item", "%s", "\n", BAD_SHARE), listed, _rows(dice), canceled]


def _items(dice: Random, item_type: str, file: str, separator: str, bad_share: float) -> BatchOrder:
    order = _order(dice, item_type, merges=False, contentType="application/json")
    texts = [_item(dice, order, line_number, bad_share) for line_number in range(1, ITEMS + 1)]
    order.file = (file % separator.join(texts)).encode()
    return order


def _item(dice: Random, order: BatchOrder, line_number: int, bad_share: float) -> str:
    if line_number == ITEMS // 2:
        order.items.append(Item(line_number, "refused_by_database", None, {}))
        return POISON
    if dice.random() < bad_share:
        code = dice.choice(sorted(BAD_ITEMS))
        order.items.append(Item(line_number, code, None, {}))
        return json.dumps(BAD_ITEMS[code])
    action = dice.choice(_ACTIONS)
    data = {KEY: dice.choice(IDS), dice.choice("abc"): dice.randrange(1000)}
    order.items.append(Item(line_number, None, action, data))
    return json.dumps({"headers": {} if action is None else {"action": action}, "data": data})


def _rows(dice: Random) -> BatchOrder:
    order = _order(dice, "Csv", merges=True, contentType="text/plain", headerRow="true")
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow([KEY, "text", "n"])
    line_number = 2
    for _ in range(ITEMS):
        cells = _row(dice, order, line_number)
        rows.writerow(cells)
        line_number += 1 + sum(cell.count("\n") for cell in cells)
    order.file = text.getvalue().encode()
    return order


def _row(dice: Random, order: BatchOrder, line_number: int) -> Iterable[str]:
    if dice.random() < _MANY_BAD:
        code = dice.choice(sorted(BAD_ROWS))
        order.items.append(Item(line_number, code, None, {}))
        return BAD_ROWS[code]
    text = dice.choice(["a row", "one, two", "of two\nlines"])
    data = {KEY: dice.choice(IDS), "text": text, "n": str(dice.randrange(1000))}
    order.items.append(Item(line_number, None, None, data))
    return data.values()


def _order(dice: Random, item_type: str, *, merges: bool, **form: str) -> BatchOrder:
    before = {name: {KEY: name, "before": True} for name in dice.sample(IDS, len(IDS) // 3)}
    form |= {"itemType": item_type, "merge": json.dumps(merges)}
    return BatchOrder(item_type, merges, form, before)
