"""Usual rows become what a look at each of their cells would make of them, byte by byte."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.formats.cells import CellTypes
from shared.formats.items import ItemReader, ItemType
from shared.formats.usual_rows import UsualRows
from shared.instructions import Instruction, Operation

PLACE = (3, 40, 9)
NAMES = ["id", "documentid", "a%s", 'b"%', "c\\.d", "e\u00e9\n", "x"]

CELLS = st.text(alphabet=st.sampled_from("""aé1/'"\\=%{}[]\n\t\0\x7f\u2028 \U0001f600""")) | st.text(
    min_size=1, alphabet=st.characters(codec="utf-8")
)


@given(key=st.sampled_from(["id", "documentid"]), cells=st.lists(CELLS, min_size=7, max_size=7))
@example(key="id", cells=["1", "2", "%s", "%%", "100 %", "\u00e9", "\U0001f600"])
@example(key="documentid", cells=["1", "2", "a", "b", "c", "d", "e"])
def test_they_are_what_the_long_way_makes_of_them(key: str, cells: list[str]):
    item_type = ItemType("A", key, merges=True)
    types = CellTypes(NAMES, {})

    usual = UsualRows(item_type, types.texts()).read(cells, *PLACE)

    long_way = ItemReader(item_type, str).read_properties(types.properties(cells), PLACE)
    assert usual in (None, long_way)


@given(st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1, max_size=3))
@example([["1", "2", "%s", "%%", "100 %", "\u00e9", "\U0001f600"], ["2", *"abcdef"]])
def test_several_are_what_each_of_them_is(rows: list[list[str]]):
    usual = UsualRows(ItemType("A", "id", merges=True), CellTypes(NAMES, {}).texts())
    places = [(number, 10 * number, 9) for number, _ in enumerate(rows, 1)]

    together = usual.read_all(rows, *zip(*places, strict=True))

    alone = [usual.read(cells, *place) for cells, place in zip(rows, places, strict=True)]
    assert None in alone if together is None else list(together) == alone


def test_a_row_of_plain_texts_is_usual():
    usual = UsualRows(ItemType("A", "id", merges=False), ["id", "name"])

    made = usual.read(["1", "O Brien, Zoë & Söhne"], *PLACE)

    properties = '{"id":"1","name":"O Brien, Zoë & Söhne"}'.encode()
    assert made == Instruction(*PLACE, Operation.REPLACE, "1", properties)


UNUSUAL = {
    "an empty cell": ["1", ""],
    "a quote": ["1", '5" disk'],
    "a backslash": ["1", "\\u0000"],
    "a line end": ["1", "a\nb"],
    "what keeps a formula a text": ["1", "'=1+1"],
    "no id": ["a/b", "x"],
    "an id that is too long": ["1" * 256, "x"],
}


@pytest.mark.parametrize("cells", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_needs_a_closer_look_is_not(cells: list[str]):
    assert UsualRows(ItemType("A", "id", merges=False), ["id", "name"]).read(cells, *PLACE) is None


UNUSUAL_TABLES = {
    "one without the key": (["name", "x"], {}),
    "one whose rows look like items with headers": (["id", "data"], {}),
    "one of numbers": (["id", "x"], {"x": "int"}),
    "one with parts": (["id", "x.y"], {}),
}


@pytest.mark.parametrize(("header", "types"), UNUSUAL_TABLES.values(), ids=UNUSUAL_TABLES.keys())
def test_other_tables_have_none(header: list[str], types: dict[str, str]):
    names = CellTypes(header, types).texts()

    assert UsualRows(ItemType("A", "id", merges=False), names).read(["1", "2"], *PLACE) is None
