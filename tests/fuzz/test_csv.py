"""Any bytes are a table whose rows are items or rejections, or a file that is refused with a reason."""

import csv
import io
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.formats import csv_pieces, csv_separators, cutting, json_pieces, pieces
from shared.formats.batching import Read
from shared.formats.cutting import FileCutter, Part
from shared.formats.flattening import text_of
from shared.formats.items import DOCUMENTID
from shared.formats.pieces import FileRefused
from shared.formats.reading import CsvLayout, FileReading, file_reader
from shared.instructions import Checkpoint, Instruction
from shared.storage.reading import lines
from shared.templates.budget import Budget
from tests.fuzz.fuzzing import altered, fuzzed, fuzzed_often, of_pieces
from tests.fuzz.test_lines import is_sound
from tests.unit.cutting import blocks_of

PIECES = """
    , ; | ' " "" '= = + - @ \\ . \\. a b.c id 1 1e400 [1] {"a":1} {"a": true NaN "a
    "a,b" id,a,b 1,2,3 ,,, $c1 headers data
"""
ENDS = ["\n", "\r\n", "\r", "\t", "\0", "\ufeff", "\u2028", "\x85", "\n1,2,3\n4,5,6\n", '"\n', '\n"']
SAMPLES = {
    "a table": b"id,a,b\r\n1,2,3\r\n4,5,6\r\n",
    "quotes": b'id;a\n"1";"x\ny"\n"2";"a ""b"" c"\n',
    "paths": b"id\ta.b\ta.c\n1\t2\t3\n",
    "a byte order mark": b"\xef\xbb\xbfid,a\n1,2\n",
    "UTF-16": "\ufeffid,a\n1,\U0001f600\n".encode("utf-16-le"),
    "UTF-32": "\ufeffid,a\n1,2\n".encode("utf-32"),
}
FILES = of_pieces([*PIECES.split(), *ENDS]).map(str.encode) | altered(SAMPLES) | st.binary(max_size=80)

CELLS = st.sampled_from([*["1", "a b", "é"] * 3, "", '""', '"x,y"', '"x\ny"', 'a"b', "'=1", "/", "\r", '"'])
TABLES = st.lists(
    st.tuples(CELLS, CELLS, CELLS, st.sampled_from(["\n", "\n", "\r\n"])), min_size=1, max_size=6
).map(lambda rows: ("id,a,b\n" + "".join(f"{a},{b},{c}{end}" for a, b, c, end in rows)).encode())

LISTS = of_pieces(["[", "]", "{", "}", ",", ":", "1", '"', '{"a":1}', "[{},{}]", "\\", "null"]).map(
    str.encode
)

A_LIST = FileReading(item_type="A", key="id", merges=True)
JSON_VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('a"\\{}[],:é\n'), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(st.fixed_dictionaries({"id": inner}), max_size=3)
        | st.dictionaries(st.sampled_from(["id", "b"]), inner, max_size=2)
    ),
    max_leaves=5,
)

TYPES = {"id": "string", "a": "int", "b": "boolean", "b.c": "jsonElement", "1": "list"}
TEMPLATES = ["$json.quote($c1)", '{"id":$json.quote($a),"$b":[$c1]}', "$id", "#if($a)$a#else{#end}"]
LAYOUTS = st.builds(
    CsvLayout,
    header=st.sampled_from([[], ["id", "a"], ["id", "b.c"]]),
    has_header_row=st.booleans(),
    delimiter=st.sampled_from(["", ",", ";", "\t", "|", " ", "~", "\uffff"]),
    types=st.sampled_from([{}, TYPES]),
    template=st.none() | st.sampled_from(TEMPLATES),
)
# Without a primary key a header row may be any.
KEYS = st.sampled_from(["id", DOCUMENTID, DOCUMENTID])
CHARSETS = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "shift_jis", "hz"]
)


def cut(content: bytes, reading: FileReading) -> tuple[list[Part], FileReading]:
    """The file's blocks, and what was found out about it; none where it is refused."""
    cutter = FileCutter(reading)
    try:
        return blocks_of(cutter.cut(io.BytesIO(content))), cutter.reading
    except FileRefused:
        return [], reading


def read(block: Part, reading: FileReading) -> list[Read]:
    reader = file_reader(reading, str, Budget(60))
    return list(reader.read(lines(io.BytesIO(block.body)), Checkpoint(0, 0)))


@fuzzed
@given(FILES, LAYOUTS, KEYS, CHARSETS)
def test_any_file_is_a_table_or_refused(content: bytes, layout: CsvLayout, key: str, charset: str) -> None:
    reading = FileReading(item_type="A", key=key, merges=True, charset=charset, csv=layout)

    blocks, found = cut(content, reading)

    for block in blocks:
        reads = read(block, found)
        assert sum(length for _, length, _ in reads) == len(block.body)
        assert sum(lines for _, _, lines in reads) == block.lines
        assert all(outcome is None or is_sound(outcome, b"x" * length) for outcome, length, _ in reads)


@fuzzed_often
@given(FILES | TABLES, LAYOUTS, KEYS)
def test_rows_that_are_read_together_are_read_as_each_of_them_alone(
    content: bytes, layout: CsvLayout, key: str
) -> None:
    blocks, found = cut(content, FileReading(item_type="A", key=key, merges=True, csv=layout))

    for block in blocks:
        reader = file_reader(found, str, Budget(60))
        alone = ([line] for line in io.BytesIO(block.body))
        assert read(block, found) == list(reader.read(alone, Checkpoint(0, 0)))


@fuzzed_often
@given(FILES | TABLES, LAYOUTS, KEYS, st.integers(2, 60))
def test_rows_that_are_cut_together_are_cut_as_each_of_them_alone(
    content: bytes, layout: CsvLayout, key: str, group: int
) -> None:
    reading = FileReading(item_type="A", key=key, merges=True, csv=layout)

    assert cut_in_small(content, reading, group) == cut_in_small(content, reading, 1)


def cut_in_small(content: bytes, reading: FileReading, group: int) -> tuple[list[Part], FileReading] | str:
    """Blocks of a few bytes, cut from groups of so many characters: of one, no rows are together."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_separators, "LINES_LOOKED_AT", 2)
        patched.setattr(csv_pieces, "GROUP_CHARACTERS", group)
        patched.setattr(pieces, "GROUP_CHARACTERS", group)
        patched.setattr(cutting, "_PART_BYTES", group // 2)
        patched.setattr(cutting, "BLOCK_BYTES", 20)
        cutter = FileCutter(reading)
        try:
            return blocks_of(cutter.cut(io.BytesIO(content))), cutter.reading
        except FileRefused as refused:
            return str(refused)


ITEMS = st.builds(
    lambda spelled, end: spelled + end,
    st.builds(
        json.dumps,
        st.lists(st.fixed_dictionaries({"id": JSON_VALUES}, optional={"b": JSON_VALUES}), max_size=6),
        indent=st.sampled_from([None, 0, 1]),
        separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    ),
    st.sampled_from(["", "\n", "]", ",1]"]),
).map(str.encode)


@fuzzed_often
@given(ITEMS | altered({"items": b'[{"a":1},{"a":2},{"a":"x"}]'}) | LISTS, st.integers(1, 40))
def test_items_that_are_cut_together_are_cut_as_each_of_them_alone(content: bytes, window: int) -> None:
    def found(*, together: bool) -> list[Part] | str:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(json_pieces, "WINDOW_CHARACTERS", window)
            patched.setattr(cutting, "BLOCK_BYTES", 20)
            if not together:
                patched.setattr(json_pieces.Neighbours, "take", lambda _, __, start: ((), start))
            try:
                return blocks_of(FileCutter(A_LIST).cut(io.BytesIO(content)))
            except FileRefused as refused:
                return str(refused)

    assert found(together=True) == found(together=False)


@fuzzed_often
@given(TABLES)
def test_rows_are_those_that_python_reads_in_the_whole_file(content: bytes) -> None:
    layout = CsvLayout(has_header_row=True, delimiter=",")

    blocks, found = cut(content, FileReading(item_type="A", key="id", merges=True, csv=layout))

    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    outcomes = [outcome for block in blocks for outcome, *_ in read(block, found)]
    for row, outcome in zip(rows if blocks else [], outcomes, strict=True):
        if isinstance(outcome, Instruction):
            told = {name: text_of(cell) for name, cell in zip(header, row, strict=False) if cell}
            assert orjson.loads(outcome.properties) == told


LINES = of_pieces(['{"a":1}', "[1]", "x" * 9, "", "\r", " ", "\n", "\n", "\n", '{"b":"é"}']).map(str.encode)


@fuzzed_often
@given(LINES, st.integers(2, 30))
def test_lines_that_are_cut_together_are_cut_as_each_of_them_alone(content: bytes, group: int) -> None:
    whole = b'{"id":1}\n' + content

    found = cut_in_small(whole, A_LIST, group)

    lines = whole.removesuffix(b"\n").split(b"\n")
    assert not isinstance(found, str)
    assert b"".join(block.body for block in found[0]) == b"\n".join(lines) + b"\n"
    assert sum(block.lines for block in found[0]) == len(lines)
    assert found == cut_in_small(whole, A_LIST, 1)
    for block in found[0][:-1]:
        before_the_last_line = block.body.rfind(b"\n", 0, -1) + 1
        assert before_the_last_line < 20 <= len(block.body)


@fuzzed
@given(LISTS, CHARSETS)
def test_any_file_is_a_list_of_items_or_refused(content: bytes, charset: str) -> None:
    reading = FileReading(item_type="A", key="documentid", merges=True, charset=charset)

    blocks, found = cut(content, reading)

    for block in blocks:
        assert sum(length for _, length, _ in read(block, found)) == len(block.body)
