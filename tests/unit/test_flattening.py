"""Nested JSON as columns and back, and texts that no spreadsheet calculates."""

import string
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.formats.flattening import (
    Contradiction,
    Path,
    cell,
    escaped,
    flatten,
    path_of,
    text_of,
    unflatten,
)

NAMES = st.text(alphabet=string.ascii_letters + ".\\ \té=", max_size=4)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers()))
OBJECTS = st.recursive(
    st.dictionaries(NAMES, SCALARS, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(SCALARS, inner), max_size=3),
    max_leaves=8,
)


def test_members_become_columns():
    document = {"name": "Ann", "address": {"city": "Hull", "geo": {"lat": 1}}, "tags": ["a"], "none": {}}

    assert flatten(document) == {
        "name": "Ann",
        "address.city": "Hull",
        "address.geo.lat": 1,
        "tags": ["a"],
        "none": {},
    }


def test_what_is_whole_stays_so():
    assert flatten({"a": {"b": {"c": 1}}, "d": {"e": 1}}, whole={"a.b", "d"}) == {
        "a.b": {"c": 1},
        "d": {"e": 1},
    }


def test_dots_and_backslashes_in_names_are_escaped():
    assert flatten({"a.b": {r"c\d": 1}}) == {r"a\.b.c\\d": 1}


@given(OBJECTS)
def test_columns_lead_back_to_the_object(document: dict[str, Any]):
    columns = flatten(document)

    assert unflatten((path_of(column), value) for column, value in columns.items()) == document


@given(NAMES)
def test_an_escaped_name_is_one_name(name: str):
    assert path_of(escaped(name)) == (name,)


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a",), ("a", "b")), (("a", "b"), ("a",)), (("a",), ("a",)), (("a",), ("a", "b", "c"))],
)
def test_two_paths_that_contradict_lose_no_value(first: Path, second: Path):
    with pytest.raises(Contradiction) as contradiction:
        unflatten([(first, 1), (("z",), 2), (second, 3)])

    assert contradiction.value.path == second


@pytest.mark.parametrize(
    ("name", "column"),
    [("", "\\"), (" x", "\\ x"), ("x\n", "x\\\n"), (" ", "\\ "), ("a b", "a b"), ("\\", r"\\")],
)
def test_names_that_a_header_would_lose_are_escaped(name: str, column: str):
    assert list(flatten({name: 1})) == [column]
    assert path_of(column) == (name,)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ann", "Ann"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (17, "17"),
        (-17, "-17"),
        (Decimal("1.50"), "1.50"),
        ([1, "a"], '[1,"a"]'),
        ({}, "{}"),
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("a=1", "a=1"),
    ],
)
def test_values_as_cells(value: Any, text: str):
    assert cell(value) == text


@given(st.one_of(st.text(), st.text(alphabet="'=+-@\t\r\n\uff1da", max_size=6)))
def test_every_text_comes_back_and_none_is_a_formula(value: str):
    written = cell(value)

    assert text_of(written) == value
    assert written[:1] not in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
