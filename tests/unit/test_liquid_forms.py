"""Parameters of jobs as what they ask for."""

import encodings
from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.liquid.door import ParameterInvalid
from api.liquid.forms import fields_of, usable
from api.liquid.job_forms import export_order, import_order
from api.liquid.vocabulary import boolean, is_csv, separator
from api.usecases.item_types import KnownType
from api.usecases.jobs import JobRefused
from api.usecases.readings import ImportOrder, reading_of
from shared.formats.reading import CsvLayout

IMPORT = {"jobName": "a", "itemType": "b", "contentType": "text/plain"}
TYPED = KnownType(name="b", collection_id=1, key="id", types={"id": "string", "age": "int"})
UNTYPED = KnownType(name="b", collection_id=1, key="documentid")


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "1", " true "])
def test_true_in_any_case(text: str):
    assert boolean("merge", text)


@pytest.mark.parametrize("text", ["False", "false", "FALSE", "0", "", "None", None])
def test_false_in_any_case_and_where_nothing_is_said(text: str | None):
    assert not boolean("merge", text)


@pytest.mark.parametrize("text", ["yes", "2", "truefalse"])
def test_other_words_are_neither(text: str):
    with pytest.raises(JobRefused, match=text):
        boolean("merge", text)


@pytest.mark.parametrize(
    ("content_type", "has_rows"),
    [
        ("application/json", False),
        ("Application/JSON", False),
        ("application/x-ndjson", False),
        ("text/plain", True),
        ("plain/text", True),
        ("text/csv", True),
        (" text/csv ", True),
    ],
)
def test_content_types_and_their_other_spellings(content_type: str, has_rows: bool):
    assert is_csv(content_type) is has_rows


@pytest.mark.parametrize("name", ["headerRow", "rowHeader"])
def test_imports_and_exports_take_both_names_of_the_header_row(name: str):
    assert import_order(IMPORT | {name: "True"}).has_header_row
    assert export_order(IMPORT | {name: "True"}).has_header_row


def test_a_part_whose_type_its_sender_does_not_know_says_nothing():
    fields = {name: value for name, value in IMPORT.items() if name != "contentType"}

    assert import_order(fields, "text/csv").is_csv
    with pytest.raises(JobRefused, match="contentType is missing: application/json or"):
        import_order(fields, "application/octet-stream")


def test_a_template_is_of_no_use_to_json():
    fields = IMPORT | {"contentType": "application/json", "template": "#if"}

    assert import_order(fields).template is None
    with pytest.raises(JobRefused, match="A template makes text"):
        export_order(fields)


def test_two_names_of_the_header_row_must_say_the_same():
    assert import_order(IMPORT | {"headerRow": "1", "rowHeader": "true"}).has_header_row
    with pytest.raises(JobRefused, match="contradict"):
        import_order(IMPORT | {"headerRow": "1", "rowHeader": "false"})


@pytest.mark.parametrize(
    ("text", "character"),
    [
        (None, ""),
        ("", ""),
        (",", ","),
        (";", ";"),
        ("\t", "\t"),
        ("|", "|"),
        ("~", "~"),
        ("§", "§"),
        ("comma", ","),
        (" Semicolon ", ";"),
        (" ; ", ";"),
        ("TAB", "\t"),
        (r"\t", "\t"),
        ("pipe", "|"),
        ("colon", ":"),
        ("space", " "),
        (" ", " "),
    ],
)
def test_separators_as_they_are_or_by_name(text: str | None, character: str):
    assert separator(text) == character
    assert import_order(IMPORT if text is None else IMPORT | {"separator": text}).separator == character


@pytest.mark.parametrize(
    "text", ["a", "7", '"', "'", "\\", "\n", "\0", "\uffff", ",,", "; ;", "comma;", "none", "é"]
)
def test_what_separates_nothing(text: str):
    with pytest.raises(JobRefused, match="separator"):
        separator(text)


@pytest.mark.parametrize(
    "charset",
    ["idna", "Punycode", "unicode_escape", "raw_unicode_escape", "undefined", "UTF-7", "utf7", "aliases"],
)
def test_codecs_that_are_no_charsets(charset: str):
    with pytest.raises(JobRefused, match="is not known"):
        import_order(IMPORT | {"contentType": f"text/csv; charset={charset}"})


def test_names_that_nobody_knows_are_not_remembered():
    """Python's table of codecs grew by each of them, for good."""
    before = len(encodings._cache)

    for number in range(100):
        with pytest.raises(JobRefused, match="is not known"):
            import_order(IMPORT | {"contentType": f"text/csv; charset=no-charset-{number}"})

    assert len(encodings._cache) <= before + 1


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("latin-1", "iso8859-1"),
        ("ISO_8859-1:1987", "iso8859-1"),
        ("windows-1252", "cp1252"),
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("UTF-16LE", "utf-16-le"),
        ("koi8-u", "koi8-u"),
        ("Shift_JIS", "shift_jis"),
        ("gb18030", "gb18030"),
        ("macintosh", "mac-roman"),
        ("us-ascii", "ascii"),
        ("mac-croatian", "mac-croatian"),
    ],
)
def test_charsets_by_all_of_their_names(charset: str, name: str):
    assert import_order(IMPORT | {"contentType": f"text/csv; charset={charset}"}).charset == name


def test_the_parameter_tells_the_charset_before_the_files_part_does():
    both = import_order(IMPORT | {"contentType": "text/csv; charset=utf-16"}, "text/csv; charset=latin1")
    part = import_order(IMPORT, "text/csv; charset=latin1")

    assert (both.charset, part.charset) == ("utf-16", "iso8859-1")


def test_filters_beside_a_query_are_not_even_read():
    assert export_order(IMPORT | {"sqlQuery": "SELECT 1", "filters": "{{{"}).filters is None


@pytest.mark.parametrize(
    ("item_type", "order", "layout"),
    [
        (UNTYPED, {"has_header_row": True}, CsvLayout(has_header_row=True)),
        (TYPED, {"has_header_row": True}, CsvLayout(has_header_row=True, types=TYPED.types)),
        (TYPED, {}, CsvLayout(header=["id", "age"], types=TYPED.types)),
        (UNTYPED, {"template": "$c1"}, CsvLayout(template="$c1")),
        (TYPED, {"template": "$c1"}, CsvLayout(template="$c1")),
        (
            TYPED,
            {"separator": ";"},
            CsvLayout(header=["id", "age"], types=TYPED.types, delimiter=";"),
        ),
        (
            UNTYPED,
            {"template": "$a", "has_header_row": True},
            CsvLayout(template="$a", has_header_row=True),
        ),
    ],
)
def test_where_the_columns_of_a_csv_come_from(item_type: KnownType, order: dict[str, Any], layout: CsvLayout):
    assert reading_of(item_type, ImportOrder(is_csv=True, **order)).csv == layout


def test_columns_that_nobody_names():
    with pytest.raises(JobRefused, match="headerRow=true"):
        reading_of(UNTYPED, ImportOrder(is_csv=True))


def test_json_needs_no_columns():
    reading = reading_of(TYPED, ImportOrder(is_csv=False, merges=True))

    assert (reading.item_type, reading.key, reading.merges, reading.csv) == ("b", "id", True, None)


def test_what_has_no_name_is_passed_over():
    assert usable([("", "1"), ("a", "2"), ("", "3")]) == {"a": "2"}


@pytest.mark.parametrize(
    ("number", "text"), [("7.0", "7"), ("7e2", "700"), ("1e22", "1" + "0" * 22), ("7.5", "7.5"), ("7", "7")]
)
def test_a_whole_number_is_one_however_json_writes_it(number: str, text: str):
    assert fields_of(json_request(f'{{"page":{number}}}')) == {"page": text}


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_a_nested_value_is_taken_as_it_is_written():
    assert fields_of(json_request(f'{{"page":{nested(250)}}}')) == {"page": nested(250)}


@pytest.mark.parametrize("depth", [255, 1000])
def test_a_value_nested_too_deeply_is_refused(depth: int):
    """It was read and could not be written again, which ended in 500."""
    with pytest.raises(ParameterInvalid, match="'page' is nested too deeply"):
        fields_of(json_request(f'{{"page":{nested(depth)}}}'))


@pytest.mark.parametrize("body", ['"AAA"', " 5 ", "null", "true", "[]", "{", '["a"'])
def test_json_that_is_no_object_is_told(body: str):
    """What is no list either was taken for a form that says nothing."""
    with pytest.raises(ParameterInvalid, match="The body is"):
        fields_of(json_request(body))


@pytest.mark.parametrize(("body", "fields"), [("a=1&b=%22", {"a": "1", "b": '"'}), ("", {}), ("a=", {})])
def test_a_form_that_is_announced_as_json_is_a_form(body: str, fields: dict[str, str]):
    assert fields_of(json_request(body)) == fields


def json_request(body: str) -> Request:
    builder = EnvironBuilder(method="POST", data=body.encode(), content_type="application/json")
    return Request(builder.get_environ())
