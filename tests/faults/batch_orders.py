"""What the client of batch jobs brings in a round: files with known answers, drawn from a seed."""

import csv
import io
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.integration.item_model import ItemModel, Properties

KEY = "key"
ITEMS = 1500
IDS = ITEMS // 3
BAD_SHARE = 0.02
_ACTIONS = ["Create", "Update", "Merge", "Delete", None]

# Items that are rejected, and with which code.
BAD_ITEMS: dict[str, dict[str, Any] | list[Any]] = {
    "not_an_object": [1],
    "invalid_headers": {"headers": 1, "data": {KEY: "bad"}},
    "invalid_data": {"headers": {}, "data": "bad"},
    "unknown_action": {"headers": {"action": "Remove"}, "data": {KEY: "bad"}},
    "wrong_type": {"headers": {"type": "Csv"}, "data": {KEY: "bad"}},
    "invalid_key": {"headers": {"action": "Delete"}, "data": {"n": 1}},
    "nul_character": {"headers": {}, "data": {KEY: "bad", "text": "\0"}},
}
# Only the database refuses it.
POISON = '{"headers":{"action":"Merge"},"data":{"key":"poison","n":0e9999999999}}'

# Rows that are rejected, and with which code.
BAD_ROWS = {"ragged_row": ["bad", "too", "many", "cells"], "invalid_key": ["", "without a key", "1"]}


@dataclass
class BatchOrder:
    """One file, what is there before, and what must come of it."""

    item_type: str
    form: dict[str, str]
    there_before: dict[str, Properties]
    model: ItemModel
    file: bytes = b""
    rejected: list[tuple[int, str]] = field(default_factory=list)  # line of the file, code

    @property
    def path(self) -> str:
        """Of its collection."""
        return f"/{self.item_type}"

    @property
    def told(self) -> dict[str, Any]:
        """What the job says in the end."""
        outcomes = {name: self.model.outcomes[name] for name in ("created", "updated", "deleted", "skipped")}
        outcomes |= {"rejected": len(self.rejected)}
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items() if count)
        return {
            "status": "Completed",
            "reason": f"The file has been processed: {counted}",
            "recordsProcessed": str(sum(outcomes.values())),
            "recordsRejected": str(len(self.rejected)),
        }


def batch_orders(dice: Random) -> list[BatchOrder]:
    """Items of every action, and rows of CSV; some are bad."""
    return [_items(dice), _rows(dice)]


def _items(dice: Random) -> BatchOrder:
    order = _order(dice, "Item", merges=False, contentType="application/json")
    lines = [_item(dice, order, line_number) for line_number in range(1, ITEMS + 1)]
    order.file = "".join(f"{line}\n" for line in lines).encode()
    return order


def _item(dice: Random, order: BatchOrder, line_number: int) -> str:
    if line_number == ITEMS // 2:
        order.rejected.append((line_number, "refused_by_database"))
        return POISON
    if dice.random() < BAD_SHARE:
        code = dice.choice(sorted(BAD_ITEMS))
        order.rejected.append((line_number, code))
        return json.dumps(BAD_ITEMS[code])
    action = dice.choice(_ACTIONS)
    data = {KEY: dice.choice(_ids()), dice.choice("abc"): dice.randrange(1000)}
    order.model.apply(action, data)
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


def _row(dice: Random, order: BatchOrder, line_number: int) -> list[str]:
    if dice.random() < BAD_SHARE:
        code = dice.choice(sorted(BAD_ROWS))
        order.rejected.append((line_number, code))
        return BAD_ROWS[code]
    text = dice.choice(["a row", "one, two", "of two\nlines"])
    data = {KEY: dice.choice(_ids()), "text": text, "n": str(dice.randrange(1000))}
    order.model.apply(None, data)
    return list(data.values())


def _order(dice: Random, item_type: str, *, merges: bool, **form: str) -> BatchOrder:
    before = {name: {KEY: name, "before": True} for name in dice.sample(_ids(), IDS // 3)}
    form |= {"itemType": item_type, "merge": json.dumps(merges)}
    return BatchOrder(item_type, form, before, ItemModel(before, key=KEY, merges=merges))


def _ids() -> list[str]:
    return [f"i{number:04}" for number in range(IDS)]
