"""Documents as JSON, as CSV and as a template makes them."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from shared.formats.csv_header import MAX_COLUMNS
from shared.formats.portions import Portion, QueryRow, Row, StoredDocuments
from shared.formats.records import ColumnFinder, Columns, RecordRefused, named
from shared.formats.rendering import CsvRenderer, JsonRenderer, Renderer, TemplateRenderer
from shared.templates.budget import Budget
from shared.templates.errors import TemplateRefused
from shared.templates.velocity import compile_template

KEY = "id"


def written(renderer: Renderer, *rows: Row) -> bytes:
    """A file of these documents."""
    texts = map(renderer.text, portions_of(rows))
    return renderer.begin + renderer.separator.join(texts) + renderer.end


def portions_of(rows: Iterable[Row]) -> list[Portion]:
    """Stored documents together; rows of a query, which have no ids, one by one."""
    found: list[Portion] = [QueryRow(properties) for documentid, properties in rows if documentid is None]
    lines = [b"%b\x01%b\n" % (name.encode(), properties) for name, properties in rows if name is not None]
    return [*found, StoredDocuments(b"".join(lines))] if lines else found


def columns_of(rows: Sequence[Row], **types: str) -> Columns:
    finder = ColumnFinder(Columns.of_items(types, KEY), KEY)
    for portion in portions_of(rows):
        finder.meet(portion)
    return finder.columns()


def table(*rows: Row, has_header: bool = True, **types: str) -> bytes:
    return written(CsvRenderer(columns_of(rows, **types), key=KEY, has_header=has_header), *rows)


class TestJson:
    def test_a_list_of_items(self):
        text = written(JsonRenderer("Account", "work"), ("A1", b'{"n": 1.10}'), ('a"\\é', b"{}"))

        assert json.loads(text, parse_float=Decimal) == [
            {
                "headers": {"category": "work", "type": "Account", "id": "A1"},
                "data": {"n": Decimal("1.10")},
            },
            {"headers": {"category": "work", "type": "Account", "id": 'a"\\é'}, "data": {}},
        ]
        assert b'{"n": 1.10}' in text

    def test_rows_of_a_query_are_plain(self):
        assert json.loads(written(JsonRenderer("A", "entity"), (None, b'{"a":1}'), (None, b'{"a":2}'))) == [
            {"a": 1},
            {"a": 2},
        ]

    def test_nothing_is_an_empty_list(self):
        assert written(JsonRenderer("A", "entity")) == b"[]\n"


class TestColumns:
    def test_the_schema_comes_first_and_then_what_is_met(self):
        rows: list[Row] = [("1", b'{"id":"1","z":1,"b":{"y":1,"x":2}}'), ("2", b'{"a":1}')]

        assert columns_of(rows, name="string", id="string").names == ("name", "id", "z", "b.y", "b.x", "a")

    def test_a_key_that_is_not_in_the_schema_comes_before_all(self):
        assert columns_of([("1", b'{"a":1,"id":"1"}')], name="string").names == ("id", "name", "a")

    def test_json_of_the_schema_is_not_taken_apart(self):
        assert columns_of([("1", b'{"b":{"x":1}}')], b="block").names == ("id", "b")

    def test_columns_of_a_query_are_not_taken_apart(self):
        columns = Columns.of_query(["data", "a.b"])
        text = written(CsvRenderer(columns, key=KEY, has_header=True), (None, b'{"data":{"x":1},"a.b":"t"}'))

        assert text == b'data,a\\.b\r\n"{""x"":1}",t\r\n'


class TestCsv:
    def test_rows_under_a_header(self):
        assert table(("1", b'{"id":"1","name":"Ann","tags":["a"]}'), ("2", b'{"id":"2","age":1.50}')) == (
            b'id,name,tags,age\r\n1,Ann,"[""a""]",\r\n2,,,1.50\r\n'
        )

    def test_rows_without_header(self):
        assert table(("1", b'{"id":"1"}'), has_header=False) == b"1\r\n"

    def test_a_document_that_does_not_name_itself_is_named(self):
        assert table(("A7", b'{"x":1}')) == b"id,x\r\nA7,1\r\n"

    def test_the_property_wins_over_the_id(self):
        assert table(("1.0", b'{"id":1.0}')) == b"id\r\n1.0\r\n"

    def test_quotes_separators_and_line_ends(self):
        text = table(("1", b'{"id":"a,\\"b\\"\\r\\n\\rc"}'))

        assert list(csv.reader(io.StringIO(text.decode(), newline=""))) == [["id"], ['a,"b"\r\n\rc']]

    def test_nothing_in_it_is_a_formula(self):
        text = table(("1", b'{"id":"=1+1","@name":"+1","n":-1}'))

        assert text == b"id,'@name,n\r\n'=1+1,'+1,-1\r\n"

    @pytest.mark.parametrize(
        ("value", "cell"), [(b'"a"', b'"""a"""'), (b"null", b"null"), (b"{}", b"{}"), (b"1.0", b"1.0")]
    )
    def test_json_of_the_schema_is_always_json(self, value: bytes, cell: bytes):
        assert (
            table(("1", b'{"id":"1","j":%b}' % value), id="string", j="jsonElement")
            == b"id,j\r\n1,%b\r\n" % cell
        )

    def test_every_digit_is_kept(self):
        number = b"12345678901234567890123.4500"

        assert table(("1", b'{"id":"1","n":%b,"m":%b}' % (number, b"9" * 40))).endswith(
            number + b"," + b"9" * 40 + b"\r\n"
        )

    def test_nothing_is_a_header_at_most(self):
        assert table() == b"id\r\n"
        assert table(has_header=False) == b""


class TestTemplates:
    def render(self, template: str, *rows: Row) -> bytes:
        return written(TemplateRenderer(compile_template(template), Budget(60), key=KEY), *rows)

    def test_one_text_a_document(self):
        rows: list[Row] = [("1", b'{"name":"Ann","n":1.10}'), ("2", b'{"name":"Bo","n":2}')]

        assert self.render("$id;$name;$item.n", *rows) == b"1;Ann;1.10\n2;Bo;2\n"

    def test_a_line_end_is_added_only_where_there_is_none(self):
        assert self.render("$name\n", ("1", b'{"name":"Ann"}')) == b"Ann\n"

    def test_a_document_without_text_leaves_no_line(self):
        """The guide said so, and there was an empty line."""
        rows: list[Row] = [(name, b'{"age":%d}' % age) for name, age in (("1", 17), ("2", 18))]

        assert self.render("#if ($age >= 18)\n$age\n#end", *rows) == b"18\n"

    def test_a_failure_names_line_and_cause(self):
        with pytest.raises(TemplateRefused, match="Template line 2: "):
            self.render("\n$text.substring($name, $name)", ("1", b'{"name":"Ann"}'))


def test_a_number_that_python_does_not_read_is_refused():
    with pytest.raises(RecordRefused, match="export as JSON"):
        named("1", b'{"n":' + b"1" * 5000 + b"}", KEY)


def test_documents_are_values_that_keep_every_digit():
    values: dict[str, Any] = named("1", b'{"n":1.10}', KEY)

    assert (values, str(values["n"])) == ({"n": Decimal("1.10"), "id": "1"}, "1.10")


NAME = "n" * 100_000
WIDE = {
    "very many properties": [b"{%b}" % b",".join(b'"%d":1' % n for n in range(MAX_COLUMNS))],
    "one more in each of very many items": [b'{"%d":1}' % n for n in range(MAX_COLUMNS)],
    "many parts of a long name": [
        b'{"%b":{%b}}' % (NAME.encode(), b",".join(b'"%d":1' % n for n in range(300)))
    ],
    "long names inside of each other": [b'{"%b":' % NAME.encode() * 30 + b"1" + b',"a":1}' * 30],
    "a long name in each of many items": [b'{"%d%b":1}' % (n, NAME.encode()) for n in range(300)],
}


@pytest.mark.parametrize("documents", WIDE.values(), ids=WIDE)
def test_items_that_are_too_wide_for_a_table(documents: list[bytes]):
    """One of 20 MB could have names of gigabytes, since each one repeats those of the objects it is in."""
    rows = [(str(n), document) for n, document in enumerate(documents)]

    with pytest.raises(RecordRefused, match=f"more than {MAX_COLUMNS} columns"):
        columns_of(rows)


def test_as_many_columns_as_a_table_may_have():
    document = b"{%b}" % b",".join(b'"%d":1' % n for n in range(MAX_COLUMNS - 1))

    assert len(columns_of([("1", document)]).names) == MAX_COLUMNS
