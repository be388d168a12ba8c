"""What an item asks for: its action, its id, its properties as they were written."""

from typing import Any

import orjson
import pytest

from shared.formats.items import ItemReader, ItemType
from shared.instructions import Checkpoint, Instruction, Operation, Rejection

KEY = "accountId"


def a_reader(*, key: str = KEY, merges: bool = False) -> ItemReader:
    return ItemReader(ItemType("Account", key, merges), lambda number: f"made-{number}")


def read(item: Any, **reader: Any) -> Any:
    """What becomes of an item, or of its text."""
    text = item if isinstance(item, bytes) else orjson.dumps(item)
    return a_reader(**reader).read_line(text + b"\n", 1, 0)


def an_item(action: object = None, data: object = None, **headers: object) -> dict[str, object]:
    given = headers if action is None else headers | {"action": action}
    return {"headers": given, "data": {KEY: "A1", "name": "Ann"} if data is None else data}


@pytest.mark.parametrize(
    ("action", "merges", "operation"),
    [
        ("Create", False, Operation.CREATE),
        ("Create", True, Operation.CREATE),
        ("Update", False, Operation.REPLACE),
        ("Update", True, Operation.MERGE),
        ("Merge", False, Operation.MERGE),
        ("Merge", True, Operation.MERGE),
        ("Delete", False, Operation.DELETE),
        ("delete", True, Operation.DELETE),
        (None, False, Operation.REPLACE),
        (None, True, Operation.MERGE),
    ],
)
def test_the_action_and_merge_say_what_is_done(action: str | None, merges: bool, operation: Operation):
    assert read(an_item(action), merges=merges).operation == operation


def test_a_plain_object_is_an_item_without_action():
    line = read({KEY: "A1", "name": "Ann"})

    assert (line.operation, line.documentid) == (Operation.REPLACE, "A1")
    assert line.properties == b'{"accountId":"A1","name":"Ann"}'


def test_properties_are_the_data_with_the_key_in_it():
    assert read(an_item("Merge")).properties == b'{"accountId":"A1","name":"Ann"}'


def test_data_stays_as_it_was_written():
    data = rb'{"accountId": 1.50, "n": 12345678901234567890.10, "e": 1e5, "t": "\u00e9\/"}'

    line = read(b'{"headers": {"type": "Account"}, "data": ' + data + b"}")

    assert (line.documentid, line.properties) == ("1.50", data)


@pytest.mark.parametrize(
    ("written", "documentid"),
    [
        (b'"7"', "7"),
        (b"7", "7"),
        (b"7.10", "7.10"),
        (b"1e3", "1000"),
        (b"-1.5E-3", "-0.0015"),
        (b"-0", "0"),
        (b"-0.0", "0.0"),
        (b"12345678901234567890", "12345678901234567890"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [b'{"accountId":%b}', b'{"headers":{},"data":{"accountId":%b}}', b'{"headers":{"id":%b},"data":{}}'],
    ids=["plain", "in data", "in headers"],
)
def test_numbers_are_ids_with_the_digits_that_exports_give(text: bytes, written: bytes, documentid: str):
    assert read(text % written).documentid == documentid


@pytest.mark.parametrize(
    "number", [b"1e-256", b"1e-99999999999999", b"0e-9999999999999999999999", b"1" * 256, b"1." + b"1" * 255]
)
def test_a_number_of_too_many_digits_is_no_id_and_is_not_written_out(number: bytes):
    """One of 21 bytes took all memory there was."""
    assert read(b'{"accountId":%b}' % number).code == "invalid_key"


def test_the_key_wins_over_the_id_in_the_headers():
    assert read(an_item(id="other")).documentid == "A1"


def test_the_id_in_the_headers_names_data_that_does_not_name_itself():
    line = read(an_item(id="A7", data={"name": "Ann"}))

    assert (line.documentid, line.properties) == ("A7", b'{"name":"Ann"}')


class TestWithoutPrimaryKey:
    def test_documentid_is_taken_out_of_the_properties(self):
        line = read({"documentid": "7", "name": "Ann"}, key="documentid")

        assert (line.documentid, line.properties) == ("7", b'{"name":"Ann"}')

    def test_an_item_that_names_nothing_gets_an_id(self):
        assert read({"name": "Ann"}, key="documentid").documentid == "made-1"

    @pytest.mark.parametrize("action", ["Delete"])
    def test_an_item_that_creates_nothing_gets_none(self, action: str):
        assert read(an_item(action, data={"name": "Ann"}), key="documentid").code == "invalid_key"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (an_item("Replace"), "unknown_action"),
        (an_item(7), "unknown_action"),
        ({"headers": [], "data": {}}, "invalid_headers"),
        ({"headers": {}, "data": []}, "invalid_data"),
        ({"headers": {"id": 5}, "data": "text"}, "invalid_data"),
        (an_item(type="Movie"), "wrong_type"),
        ({"name": "Ann"}, "invalid_key"),
        ({KEY: None}, "invalid_key"),
        ({KEY: True}, "invalid_key"),
        ({KEY: ["A1"]}, "invalid_key"),
        ({KEY: ""}, "invalid_key"),
        ({KEY: "a/b"}, "invalid_key"),
        ({KEY: "x" * 256}, "invalid_key"),
        (an_item(id="a/b", data={}), "invalid_key"),
        ({KEY: "A1", "name": "\0"}, "nul_character"),
        (b"[1]", "not_an_object"),
        (b"7", "not_an_object"),
        (b'{"accountId":', "invalid_json"),
        (b'{"accountId":NaN}', "not_a_number"),
        (rb'{"accountId":"\ud800"}', "lone_surrogate"),
        (b'{"accountId":"\xff"}', "invalid_utf8"),
    ],
)
def test_a_wrong_item_is_rejected(item: Any, code: str):
    rejected = read(item)

    assert isinstance(rejected, Rejection)
    assert (rejected.code, rejected.line_number) == (code, 1)


@pytest.mark.parametrize(
    "item",
    [
        {"accountid": "A1"},
        {"x": 1, "ACCOUNTID": "A1"},
        {KEY: None, "AccountId": "A1"},
        an_item(data={"accountID": "A1"}),
        an_item("Delete", data={"accountID": "A1"}),
    ],
)
def test_the_key_in_another_case_is_told_as_such(item: dict[str, Any]):
    rejected = read(item)

    [found] = {*item.get("data", item)} - {KEY, "x"}
    assert (rejected.code, rejected.reason) == (
        "invalid_key",
        f"The item has {found}, expected {KEY}, its primary key: the same name in another case.",
    )


def test_the_key_in_its_own_case_wins():
    assert read({"accountid": "other", KEY: "A1"}).documentid == "A1"


def test_a_rejection_names_the_document_where_it_can():
    assert read({KEY: "A1", "name": "\0"}).documentid == "A1"


def test_text_that_only_looks_like_a_nul_is_none():
    assert isinstance(read({KEY: "A1", "name": "\\u0000"}), Instruction)


def test_lines_are_counted_blank_ones_too():
    lines = [b'{"accountId":"1"}\n', b" \r\n", b'{"accountId":"2"}']

    found = list(a_reader().read([lines], Checkpoint(100, 10)))

    assert [(outcome and outcome.line_number, length, count) for outcome, length, count in found] == [
        (11, 18, 1),
        (None, 3, 1),
        (13, 17, 1),
    ]
    first, _, last = (outcome for outcome, _, _ in found)
    assert first is not None
    assert last is not None
    assert (first.offset, last.offset) == (100, 121)
