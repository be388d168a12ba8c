"""Exports from the order to the files: the forms they come in, and what is chosen."""

import csv
import io
import json

import pytest
from sqlalchemy import text

from api.liquid.filters import filters_of
from api.usecases.collections import find_collection
from api.usecases.jobs import JobRefused
from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import documents
from tests.integration.job_builders import (
    TWO,
    Job,
    a_file_import,
    accounts,
    an_export,
    an_item_type,
    exported,
    file_rows,
    files_of,
    items_of,
    stored_paths,
)


def table(job: Job) -> list[list[str]]:
    [content] = files_of(job)
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


class TestJson:
    def test_a_list_of_items(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(ground, service)

        assert items_of(job) == [
            {"headers": {"category": "entity", "type": "Account", "id": name}, "data": data}
            for name, data in TWO.items()
        ]
        [file] = file_rows(job)
        assert (file.name, file.media_type) == ("Account.json", "application/json")
        assert file.size_bytes == len(files_of(job)[0])

    def test_nothing_is_an_empty_list(self, ground: Ground, service: Service):
        accounts(ground, service, {})

        job = exported(ground, service)

        assert (len(files_of(job)), items_of(job), job.reason) == (1, [], "The export is complete: no items")

    def test_it_comes_in_again_as_it_was(self, ground: Ground, service: Service):
        stored = {
            f"A{n}": {"accountId": f"A{n}", "n": [1, {"x": None}], "t": 'é"\\\n\u2028', "e": {}, "b": True}
            for n in range(50)
        }
        accounts(ground, service, dict(stored))
        an_item_type(ground, service, "Copy")
        [content] = files_of(exported(ground, service))

        a_file_import(ground, service, content.replace(b'"Account"', b'"Copy"'), item_type="Copy").work_off()

        assert documents(ground, service, "/Copy") == documents(ground, service, "/Account") == stored

    def test_every_digit_is_kept(self, ground: Ground, service: Service):
        digits = "12345678901234567890.123456789012345678900"
        an_item_type(ground, service)
        a_file_import(ground, service, f'{{"accountId":"1","n":{digits}}}'.encode()).work_off()

        assert digits.encode() in files_of(exported(ground, service))[0]

    def test_documents_that_do_not_name_themselves_come_in_again_under_their_ids(
        self, ground: Ground, service: Service
    ):
        accounts(ground, service, {"x": {"n": 1}})
        an_item_type(ground, service, "Copy")
        [content] = files_of(exported(ground, service))

        a_file_import(ground, service, content.replace(b'"Account"', b'"Copy"'), item_type="Copy").work_off()

        assert documents(ground, service, "/Copy") == {"x": {"n": 1}}


class TestCsv:
    def test_one_row_a_document(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(ground, service, is_csv=True, has_header_row=True)

        assert [dict(zip(table(job)[0], row, strict=True)) for row in table(job)[1:]] == [
            {"accountId": "A1", "name": "Ann", "address.city": "Hull", "tags": '["a"]', "age": ""},
            {"accountId": "A2", "name": "'=Bo", "address.city": "", "tags": "", "age": "41"},
        ]
        assert file_rows(job)[0].name == "Account.csv"

    def test_the_schema_gives_the_order(self, ground: Ground, service: Service):
        accounts(
            ground, service, fields={"name": "string", "accountId": "string", "none": "int", "age": "int"}
        )

        header, *_ = table(exported(ground, service, is_csv=True, has_header_row=True))

        assert header == ["name", "accountId", "none", "age", "tags", "address.city"]

    def test_without_header_row(self, ground: Ground, service: Service):
        accounts(ground, service, {"A1": {"accountId": "A1"}})

        assert table(exported(ground, service, is_csv=True)) == [["A1"]]

    def test_the_id_is_a_column_where_there_is_no_primary_key(self, ground: Ground, service: Service):
        accounts(ground, service, {"n1": {"x": 1}}, key=None)

        assert table(exported(ground, service, is_csv=True, has_header_row=True)) == [
            ["documentid", "x"],
            ["n1", "1"],
        ]

    def test_nothing_is_a_header_row(self, ground: Ground, service: Service):
        accounts(ground, service, {})

        assert table(exported(ground, service, is_csv=True, has_header_row=True)) == [["accountId"]]

    def test_it_comes_in_again_as_it_was(self, ground: Ground, service: Service):
        fields = {"accountId": "string", "n": "decimal", "ok": "boolean", "l": "list", "b": "block"}
        fields |= {"j": "jsonElement", "a.i": "int"}
        stored = {
            "A1": {"accountId": "A1", "n": 1.5, "ok": False, "l": [1, "a"], "b": {"x": {"y": 1}}, "j": "t"},
            "A2": {"accountId": "A2", "j": None, "a": {"i": 7, "t": "8"}, "o.p": "x", "t": 'a,"b"\r\n\'='},
            "A3": {"accountId": "A3", "l": [], "b": {}, "j": {"a": None}},
        }
        accounts(ground, service, dict(stored), fields=fields)
        an_item_type(ground, service, "Copy", fields=fields)
        [content] = files_of(exported(ground, service, is_csv=True, has_header_row=True))

        copy = a_file_import(ground, service, content, item_type="Copy", is_csv=True, has_header_row=True)
        copy.work_off()

        assert copy.rejected() == []
        assert documents(ground, service, "/Copy") == documents(ground, service, "/Account") == stored

    def test_a_template_makes_the_text(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(
            ground, service, is_csv=True, template="$csv.quote($name);$item.address.city;$accountId"
        )

        assert files_of(job)[0].decode().splitlines()[0] == "Ann;Hull;A1"
        assert file_rows(job)[0].name == "Account.txt"

    def test_a_template_that_fails_rejects_the_job_and_names_line_and_cause(
        self, ground: Ground, service: Service
    ):
        accounts(ground, service)
        job = an_export(ground, service, is_csv=True, template="\n$text.substring($name, $name)")

        shown = job.work_off()

        assert shown.view.status == "Rejected"
        assert shown.view.reason.startswith("The export cannot be done: Template line 2: ")
        assert (stored_paths(job), shown.links) == ([], [])


STATES: dict[str, object] = {
    "1": {"accountId": "1", "state": "/Workflow/processStatus[Editing]", "n": 5, "ok": True},
    "2": {"accountId": "2", "state": "/Workflow/processStatus[Done]", "n": 5.0, "ok": False},
    "3": {"accountId": "3", "state": None, "100%": "s", "none": None, "address": {"city": "Bern"}},
}


class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"state": ["/Workflow/processStatus[Editing]"]}, ["1"]),
            ({"state": ["/Workflow/processStatus[Editing]", "/Workflow/processStatus[Done]"]}, ["1", "2"]),
            ({"n": ["5"], "ok": ["true"]}, ["1"]),
            ({"n": ["5"]}, ["1", "2"]),
            ({"n": ["5.00"]}, ["1", "2"]),
            ({"n": ["50e-1"]}, ["1", "2"]),
            ({"n": ["05"]}, []),
            ({"n": ["1e9999999"]}, []),
            ({"n": ["9" * 200_000]}, []),
            ({"ok": ["True"]}, ["1"]),
            ({"ok": ["False", "None"]}, ["2"]),
            ({"state": ["'; DROP TABLE documents; --"]}, []),
            ({"100%": ["%s"]}, []),
            ({"none": ["%s"]}, []),
            ({"address.city": ["Rome"]}, []),
            ({"state": []}, []),
            ({"accountId": ["3", "9"]}, ["3"]),
            ({}, ["1", "2", "3"]),
        ],
    )
    def test_only_what_matches_is_written(
        self, ground: Ground, service: Service, filters: dict[str, list[str]], found: list[str]
    ):
        accounts(ground, service, STATES)

        job = exported(ground, service, filters=filters)

        assert [item["data"]["accountId"] for item in items_of(job)] == found
        assert job.export_row().total_records == len(found)

    @pytest.mark.parametrize("filters", ["{'rating': 1.5}", '{"rating": 1.50}', "{'rating': ['x', '1.500']}"])
    def test_a_number_is_found_however_it_was_written(self, ground: Ground, service: Service, filters: str):
        an_item_type(ground, service)
        lines = b'{"accountId":"1","rating":1.50}\n{"accountId":"2","rating":15}'
        a_file_import(ground, service, lines).work_off()

        job = exported(ground, service, filters=filters_of(filters))

        assert [item["data"]["accountId"] for item in items_of(job)] == ["1"]

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("-0.5", ["minus half"]),
            ("-50e-2", ["minus half"]),
            ("-0", ["minus nought", "nought"]),
            ("0.00", ["minus nought", "nought"]),
            ("0e7", ["minus nought", "nought"]),
            ("1000", ["thousand"]),
            ("1e3", ["text", "thousand"]),
            ("1E-3", ["thousandth"]),
            ("0.0010", ["thousandth"]),
            ("a.b", ["point"]),
            ("a", []),
            ("5", []),
        ],
    )
    def test_numbers_are_told_from_texts_and_by_their_value(
        self, ground: Ground, service: Service, value: str, found: list[str]
    ):
        an_item_type(ground, service)
        stored = {"minus half": "-0.50", "nought": "0", "minus nought": "-0.0", "thousand": "1000.0"}
        stored |= {"thousandth": "0.001", "text": '"1e3"', "point": '"a.b"', "other": '"5.0"'}
        lines = "\n".join(f'{{"accountId":"{name}","n":{text}}}' for name, text in stored.items())
        a_file_import(ground, service, lines.encode()).work_off()

        job = exported(ground, service, filters={"n": [value]})

        assert [item["data"]["accountId"] for item in items_of(job)] == found

    @pytest.mark.parametrize("written", ["%d", '"%d"', "[%d]", "%d.00"])
    @pytest.mark.parametrize("number", [2**63, 2**64 + 1, -(2**64) - 1, 10**30 + 7])
    def test_an_integer_of_any_size_is_told_from_its_neighbours(
        self, ground: Ground, service: Service, number: int, written: str
    ):
        accounts(
            ground, service, {f"{away}": {"accountId": f"{away}", "n": number + away} for away in (-1, 0, 1)}
        )

        job = exported(ground, service, filters=filters_of(f'{{"n": {written % number}}}'))

        assert [item["data"]["accountId"] for item in items_of(job)] == ["0"]

    def test_the_id_can_be_asked_for_where_there_is_no_primary_key(self, ground: Ground, service: Service):
        accounts(ground, service, {"n1": {"x": 1}, "n2": {"x": 2}}, key=None)

        job = exported(ground, service, filters={"documentid": ["n2"]})

        assert [item["data"] for item in items_of(job)] == [{"x": 2}]

    @pytest.mark.parametrize("name", ["nome", "name.first", "place.city"])
    def test_a_field_that_the_schema_does_not_know_is_refused(
        self, ground: Ground, service: Service, name: str
    ):
        accounts(ground, service, fields={"accountId": "string", "name": "string", "address": "block"})

        with pytest.raises(JobRefused, match=f"no field '{name}'"):
            an_export(ground, service, filters={name: ["x"]})

    def test_a_member_of_a_field_can_be_asked_for(self, ground: Ground, service: Service):
        accounts(ground, service, fields={"accountId": "string", "address": "block"})

        job = exported(ground, service, filters={"address.city": ["Hull"]})

        assert [item["headers"]["id"] for item in items_of(job)] == ["A1"]

    @pytest.mark.parametrize(
        ("filters", "reason"),
        [
            ({"stat": ["x"]}, "No item has a field 'stat' to filter by. Did you mean state?"),
            ({"state": ["x"], "address.town": ["y"]}, "No item has a field 'address.town' to filter by."),
        ],
    )
    def test_a_field_that_no_item_has_rejects_the_job_where_there_is_no_schema(
        self, ground: Ground, service: Service, filters: dict[str, list[str]], reason: str
    ):
        accounts(ground, service, STATES)

        shown = an_export(ground, service, filters=filters).work_off()

        assert (shown.view.status, shown.view.reason) == ("Rejected", f"The export cannot be done: {reason}")

    def test_a_field_of_the_schema_need_be_in_no_item(self, ground: Ground, service: Service):
        accounts(ground, service, fields={"accountId": "string", "phone": "string"})

        assert items_of(exported(ground, service, filters={"phone": ["x"]})) == []

    def test_an_item_type_without_items_has_any_field(self, ground: Ground, service: Service):
        accounts(ground, service, {})

        assert items_of(exported(ground, service, filters={"state": ["x"]})) == []


class TestQueries:
    def test_rows_are_written_in_the_order_of_the_query(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(
            ground, service, query="SELECT name FROM Account ORDER BY name DESC", filters={"x": ["y"]}
        )

        assert items_of(job) == [{"name": "Ann"}, {"name": "=Bo"}]

    def test_columns_of_a_table_are_those_of_the_query(self, ground: Ground, service: Service):
        long = "How did you come to hear of us, and who was it that told you about us?"
        accounts(ground, service, {"A1": {"accountId": "A1", long: "Ann"}, "A2": {"accountId": "A2"}})

        query = f'SELECT accountid, "{long}", 1 AS "One" FROM Account ORDER BY 1'
        job = exported(ground, service, query=query, is_csv=True, has_header_row=True)

        assert table(job) == [["accountid", long, "One"], ["A1", "Ann", "1"], ["A2", "", "1"]]

    def test_a_template_is_given_each_row(self, ground: Ground, service: Service):
        accounts(ground, service)
        query = "SELECT name, upper(name) AS Loud FROM Account ORDER BY name DESC"

        job = exported(ground, service, query=query, is_csv=True, template="$name $item.loud")

        assert files_of(job) == [b"Ann ANN\n=Bo =BO\n"]

    def test_items_given_whole_have_the_columns_of_all_of_them(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(
            ground,
            service,
            query="SELECT * FROM Account ORDER BY accountId",
            is_csv=True,
            has_header_row=True,
        )

        rows = [dict(zip(table(job)[0], row, strict=True)) for row in table(job)[1:]]
        assert [(row["accountId"], row["address.city"], row["age"]) for row in rows] == [
            ("A1", "Hull", ""),
            ("A2", "", "41"),
        ]

    def test_json_in_a_column_is_one_cell(self, ground: Ground, service: Service):
        accounts(ground, service)

        job = exported(
            ground,
            service,
            query="SELECT data FROM Account WHERE accountId = 'A2'",
            is_csv=True,
            has_header_row=True,
        )

        [[header], [cell]] = table(job)
        assert (header, json.loads(cell)) == ("data", TWO["A2"])

    def test_a_query_that_fails_rejects_the_job(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service, query="SELECT 1 / (n - n) FROM (SELECT 1 AS n FROM Account) x")

        shown = job.work_off()

        assert shown.view.status == "Rejected"
        assert stored_paths(job) == []

    def test_a_number_that_is_too_long_for_a_table_rejects_the_job(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(
            ground, service, query="SELECT trunc(10::numeric ^ 5000) AS n FROM Account", is_csv=True
        )

        assert "more digits than can be written" in job.work_off().view.reason


def test_another_tenant_s_documents_are_not_exported(ground: Ground, service: Service):
    accounts(ground, service)
    with ground.database.begin() as session:
        session.execute(
            text("INSERT INTO documents (collection_id, documentid, properties) VALUES (:id, 'other', '{}')"),
            {"id": find_collection(ground, service, "/contacts")},
        )

    assert [item["headers"]["id"] for item in items_of(exported(ground, service))] == ["A1", "A2"]
