"""Items of the Liquid Decisions API as instructions: `{"headers": ..., "data": ...}`, or plain data.

The item type's primary key, a property of the data, is the document's id, and stays a property.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, DecimalException, Inexact, InvalidOperation
from itertools import chain
from typing import Any

import msgspec
import orjson

from shared.formats.batching import MakeDocumentid, Outcome, Read
from shared.formats.json_lines import (
    BLANK,
    NUL_CHARACTER,
    Place,
    Refusal,
    cut_out,
    grows_too_large,
    holds_nul,
    parse_object,
    rejection_at,
)
from shared.instructions import (
    CREATING,
    MAX_DOCUMENTID_CHARACTERS,
    Checkpoint,
    Instruction,
    Operation,
    is_usable_documentid,
)

DOCUMENTID = "documentid"
DATA = "data"
ENTITY = "entity"
CATEGORIES = (ENTITY, "work")

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
        self.item_type = item_type
        self._operations = item_type.operations
        self._usual_operation = item_type.usual_operation
        self._make_documentid = make_documentid

    def read(self, groups: Iterable[Sequence[bytes]], start: Checkpoint) -> Iterator[Read]:
        """What each line of a block asks for, from `start` on."""
        offset, number = start
        for line in chain.from_iterable(groups):
            number += 1
            yield self.read_line(line, number, offset), len(line), 1
            offset += len(line)

    def read_line(self, line: bytes, number: int, offset: int) -> Outcome:
        """What one line asks for."""
        text = line.strip(BLANK)
        return self.read_item(text, line, number, offset) if text else None

    def read_item(self, text: bytes, line: bytes, number: int, offset: int) -> Outcome:
        """What the item `text`, which came as `line`, asks for."""
        return self.read_text(text, (number, offset, len(line)))

    def read_text(self, text: bytes, place: Place) -> Outcome:
        """What the item `text` asks for."""
        item = parse_object(text)
        if isinstance(item, Refusal):
            return rejection_at(place, item)
        operation = self._operation(item)
        if isinstance(operation, Refusal):
            return rejection_at(place, operation)
        if "headers" not in item or DATA not in item:
            return self._instruction(item, text, place, operation, _given(item, text, self.item_type.key))
        headers, data = item["headers"], item[DATA]
        if type(data) is not dict:
            return rejection_at(place, BAD_DATA)
        data_text = bytes(_data_of(text).data)
        if "id" in headers and self.item_type.key not in data:
            # What an export wrote beside data that does not name itself.
            given = _given(headers, cut_out(text, "headers")[0], "id")
        else:
            given = _given(data, data_text, self.item_type.key)
        return self._instruction(data, data_text, place, operation, given)

    def read_properties(self, properties: dict[str, Any], place: Place) -> Outcome:
        """What an item asks for that was made here, of texts and numbers: it needs no second look."""
        given = properties.get(self.item_type.key)
        if type(given) is str and is_usable_documentid(given) and DATA not in properties:
            text = _encode(self._kept(properties))
            if not (b"\\" in text and b"\\u0000" in text) and not grows_too_large(text):
                return Instruction(*place, self._usual_operation, given, text)
        return self.read_text(_encode(properties), place)

    def _operation(self, item: Mapping[str, Any]) -> Operation | Refusal:
        if "headers" not in item or DATA not in item:
            return self._usual_operation
        headers = item["headers"]
        if not isinstance(headers, dict):
            return BAD_HEADERS
        named = headers.get("type")
        if named is not None and named != self.item_type.name:
            return Refusal("wrong_type", f"The item's type is not {self.item_type.name}, the one imported.")
        action = headers.get("action")
        if action is None:
            return self._usual_operation
        known = self._operations.get(action.lower()) if isinstance(action, str) else None
        return known or UNKNOWN_ACTION

    def _instruction(
        self, properties: Mapping[str, Any], text: bytes, place: Place, operation: Operation, given: object
    ) -> Outcome:
        """`given` is the documentid, if it can be one."""
        if holds_nul(text, properties):
            return rejection_at(place, NUL_CHARACTER, given)
        if self.item_type.key == DOCUMENTID and DOCUMENTID in properties:
            _, text = cut_out(text, DOCUMENTID)
        return self._named(text, place, operation, given)

    def _named(self, text: bytes, place: Place, operation: Operation, given: object) -> Outcome:
        documentid = self._documentid(given, place, operation)
        if documentid is None:
            return rejection_at(place, self._without_id(text, given))
        return Instruction(*place, operation, documentid, text)

    def _kept(self, properties: dict[str, Any]) -> dict[str, Any]:
        """What is stored as a document's properties: an id that is not a property of its own is not."""
        if self.item_type.key != DOCUMENTID:
            return properties
        kept = properties.copy()
        kept.pop(DOCUMENTID, None)
        return kept

    def _documentid(self, given: object, place: Place, operation: Operation) -> str | None:
        if given is None and self.item_type.key == DOCUMENTID and operation in CREATING:
            number, _, _ = place
            return self._make_documentid(number)
        return given if isinstance(given, str) and is_usable_documentid(given) else None

    def _without_id(self, text: bytes, given: object) -> Refusal:
        key = self.item_type.key
        names = orjson.loads(text) if given is None else ()
        other = next((name for name in names if name != key and name.lower() == key.lower()), None)
        reason = f"The item's {key}, its primary key, is missing or cannot be an id."
        if other is not None:
            reason = f"The item has {other}, expected {key}, its primary key: the same name in another case."
        return Refusal("invalid_key", reason)


class _Data(msgspec.Struct):
    data: msgspec.Raw


_data_of = msgspec.json.Decoder(_Data).decode
_encode = msgspec.json.Encoder().encode


# For numbers that may be ids. What is further from 1 could take all memory there is, once it is written out.
_ids = Context(
    prec=MAX_DOCUMENTID_CHARACTERS,
    Emin=-MAX_DOCUMENTID_CHARACTERS,
    Emax=MAX_DOCUMENTID_CHARACTERS,
    traps=[Inexact, InvalidOperation],
)


def _given(properties: Mapping[str, Any], text: bytes, name: str) -> object:
    """The property `name` of the object `text`, or None; a number that may be an id as exports give it."""
    value = properties.get(name)
    if type(value) is int or type(value) is float:
        return _as_kept(cut_out(text, name)[0].decode()) or value
    return value


def _as_kept(number: str) -> str | None:
    """Its digits as `jsonb` keeps them: without an exponent, and no zero below zero; None of too many."""
    try:
        value = _ids.create_decimal(number)
    except DecimalException:
        return None
    return format(value or value.copy_abs(), "f")
