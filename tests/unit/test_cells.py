"""Cells as typed properties."""

import orjson
import pytest

from shared.formats.cells import TYPES, CellRefused, CellTypes
from shared.formats.items import ItemReader, ItemType
from shared.formats.reading import CsvLayout, FileReading, file_reader
from shared.instructions import Checkpoint, Instruction, Rejection
from shared.templates.budget import Budget


def read(header: list[str], row: bytes, *, key: str = "id", **layout: object) -> Instruction | Rejection:
    """What becomes of a row of commas."""
    csv = CsvLayout(header=header, delimiter=",", **layout)  # type: ignore[arg-type]
    reading = FileReading(item_type="A", key=key, merges=False, csv=csv)
    reader = file_reader(reading, lambda _: "made", Budget(60))
    [(outcome, _, _)] = reader.read([[row + b"\n"]], Checkpoint(0, 0))
    assert outcome is not None
    return outcome


def properties(header: list[str], row: bytes, **layout: object) -> bytes:
    outcome = read(header, row, **layout)
    assert isinstance(outcome, Instruction), outcome
    return outcome.properties


TYPED = {
    "text by default": (None, b"0017", b'"0017"'),
    "string": ("string", b"true", b'"true"'),
    "date": ("date", b"2014-02-01", b'"2014-02-01"'),
    "dimension": ("dimension", b"/Account/accountClass[invoiced]", b'"/Account/accountClass[invoiced]"'),
    "int": ("int", b"-17", b"-17"),
    "a number keeps its digits": ("decimal", b"12345678901234567890.10", b"12345678901234567890.10"),
    "an exponent": ("decimal", b"1e5", b"1e5"),
    "true": ("boolean", b"TRUE", b"true"),
    "1 is true": ("boolean", b"1", b"true"),
    "no is false": ("boolean", b"no", b"false"),
    "a list": ("list", b'"[""a"",1.50]"', b'["a",1.50]'),
    "a block": ("block", b'"{""a"":{}}"', b'{"a":{}}'),
    "any JSON": ("jsonElement", b"null", b"null"),
}


@pytest.mark.parametrize(("kind", "cell", "value"), TYPED.values(), ids=TYPED.keys())
def test_a_cell_is_what_its_type_says(kind: str | None, cell: bytes, value: bytes):
    types = {} if kind is None else {"x": kind}

    assert properties(["id", "x"], b"1," + cell, types=types) == b'{"id":"1","x":' + value + b"}"


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("int", b"many"),
        ("int", b"007"),
        ("decimal", b'"1,5"'),
        ("decimal", b"NaN"),
        ("decimal", b"true"),
        ("decimal", b"1e999"),
        ("boolean", b"maybe"),
        ("list", b"[1"),
        ("list", b"a;b"),
        ("block", b"[" * 600 + b"]" * 600),
    ],
)
def test_a_cell_that_is_not_of_its_type_rejects_the_row(kind: str, cell: bytes):
    rejected = read(["id", "x"], b"1," + cell, types={"x": kind})

    assert isinstance(rejected, Rejection)
    assert (rejected.code, rejected.reason) == ("invalid_cell", f"The cell under x is not of type {kind}.")


def test_an_empty_cell_is_no_property():
    assert properties(["id", "x", "y"], b"1,,", types={"x": "int"}) == b'{"id":"1"}'


def test_dots_make_objects():
    header = ["id", "address.city", "address.zip", r"a\.b"]

    found = properties(header, b"1,Hull,17,x", types={"address.zip": "int"})

    assert orjson.loads(found) == {"id": "1", "address": {"city": "Hull", "zip": 17}, "a.b": "x"}


def test_a_wrong_cell_is_named_among_dots_and_good_ones():
    rejected = read(["id", "a.b", "n"], b"1,x,y", types={"n": "int", "a.b": "string"})

    assert rejected.reason == "The cell under n is not of type int."  # type: ignore[union-attr]


class TestTheKey:
    def test_is_the_documentid_and_stays_a_property(self):
        row = read(["id", "x"], b"17,a")

        assert isinstance(row, Instruction)
        assert (row.documentid, row.properties) == ("17", b'{"id":"17","x":"a"}')

    def test_may_be_a_number(self):
        row = read(["id"], b"17.0", types={"id": "decimal"})

        assert isinstance(row, Instruction)
        assert (row.documentid, row.properties) == ("17.0", b'{"id":17.0}')

    def test_is_no_property_where_there_is_no_primary_key(self):
        row = read(["documentid", "x"], b"17,a", key="documentid")

        assert isinstance(row, Instruction)
        assert (row.documentid, row.properties) == ("17", b'{"x":"a"}')

    @pytest.mark.parametrize("row", [b",a", b"a/b,a", b"'=a/b,a"])
    def test_that_cannot_be_an_id_rejects_the_row(self, row: bytes):
        assert read(["id", "x"], row).code == "invalid_key"  # type: ignore[union-attr]

    def test_that_is_no_column_rejects_each_row(self):
        assert read(["x"], b"a").code == "invalid_key"  # type: ignore[union-attr]

    def test_that_is_no_column_is_made_where_there_is_no_primary_key(self):
        assert read(["x"], b"a", key="documentid").documentid == "made"

    def test_may_not_be_true(self):
        assert read(["id"], b"true", types={"id": "boolean"}).code == "invalid_key"  # type: ignore[union-attr]


def test_columns_may_be_the_parts_of_an_item():
    row = read(["headers.action", "data.id", "data.x"], b"Delete,7,a")

    assert isinstance(row, Instruction)
    assert (row.operation, row.documentid, row.properties) == ("delete", "7", b'{"id":"7","x":"a"}')


def test_a_nul_rejects_the_row_and_names_the_document():
    rejected = read(["id", "x"], b"1,a\0b")

    assert isinstance(rejected, Rejection)
    assert (rejected.code, rejected.documentid) == ("nul_character", "1")


def test_text_that_only_looks_like_a_nul_is_none():
    assert properties(["id", "x"], rb"1,\u0000") == rb'{"id":"1","x":"\\u0000"}'


class TestTemplates:
    def test_a_template_makes_an_item_of_a_row(self):
        row = read(["nr", "name"], b"7,ann", template='{"id": "$nr", "name": "$text.upper($name)"}')

        assert isinstance(row, Instruction)
        assert (row.documentid, orjson.loads(row.properties)) == ("7", {"id": "7", "name": "ANN"})

    def test_types_do_not_matter_and_empty_cells_are_empty_texts(self):
        row = read(["id", "n"], b"7,", template='{"id":"$id","n":"[$n]"}', types={"n": "int"})

        assert row.properties == b'{"id":"7","n":"[]"}'  # type: ignore[union-attr]

    def test_a_text_that_was_escaped_for_spreadsheets_comes_as_it_was(self):
        row = read(["id", "n"], b"7,'=1", template='{"id":"$id","n":"$n"}')

        assert row.properties == b'{"id":"7","n":"=1"}'  # type: ignore[union-attr]

    def test_a_failure_rejects_the_row_with_line_and_cause(self):
        rejected = read(["id"], b"7", template='{"id":\n "$text.substring($id, $id)"}')

        assert isinstance(rejected, Rejection)
        assert rejected.code == "template_refused"
        assert rejected.reason.startswith("Template line 2: ")

    def test_what_is_no_item_rejects_the_row(self):
        rejected = read(["id"], b"7", template="id=$id")
        assert isinstance(rejected, Rejection)
        assert rejected.code == "invalid_json"
        assert rejected.reason.startswith("The template's text is not valid JSON: ")


def test_every_type_can_be_read():
    for kind in TYPES:
        assert CellTypes(["x"], {"x": kind}).properties([""]) == {}


def test_the_message_of_a_refused_cell_does_not_hold_it():
    with pytest.raises(CellRefused) as refused:
        CellTypes(["x"], {"x": "int"}).properties(["secret"])

    assert "secret" not in str(refused.value)


def test_rows_and_items_ask_for_the_same():
    items = ItemReader(ItemType("A", "id", merges=True), lambda _: None)

    by_text = items.read_text(b'{"id":"1","x":"a"}', (1, 0, 5))
    by_row = items.read_properties({"id": "1", "x": "a"}, (1, 0, 5))

    assert by_row == by_text


def test_cells_with_numbers_that_grow_too_long_are_rejected():
    """Each is short where it is kept, and all of them together could not be read back."""
    items = ItemReader(ItemType("T", "id", merges=False), str)
    cells = CellTypes(["id", "x"], {"x": "list"})

    outcomes = [
        items.read_properties(cells.properties(["1", f"[{'1e-16000,' * count}0]"]), (1, 0, 5))
        for count in (1000, 2000)
    ]

    assert [getattr(outcome, "code", "accepted") for outcome in outcomes] == ["accepted", "numbers_too_long"]
