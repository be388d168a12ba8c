"""Files of items from the upload to the documents: actions, keys, schemas, templates."""

import csv
import io
from typing import Any

import orjson
import pytest

from api.usecases.jobs import JobRefused
from api.usecases.services import Service
from shared.ground import Ground
from shared.templates.errors import TemplateRefused
from tests.integration.builders import documents
from tests.integration.job_builders import (
    Job,
    a_file_import,
    an_export,
    an_item_type,
    exported,
    files_of,
    with_documents,
)

STORED: dict[str, object] = {"A1": {"accountId": "A1", "name": "Ann", "age": 41}}


def an_item(action: str | None, **data: Any) -> dict[str, Any]:
    headers = {"category": "entity", "type": "Account"}
    return {"headers": headers if action is None else headers | {"action": action}, "data": data}


def items(*given: Any) -> bytes:
    return orjson.dumps(given)


def imported(ground: Ground, service: Service, content: bytes, **order: Any) -> Job:
    """A completed import of the file."""
    job = a_file_import(ground, service, content, **order)
    shown = job.work_off()
    assert shown.view.status == "Completed", shown.view.reason
    return job


def table(*rows: tuple[object, ...]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


@pytest.mark.parametrize(
    "content",
    [
        b'[{"accountId":"A1","n":1.50},\n {"accountId":"A2"}]',
        b'{"accountId":"A1","n":1.50}\n{"accountId":"A2"}\n',
        b'[{"headers":{},"data":{"accountId":"A1","n":1.50}},{"headers":{},"data":{"accountId":"A2"}}]',
        b'{"headers":{},"data":{"accountId":"A1","n":1.50}}\n{"accountId":"A2"}',
    ],
    ids=["a list of objects", "objects one a line", "a list of items", "items one a line"],
)
def test_items_become_documents(ground: Ground, service: Service, content: bytes):
    an_item_type(ground, service)

    job = imported(ground, service, content)

    found = documents(ground, service, "/Account")
    assert {name: {k: str(v) for k, v in document.items()} for name, document in found.items()} == {
        "A1": {"accountId": "A1", "n": "1.50"},
        "A2": {"accountId": "A2"},
    }
    assert job.reason == "The file has been processed: 2 created"


ACTIONS = [
    (None, False, {"accountId": "A1", "x": 1}, "1 updated"),
    (None, True, {"accountId": "A1", "name": "Ann", "age": 41, "x": 1}, "1 updated"),
    ("Create", False, {"accountId": "A1", "name": "Ann", "age": 41}, "1 skipped"),
    ("Update", False, {"accountId": "A1", "x": 1}, "1 updated"),
    ("Update", True, {"accountId": "A1", "name": "Ann", "age": 41, "x": 1}, "1 updated"),
    ("Merge", False, {"accountId": "A1", "name": "Ann", "age": 41, "x": 1}, "1 updated"),
    ("Delete", False, None, "1 deleted"),
]


@pytest.mark.parametrize(("action", "merges", "after", "told"), ACTIONS)
def test_what_an_action_does_to_a_document_that_is_there(
    ground: Ground, service: Service, action: str | None, merges: bool, after: object, told: str
):
    an_item_type(ground, service)
    with_documents(ground, service, STORED)

    job = imported(ground, service, items(an_item(action, accountId="A1", x=1)), merges=merges)

    assert documents(ground, service, "/Account") == ({} if after is None else {"A1": after})
    assert job.reason == f"The file has been processed: {told}"


@pytest.mark.parametrize("merges", [False, True])
@pytest.mark.parametrize("action", [None, "Create", "Update", "Merge", "Delete"])
def test_what_an_action_does_to_a_document_that_is_not(
    ground: Ground, service: Service, action: str | None, merges: bool
):
    an_item_type(ground, service)

    job = imported(ground, service, items(an_item(action, accountId="A9", x=1)), merges=merges)

    expected = {} if action == "Delete" else {"A9": {"accountId": "A9", "x": 1}}
    assert documents(ground, service, "/Account") == expected
    assert job.reason.endswith("1 skipped" if action == "Delete" else "1 created")


def test_only_the_key_is_needed_to_delete(ground: Ground, service: Service):
    an_item_type(ground, service)
    with_documents(ground, service, STORED)

    imported(ground, service, items(an_item("Delete", accountId="A1")))

    assert documents(ground, service, "/Account") == {}


def test_lines_about_one_item_take_effect_in_order(ground: Ground, service: Service):
    an_item_type(ground, service)

    job = imported(
        ground,
        service,
        items(
            an_item("Create", accountId="A1", a=1),
            an_item("Merge", accountId="A1", b=2),
            an_item("Delete", accountId="A1"),
            an_item("Merge", accountId="A1", c=3),
            an_item("Create", accountId="A1", d=4),
        ),
    )

    assert documents(ground, service, "/Account") == {"A1": {"accountId": "A1", "c": 3}}
    assert job.reason == "The file has been processed: 2 created, 1 updated, 1 deleted, 1 skipped"


def test_bad_items_are_rejected_and_the_others_go_in(ground: Ground, service: Service):
    an_item_type(ground, service)
    good = {"accountId": "A1"}

    job = imported(ground, service, items(good, {"name": "x"}, an_item("Burn", accountId="A2"), 7))

    assert list(documents(ground, service, "/Account")) == ["A1"]
    assert job.rejected() == [(2, "invalid_key"), (3, "unknown_action"), (4, "not_an_object")]
    assert job.reason == "The file has been processed: 1 created, 3 rejected"


def test_without_primary_key_documentid_is_the_id_and_no_property(ground: Ground, service: Service):
    an_item_type(ground, service, "Note", key=None)

    imported(ground, service, items({"documentid": "n1", "x": 1}), item_type="Note")

    assert documents(ground, service, "/Note") == {"n1": {"x": 1}}


def test_without_primary_key_items_without_id_get_one_each(ground: Ground, service: Service):
    an_item_type(ground, service, "Note", key=None)

    imported(ground, service, items({"x": 1}, {"x": 1}), item_type="Note")

    found = documents(ground, service, "/Note")
    assert (len(found), list(found.values())) == (2, [{"x": 1}, {"x": 1}])


@pytest.mark.parametrize("content", [b"[]", b"\n", b" [ ] "])
def test_a_file_without_items_completes(ground: Ground, service: Service, content: bytes):
    an_item_type(ground, service)

    assert imported(ground, service, content).reason == "The file has been processed: no items"


class TestTables:
    def test_the_header_row_names_the_properties(self, ground: Ground, service: Service):
        an_item_type(ground, service)

        imported(
            ground,
            service,
            table(("accountId", "name", "address.city"), (1, "a\n'b", "Hull"), (2, "", "York")),
            is_csv=True,
            has_header_row=True,
        )

        assert documents(ground, service, "/Account") == {
            "1": {"accountId": "1", "name": "a\n'b", "address": {"city": "Hull"}},
            "2": {"accountId": "2", "address": {"city": "York"}},
        }

    def test_the_schema_gives_types(self, ground: Ground, service: Service):
        an_item_type(
            ground, service, fields={"accountId": "string", "n": "decimal", "ok": "boolean", "l": "list"}
        )

        job = imported(
            ground,
            service,
            table(
                ("accountId", "l", "ok", "n", "more"),
                (1, "[1]", "true", "1.50", "2"),
                (2, "", "", "many", ""),
            ),
            is_csv=True,
            has_header_row=True,
        )

        [document] = documents(ground, service, "/Account").values()
        assert (document["l"], document["ok"], str(document["n"]), document["more"]) == (
            [1],
            True,
            "1.50",
            "2",
        )
        assert job.rejected() == [(3, "invalid_cell")]

    def test_the_schema_gives_the_order_of_columns_that_nobody_names(self, ground: Ground, service: Service):
        an_item_type(ground, service, fields={"accountId": "string", "n": "int"})

        imported(ground, service, table((1, 17), (2, 18)), is_csv=True)

        assert documents(ground, service, "/Account") == {
            "1": {"accountId": "1", "n": 17},
            "2": {"accountId": "2", "n": 18},
        }

    def test_a_file_without_a_column_for_the_key_is_rejected_as_a_whole(
        self, ground: Ground, service: Service
    ):
        an_item_type(ground, service)

        content = table(("id", "name"), (1, "a"), (2, "b"))
        job = a_file_import(ground, service, content, is_csv=True, has_header_row=True)
        job.work_off()

        assert (job.status, job.rejected()) == ("Rejected", [])
        assert job.reason == (
            "The file cannot be read: It has 2 columns and lacks accountId, the primary key of Account,"
            " without which no row is an item: is the column called otherwise, the separator another one, or"
            " the header row missing?"
        )

    def test_columns_that_nobody_knows_are_refused(self, ground: Ground, service: Service):
        an_item_type(ground, service)

        with pytest.raises(JobRefused, match="columns of the file are not known"):
            a_file_import(ground, service, table((1, 17)), is_csv=True)

    @pytest.mark.parametrize("charset", ["utf-8", "latin-1", "cp1252", "utf-16"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
    def test_charsets_separators_and_line_ends(
        self, ground: Ground, service: Service, charset: str, delimiter: str, ends: str
    ):
        an_item_type(ground, service)
        rows = [("accountId", "name"), ("1", "Zoë"), ("2", f'"a{ends}b{delimiter}c"'), ("3", "x")]
        content = ends.join(map(delimiter.join, rows)).encode(charset)

        imported(ground, service, content, is_csv=True, has_header_row=True, charset=charset)

        found = documents(ground, service, "/Account")
        assert [document["name"] for document in found.values()] == ["Zoë", f"a{ends}b{delimiter}c", "x"]

    def test_a_template_makes_an_item_of_each_row(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        template = (
            '{"headers": {"action": #if ($gone == "x")"Delete"#{else}"Merge"#end},'
            ' "data": {"accountId": $json.quote($id), "n": $json.quote($number.of($n))}}'
        )
        with_documents(ground, service, {"2": {"accountId": "2"}})

        job = imported(
            ground,
            service,
            table(("id", "n", "gone"), ("1", "1.50", ""), ("2", "", "x"), ("3", "many", "")),
            is_csv=True,
            has_header_row=True,
            template=template,
        )

        found = documents(ground, service, "/Account")
        assert {name: str(document["n"]) for name, document in found.items()} == {"1": "1.50", "3": "None"}
        assert job.reason == "The file has been processed: 2 created, 1 deleted"

    def test_a_template_numbers_columns_that_nobody_names(self, ground: Ground, service: Service):
        an_item_type(ground, service)

        imported(ground, service, table((1, "a")), is_csv=True, template='{"accountId":"$c1","x":"$c2"}')

        assert documents(ground, service, "/Account") == {"1": {"accountId": "1", "x": "a"}}

    def test_a_template_that_cannot_be_understood_is_refused(self, ground: Ground, service: Service):
        an_item_type(ground, service)

        with pytest.raises(TemplateRefused, match="line 1"):
            a_file_import(ground, service, table((1, "a")), is_csv=True, template="#if")

    def test_a_template_that_fails_rejects_the_row(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        template = '{"accountId":"$c1","x":\n"$text.substring($c2, $c3)"}'

        job = imported(
            ground, service, table((1, "abc", "x"), (2, "abc", "y")), is_csv=True, template=template
        )

        assert job.rejected() == [(1, "template_refused"), (2, "template_refused")]

    def test_large_cells(self, ground: Ground, service: Service):
        an_item_type(ground, service)

        imported(
            ground,
            service,
            table(("accountId", "text"), (1, "x\n" * 1_000_000)),
            is_csv=True,
            has_header_row=True,
        )

        [document] = documents(ground, service, "/Account").values()
        assert len(document["text"]) == 2_000_000


@pytest.mark.parametrize(
    "text", ["=SUM(A1)", "+1", "-1", "@a", "'=1", "''", "'", "\tx", "plain", "a,b", '"', "a\r\nb"]
)
def test_texts_come_out_and_in_again_as_they_were(ground: Ground, service: Service, text: str):
    an_item_type(ground, service)
    an_item_type(ground, service, "Copy")
    with_documents(ground, service, {"A1": {"accountId": "A1", "text": text}})
    export = an_export(ground, service, is_csv=True, has_header_row=True)
    export.work_off()

    imported(ground, service, files_of(export)[0], item_type="Copy", is_csv=True, has_header_row=True)

    assert documents(ground, service, "/Copy") == documents(ground, service, "/Account")


def test_a_document_that_the_database_refuses_is_rejected_alone(ground: Ground, service: Service):
    an_item_type(ground, service)
    lines = [b'{"accountId":"%d","n":%b}' % (n, b"0e9999999999" if n == 7 else b"1") for n in range(20)]

    job = imported(ground, service, b"\n".join(lines))

    assert job.rejected() == [(8, "refused_by_database")]
    assert len(documents(ground, service, "/Account")) == 19


def test_every_digit_of_a_list_arrives(ground: Ground, service: Service):
    an_item_type(ground, service)
    digits = "12345678901234567890.1234567890123456789"

    imported(ground, service, b'[{"accountId":"1","n":%b}]' % digits.encode())

    [document] = documents(ground, service, "/Account").values()
    assert str(document["n"]) == digits


@pytest.mark.parametrize("number", ["7", "7.10", "1e3", "-1.5E-3", "-0", "-0.0", "1.0e+2"])
def test_an_item_with_a_number_for_its_id_comes_back_as_the_same_one(
    ground: Ground, service: Service, number: str
):
    an_item_type(ground, service)
    imported(ground, service, b'[{"accountId":%b}]' % number.encode())
    [file] = files_of(exported(ground, service))

    imported(ground, service, file)

    assert len(documents(ground, service, "/Account")) == 1
