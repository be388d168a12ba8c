"""Items of the Liquid Decisions API as instructions: `{"headers": ..., "data": ...}`, or plain data.

The item type's primary key, a property of the data, is the document's id, and stays a property.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.formats.batching import MakeDocumentid, Outcome, Read
from shared.formats.json_lines import (
    BLANK,
    NUL_CHARACTER,
    Refusal,
    cut_out,
    holds_nul,
    parse_object,
    rejection,
)
from shared.instructions import CREATING, Checkpoint, Instruction, Operation, is_usable_documentid

DOCUMENTID = "documentid"

BAD_HEADERS = Refusal("invalid_headers", "The item's headers are not an object: {...} is expected.")
UNKNOWN_ACTION = Refusal("unknown_action", "The item's action is none of Create, Update, Merge, Delete.")
BAD_DATA = Refusal("invalid_data", "The item's data is not an object: {...} is expected.")


@dataclass(frozen=True, slots=True)
class ItemType:
    """What is known of the items of one import."""

    name: str
    key: str  # the property that is the document's id
    merges: bool  # whether an item without an action merges into the stored one, or replaces it

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What each action in an item's headers asks for."""
        usual = self.usual_operation
        return {
            "create": Operation.CREATE,
            "update": usual,
            "merge": Operation.MERGE,
            "delete": Operation.DELETE,
        }

    @property
    def usual_operation(self) -> Operation:
        """What an item without an action asks for."""
        return Operation.MERGE if self.merges else Operation.REPLACE


class ItemReader:
    """Reads items, one a line or one at a time."""

    def __init__(self, item_type: ItemType, make_documentid: MakeDocumentid) -> None:
        """`make_documentid` serves item types that have no primary key."""
        self._type = item_type
        self._operations = item_type.operations
        self._make_documentid = make_documentid

    def read(self, lines: Iterable[bytes], start: Checkpoint) -> Iterator[Read]:
        """What each line of a block asks for, from `start` on."""
        offset, number = start
        for line in lines:
            number += 1
            yield Read(self.read_line(line, number, offset), len(line), 1)
            offset += len(line)

    def read_line(self, line: bytes, number: int, offset: int) -> Outcome:
        """What one line asks for."""
        text = line.strip(BLANK)
        return self.read_item(text, line, number, offset) if text else None

    def read_item(self, text: bytes, line: bytes, number: int, offset: int) -> Outcome:
        """What the item `text`, which came as `line`, asks for."""
        item = parse_object(text)
        if isinstance(item, Refusal):
            return rejection(line, number, offset, item)
        operation = self._operation(item)
        if isinstance(operation, Refusal):
            return rejection(line, number, offset, operation)
        if "headers" in item and "data" in item:
            text, _ = cut_out(text, "data")
            headers, item = item["headers"], item["data"]
            if type(item) is not dict:
                return rejection(line, number, offset, BAD_DATA)
            if "id" in headers and self._type.key not in item:
                return self._instruction(item, text, line, number, offset, operation, headers["id"])
        return self._instruction(item, text, line, number, offset, operation)

    def _operation(self, item: Mapping[str, object]) -> Operation | Refusal:
        if "headers" not in item or "data" not in item:
            return self._type.usual_operation
        headers = item["headers"]
        if not isinstance(headers, dict):
            return BAD_HEADERS
        named = headers.get("type")
        if named is not None and named != self._type.name:
            return Refusal("wrong_type", f"The item's type is not {self._type.name}, the one imported.")
        action = headers.get("action")
        if action is None:
            return self._type.usual_operation
        known = self._operations.get(action.lower()) if isinstance(action, str) else None
        return known or UNKNOWN_ACTION

    def _instruction(
        self,
        properties: dict[str, object],
        text: bytes,
        line: bytes,
        number: int,
        offset: int,
        operation: Operation,
        header_id: object = None,  # what an export wrote beside data that does not name itself
    ) -> Outcome:
        given = properties.get(self._type.key, header_id)
        if holds_nul(text, properties):
            return rejection(line, number, offset, NUL_CHARACTER, given)
        documentid = self._documentid(given, text, number, operation)
        if isinstance(documentid, Refusal):
            return rejection(line, number, offset, documentid)
        if self._type.key == DOCUMENTID and DOCUMENTID in properties:
            _, text = cut_out(text, DOCUMENTID)
        return Instruction(number, offset, len(line), operation, documentid, text)

    def _documentid(self, given: object, text: bytes, number: int, operation: Operation) -> str | Refusal:
        key = self._type.key
        if given is None and key == DOCUMENTID and operation in CREATING:
            made = self._make_documentid(number)
            if made is not None:
                return made
        if type(given) is int or type(given) is float:
            given = cut_out(text, key)[0].decode()
        if isinstance(given, str) and is_usable_documentid(given):
            return given
        return Refusal("invalid_key", f"The item's {key}, its primary key, is missing or cannot be an id.")
