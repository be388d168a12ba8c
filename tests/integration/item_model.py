"""What items do, said a second time: documents in a plain dictionary, items applied one by one."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

Properties = dict[str, Any]


class ItemModel:
    """Documents, and how many items had which outcome."""

    def __init__(self, stored: Mapping[str, Properties], *, key: str, merges: bool) -> None:
        """`merges`: an item without an action, or with Update, is merged into the stored one."""
        self.documents = dict(stored)
        self.outcomes: Counter[str] = Counter()
        self._key = key
        self._merges = merges

    def apply(self, action: str | None, data: Properties) -> None:
        name = data[self._key]
        if action == "Delete":
            self.outcomes["deleted" if self.documents.pop(name, None) is not None else "skipped"] += 1
        elif name not in self.documents:
            self.documents[name] = data
            self.outcomes["created"] += 1
        elif action == "Create":
            self.outcomes["skipped"] += 1
        else:
            does_merge = self._merges or action == "Merge"
            self.documents[name] = self.documents[name] | data if does_merge else data
            self.outcomes["updated"] += 1
