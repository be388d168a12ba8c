"""The separator that the first rows of a file agree on."""

import io

import pytest

from shared.formats.csv_separators import (
    CHARACTERS_LOOKED_AT,
    LINES_LOOKED_AT,
    NO_SEPARATOR,
    beginning_of,
    separator_of,
)
from tests.effort import calls, that_ends
from tests.unit.cutting import a_table, cut


def found(content: str, *, columns: int = 0, has_header_row: bool = True) -> str:
    beginning = beginning_of(iter(io.StringIO(content, newline="")))
    return separator_of(beginning, columns=columns, has_header_row=has_header_row)


UNDER_A_HEADER = {
    "commas": ("id,name\n1,Ann\n", ","),
    "semicolons": ("id;name\n1;Ann\n", ";"),
    "tabs": ("id\tname\n1\tAnn\n", "\t"),
    "pipes": ("id|name\n1|Ann\n", "|"),
    "a header alone": ("id;name", ";"),
    "decimal commas": ("id;price\n1;1,5\n2;2,5\n", ";"),
    "more commas in texts than separators": ("id;text\n1;a, b, c, d\n2;e, f, g, h\n", ";"),
    "a header with more commas than separators": ("id;a, b, c\n1;x\n2;y\n", ";"),
    "a header with a quoted text": ('"a,b,c";d\n1;2\n', ";"),
    "quotes in quotes": ('"a ""x,y,z""";d\n1;2\n', ";"),
    "quoted separators": ('id;text\n1;"a;b;c"\n2;"d;e;f"\n', ";"),
    "quoted line ends": ('id;text\n1;"a,b\nc,d\ne,f"\n2;x\n', ";"),
    "a header of two lines": ('id;"a,b\nc,d"\n1;2\n', ";"),
    "a quote that is not closed": ('d;"a,b,c', ";"),
    "a remark in between": ("id;name\n1;Ann\nby hand, today, twice\n2;Bo\n", ";"),
    "lists in cells": ("id,tags\n1,a|b|c\n2,d|e|f\n", ","),
    "lists in cells and in the header": ("id,a|b\n1,x|y\n2,z\n", ","),
    "carriage returns": ("id;name\r1;a, b\r2;c, d\r", ";"),
    "one column": ("name\nAnn\nBo\n", NO_SEPARATOR),
    "one column of texts": ("name\nDoe, John\nRoe, Ann\n", NO_SEPARATOR),
    "one column of quoted texts": ('"a,b"\n"Doe, John"\n', NO_SEPARATOR),
    "nothing": ("", NO_SEPARATOR),
    "a blank line": ("\n", NO_SEPARATOR),
}


@pytest.mark.parametrize(("content", "separator"), UNDER_A_HEADER.values(), ids=UNDER_A_HEADER.keys())
def test_rows_under_a_header_row(content: str, separator: str):
    assert found(content) == separator


KNOWN = {
    "as many cells as columns": ("1;1,5\n2;2,5\n", 2, ";"),
    "the columns decide": ("a;b,c;d\ne;f,g;h\n", 3, ";"),
    "the columns decide again": ("a;b,c,d\ne;f,g,h\n", 3, ","),
    "cells are missing": ("1;2\n3;4\n", 3, ";"),
    "no number fits": ("1;2;3\n4;5;6\n", 2, ";"),
    "blank lines among them": ("\n1;1,5\n\n\n2;2,5\n\n", 2, ";"),
    "one column": ("Doe, John\nRoe, Ann\n", 1, NO_SEPARATOR),
    "nothing": ("", 2, NO_SEPARATOR),
}


@pytest.mark.parametrize(("content", "columns", "separator"), KNOWN.values(), ids=KNOWN.keys())
def test_rows_of_known_columns(content: str, columns: int, separator: str):
    assert found(content, columns=columns, has_header_row=False) == separator


UNKNOWN = {
    "a title first": ("Films\n1;Jaws\n2;Alien\n", ";"),
    "texts with commas": ("1;Doe, John\n2;Roe, Ann\n", ";"),
    "quoted texts with commas": ('1;"Doe,John"\n2;"Roe,Ann"\n', ";"),
    "most cells": ("1,2;3,4\n5,6;7,8\n", ","),
    "one column": ("Ann\nBo, Eve\nCy\n", NO_SEPARATOR),
}


@pytest.mark.parametrize(("content", "separator"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_rows_of_which_nothing_is_known(content: str, separator: str):
    assert found(content, has_header_row=False) == separator


def test_columns_without_names_are_as_many_as_most_rows_have():
    _, reading = cut(b"Films\n1,Jaws,1975\n2,Alien,1979\n", a_table(has_header_row=False, template="$c1"))

    assert reading.csv is not None
    assert reading.csv.header == ["c1", "c2", "c3"]


def test_a_file_of_one_column_stays_so():
    [block], reading = cut(b'id\nDoe, John\na;b\n"c\td"\n', a_table())

    assert (block.body, block.lines) == (b'Doe, John\na;b\n"c\td"\n', 3)
    assert reading.csv is not None
    assert reading.csv.header == ["id"]


def test_a_separator_that_was_said_is_not_looked_for():
    [block], reading = cut(b"id:b,c\n1:2,3\n", a_table(delimiter=":"))

    assert block.body == b"1:2,3\n"
    assert reading.csv is not None
    assert (reading.csv.header, reading.csv.delimiter) == (["id", "b,c"], ":")


LARGE = {
    "many rows": "id;text\n" + "1;a, b\n" * LINES_LOOKED_AT * 2,
    "a row cut off in a quote": 'id;text\n1;"' + "a, b;\n" * LINES_LOOKED_AT,
    "a large first line": "id;" + "a b" * CHARACTERS_LOOKED_AT + "\n1;2\n",
    "a large second line": "id;text\n1;" + "a, b" * CHARACTERS_LOOKED_AT,
    "hardly anything but separators": "x" + ";" * 8 * CHARACTERS_LOOKED_AT,
}


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE.keys())
def test_no_more_is_looked_at_than_needed(content: str):
    beginning = beginning_of(iter(io.StringIO(content, newline="")))

    assert len(beginning.lines) <= LINES_LOOKED_AT
    # Of each cell three; nobody can tell more cells than there are characters.
    with that_ends():
        assert calls(lambda: found(content)) < 4 * CHARACTERS_LOOKED_AT
    assert found(content) == ";"
