"""Header rows: names that are missing, doubled, or hard to tell apart."""

import pytest

from shared.formats.csv_header import MAX_COLUMNS, MAX_LEVELS, names_of, numbered_names
from shared.formats.flattening import cell, flatten, path_of
from shared.formats.pieces import FileRefused

NAMES = {
    "as they are": (["id", "Full name"], ["id", "Full name"]),
    "blanks around": ([" id", "name\t", " a b "], ["id", "name", "a b"]),
    "blanks that a backslash keeps": (["\\ id ", " name\\ ", r"x\\ "], ["\\ id", "name\\ ", r"x\\"]),
    "a name without characters": (["id", "\\"], ["id", "\\"]),
    "escaped for spreadsheets": (["'=id", "'id'"], ["=id", "'id'"]),
    "letters of another case": (["name", "Name", "NAME"], ["name", "Name", "NAME"]),
    "a value and its parts": (["name", "name.x", "name.x.y"], ["name", "name.x", "name.x.y"]),
    "a dot that is none": (["a.b", r"a\.b"], ["a.b", r"a\.b"]),
    "nothing at the end": (["id", "name", "", " "], ["id", "name"]),
    "as deep as may be": (["a." * (MAX_LEVELS - 1) + "a"], ["a." * (MAX_LEVELS - 1) + "a"]),
    "dots that do not count": ([r"a\." * MAX_LEVELS], [r"a\." * MAX_LEVELS]),
    "a name of two lines": (["a\nb"], ["a\nb"]),
    "as many as there may be": (list(map(str, range(MAX_COLUMNS))), list(map(str, range(MAX_COLUMNS)))),
}


@pytest.mark.parametrize(("cells", "names"), NAMES.values(), ids=NAMES.keys())
def test_names(cells: list[str], names: list[str]):
    assert names_of(cells) == names


REFUSED = {
    "none": ([], "The file has no header row, and one was announced."),
    "nothing but blanks": (["", " ", ""], "The file has no header row, and one was announced."),
    "nothing before the end": (["id", "", "name"], "Column 2 of the header row has no name: give it one"),
    "nothing at the beginning": (["", "id"], "Column 1 of the header row has no name: give it one"),
    "doubled": (["id", "name", "name"], "Columns 2 and 3 of the header row have the same name, 'name'"),
    "doubled but for blanks": (["id", "id "], "Columns 1 and 2 of the header row have the same name, 'id'"),
    "doubled but for a backslash": (["ab", r"a\b"], "Columns 1 and 2 of the header row have the same name"),
    "too deep": (["id", "a." * MAX_LEVELS + "a"], "Column 2 is more than 100 levels deep."),
    "NUL": (["id", "na\0me"], "The name of column 2 holds the character NUL"),
    "too many without a name": (["id"] + [""] * MAX_COLUMNS, "The file has 16385 columns"),
    "too many": (["x"] * (MAX_COLUMNS + 1), "The file has 16385 columns, and at most 16384 are taken."),
}


@pytest.mark.parametrize(("cells", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_header_rows_that_are_none(cells: list[str], reason: str):
    with pytest.raises(FileRefused) as refused:
        names_of(cells)

    assert str(refused.value).startswith(reason)


def test_a_long_name_is_not_told_as_a_whole():
    with pytest.raises(FileRefused) as refused:
        names_of(["x" * 10_000] * 2)

    assert len(str(refused.value)) < 200


def test_columns_without_names_are_numbered_up_to_a_number():
    assert numbered_names(2) == ["c1", "c2"]
    with pytest.raises(FileRefused, match="at most 16384"):
        numbered_names(MAX_COLUMNS + 1)


@pytest.mark.parametrize("name", ["", " ", "a ", "\tb", " .", "\\", "a\\ ", ". ", "\n", "=a ", " =a"])
def test_every_name_that_is_exported_is_read_again(name: str):
    header = [cell(column) for column in flatten({"id": 1, name: {name: 2}, name + "x": 3})]

    assert [path_of(column) for column in names_of(header)] == [("id",), (name, name), (name + "x",)]
