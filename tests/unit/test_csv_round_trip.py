"""What is exported as CSV and imported again is as it was, however awkward it is."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shared.formats.cells import JSON_TYPES
from shared.formats.cutting import FileCutter
from shared.formats.portions import StoredDocuments
from shared.formats.reading import CsvLayout, FileReading, file_reader
from shared.formats.records import ColumnFinder, Columns
from shared.formats.rendering import CsvRenderer
from shared.instructions import Checkpoint, Instruction
from shared.storage.reading import lines
from shared.templates.budget import Budget

KEY = "id"
TYPES = {
    "id": "string",
    "n": "decimal",
    "b": "boolean",
    "l": "list",
    "j": "jsonElement",
    "o": "block",
    "s": "string",
}

Document = dict[str, Any]

# Whatever means something to a reader of CSV, a spreadsheet or us.
AWKWARD = st.text(alphabet=",;\t|\"'\\\r\n =+-@.0ax\u00a0\u2028\ufeff\uff1d\x1c\x85", max_size=6)
TEXTS = AWKWARD | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
# Objects with members; an empty one comes back only where its field has a type.
NESTED = st.recursive(
    TEXTS | st.none(), lambda inner: st.dictionaries(TEXTS, inner, min_size=1, max_size=2), max_leaves=4
)
TYPED = st.fixed_dictionaries(
    {},
    optional={
        "n": NUMBERS | st.none(),
        "b": st.booleans() | st.none(),
        "l": st.lists(ANY, max_size=3) | st.none(),
        "j": ANY,
        "o": st.dictionaries(TEXTS, ANY, max_size=2),
        "s": TEXTS,
    },
)
NAMES = TEXTS.filter(lambda name: name not in {*TYPES, "headers", "data"})
UNTYPED = st.dictionaries(NAMES, NESTED, max_size=3)
DOCUMENTS = st.lists(st.builds(lambda typed, rest: rest | typed, TYPED, UNTYPED), min_size=1, max_size=4)


def exported(documents: Sequence[Document], types: Mapping[str, str]) -> bytes:
    lines = [f"{n}\x01{json.dumps(document)}\n" for n, document in enumerate(documents)]
    portion = StoredDocuments("".join(lines).encode())
    finder = ColumnFinder(Columns.of_items(types, KEY), KEY)
    finder.meet(portion)
    renderer = CsvRenderer(finder.columns(), key=KEY, has_header=True)
    return renderer.begin + renderer.text(portion)


def imported(content: bytes, types: Mapping[str, str]) -> list[Document]:
    csv = CsvLayout(has_header_row=True, types=dict(types))
    cutter = FileCutter(FileReading(item_type="A", key=KEY, merges=False, csv=csv))
    body = io.BytesIO(b"".join(part.body for part in cutter.cut(io.BytesIO(content))))
    reader = file_reader(cutter.reading, str, Budget(60))
    outcomes = [outcome for outcome, _, _ in reader.read(lines(body), Checkpoint(0, 0))]
    assert all(isinstance(outcome, Instruction) for outcome in outcomes), outcomes
    return [json.loads(outcome.properties) for outcome in outcomes]  # type: ignore[union-attr]


def representable(document: Document) -> Document:
    """The document as it comes back: null and the empty text do not, but where a field is JSON."""
    is_json = {name for name, kind in TYPES.items() if kind in JSON_TYPES}
    kept = {name: value if name in is_json else _kept(value) for name, value in document.items()}
    return {name: value for name, value in kept.items() if value is not None or name in is_json}


def _kept(value: Any) -> Any:
    if not isinstance(value, dict):
        return None if value == "" else value
    members = {name: _kept(member) for name, member in value.items()}
    return {name: member for name, member in members.items() if member is not None} or None


def numbered(documents: Sequence[Document]) -> list[Document]:
    return [{"id": str(n)} | representable(document) for n, document in enumerate(documents)]


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_documents_come_back_as_they_were(documents: list[Document]):
    assert imported(exported(documents, TYPES), TYPES) == numbered(documents)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(NAMES, TEXTS, max_size=3), min_size=1, max_size=4))
def test_texts_need_no_schema(documents: list[Document]):
    assert imported(exported(documents, {}), {}) == numbered(documents)


WITHOUT_SCHEMA = {
    "a number": (17, "17"),
    "a number that is text": ("007", "007"),
    "a boolean": (True, "true"),
    "a list": ([1, "a"], '[1,"a"]'),
    "an object": ({"a": {"b": "c"}}, {"a": {"b": "c"}}),
    "an empty object": ({}, "{}"),
    "null": (None, ...),
    "an empty text": ("", ...),
    "blanks": (" a ", " a "),
    "a formula": ("=1+1", "=1+1"),
    "a formula behind an apostrophe": ("'=1", "'=1"),
    "a number below zero": (-1, "-1"),
}


@pytest.mark.parametrize(("value", "comes_back"), WITHOUT_SCHEMA.values(), ids=WITHOUT_SCHEMA.keys())
def test_values_of_fields_without_a_type(value: Any, comes_back: Any):
    expected = {"id": "0"} if comes_back is ... else {"id": "0", "x": comes_back}

    assert imported(exported([{"x": value}], {}), {}) == [expected]


def test_one_property_may_be_a_value_here_and_an_object_there():
    documents: list[Document] = [{"x": "a"}, {"x": {"y": "b"}}, {"x": {"y": {"z": "c"}}}]

    assert imported(exported(documents, {}), {}) == numbered(documents)


def test_names_with_separators_do_not_mislead():
    documents: list[Document] = [{"a;b": "p;q", "c|d\te": "r|s\tt"}]

    assert imported(exported(documents, {}), {}) == numbered(documents)
