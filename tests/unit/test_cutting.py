"""Uploaded files into blocks: charsets, rows and items of every kind, and files that cannot be read."""

import io
import json
import tracemalloc
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shared.formats import cutting, json_pieces, pieces
from shared.formats.csv_pieces import delimiter_of
from shared.formats.cutting import Cut, FileCutter
from shared.formats.pieces import MAX_PIECE_CHARACTERS, FileRefused
from shared.formats.reading import CsvLayout, FileReading

MIB = 1024 * 1024


def a_reading(csv: CsvLayout | None = None, charset: str = "utf-8") -> FileReading:
    return FileReading(item_type="A", key="id", merges=False, charset=charset, csv=csv)


def a_table(**layout: Any) -> CsvLayout:
    return CsvLayout(**({"has_header_row": True} | layout))


def cut(
    content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8"
) -> tuple[list[Cut], FileReading]:
    cutter = FileCutter(a_reading(csv, charset))
    blocks = list(cutter.cut(io.BytesIO(content)))
    return blocks, cutter.reading


def body(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> bytes:
    return b"".join(block.body for block in cut(content, csv, charset)[0])


def refusal(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> str:
    with pytest.raises(FileRefused) as refused:
        cut(content, csv, charset)
    return str(refused.value)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class TestTables:
    def test_the_header_row_is_known_and_in_no_block(self):
        [block], reading = cut(b"id,name\r\n1,Ann\r\n", a_table())

        assert block == Cut(b"1,Ann\r\n", lines_before=1, lines=1)
        assert reading.csv is not None
        assert reading.csv.header == ["id", "name"]

    def test_a_header_row_may_take_several_lines(self):
        [block], reading = cut(b'id,"full\nname"\n1,Ann\n', a_table())

        assert block.lines_before == 2
        assert reading.csv is not None
        assert reading.csv.header == ["id", "full\nname"]

    def test_names_are_read_without_spaces_and_without_what_was_escaped(self):
        _, reading = cut(b"id , '=name\n1,Ann\n", a_table())

        assert reading.csv is not None
        assert reading.csv.header == ["id", "=name"]

    def test_columns_known_from_elsewhere_stay(self):
        [block], reading = cut(b"1,Ann\n", a_table(has_header_row=False, header=["id", "name"]))

        assert block == Cut(b"1,Ann\n", lines_before=0, lines=1)
        assert reading.csv is not None
        assert reading.csv.header == ["id", "name"]

    def test_columns_that_nobody_names_are_numbered(self):
        _, reading = cut(b'"1\n2",Ann,3\n', a_table(has_header_row=False, template="$c1"))

        assert reading.csv is not None
        assert reading.csv.header == ["c1", "c2", "c3"]

    def test_cutting_once_more_what_is_known_gives_the_same(self):
        content = b'"a;x";b\n1;2\n'
        blocks, reading = cut(content, a_table())
        again = FileCutter(reading)

        assert list(again.cut(io.BytesIO(content))) == blocks
        assert again.reading == reading

    @pytest.mark.parametrize(
        ("first_line", "delimiter"),
        [
            (b"id,name", ","),
            (b"id;name", ";"),
            (b"id\tname", "\t"),
            (b"id|name", "|"),
            (b"id", ","),
            (b'"a,b,c";d', ";"),
            (b'"a ""x,y,z""";d', ";"),
            (b'd;"a,b,c', ";"),
        ],
    )
    def test_the_separator_is_the_one_of_the_first_line(self, first_line: bytes, delimiter: str):
        assert delimiter_of(first_line.decode()) == delimiter

    @pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
    def test_every_kind_of_line_end(self, ends: bytes):
        [block], _ = cut(ends.join([b"id,name", b"1,Ann", b"2,Bo"]), a_table())

        assert (block.body.splitlines(), block.lines) == ([b"1,Ann", b"2,Bo"], 2)

    def test_line_ends_in_cells_stay_as_they_are(self):
        assert body(b'id,x\n1,"a\r\nb\rc\nd"\n', a_table()) == b'1,"a\r\nb\rc\nd"\n'

    @pytest.mark.parametrize(
        "charset", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "utf-8-sig"]
    )
    def test_declared_charsets(self, charset: str):
        assert body("id,n\n1,Zoë\n".encode(charset), a_table(), charset) == "1,Zoë\n".encode()

    @pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16-be"])
    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, charset: str):
        _, reading = cut("\ufeffid,n\n1,2\n".encode(charset), a_table(), charset)

        assert reading.csv is not None
        assert reading.csv.header == ["id", "n"]

    def test_a_large_cell(self):
        row = b'1,"' + b"x\n" * 1_000_000 + b'"\n'

        assert body(b"id,n\n" + row, a_table()) == row

    @pytest.mark.parametrize("content", [b"id,name\n", b"id,name", b"\xef\xbb\xbfid,name\r\n"])
    def test_a_header_row_alone_is_no_item(self, content: bytes):
        assert cut(content, a_table())[0] == []

    def test_some_ragged_rows_are_left_to_whoever_reads_them(self):
        assert body(b"id,name\n1,2,3\n1,2\n", a_table()) == b"1,2,3\n1,2\n"


class TestUnreadableTables:
    def test_an_empty_file_has_no_header_row(self):
        assert refusal(b"", a_table()) == "The file has no header row, and one was announced."

    def test_a_blank_line_is_no_header_row(self):
        assert refusal(b"\n1,2\n", a_table()) == "The file has no header row, and one was announced."

    @pytest.mark.parametrize("header", [b"id,id", b"id,", b"id, id"])
    def test_names_must_be_there_and_differ(self, header: bytes):
        assert "Two columns of the header row" in refusal(header + b"\n1,2\n", a_table())

    def test_rows_that_are_all_ragged(self):
        assert refusal(b"id,name\n1,2,3\n4,5,6\n", a_table()) == (
            "None of the first 2 rows has the 2 columns that are expected."
        )

    def test_rows_are_looked_at_up_to_a_number(self):
        content = b"id,name\n" + b"1,2,3\n" * 100 + b"1,2\n"

        assert "None of the first 100 rows" in refusal(content, a_table())

    @pytest.mark.parametrize("content", [b'id,n\n1,"a\n2,b\n', b'id,n\n0,"\n"\n1,"a', b'id,"n\n'])
    def test_a_quote_that_is_never_closed(self, content: bytes):
        line = {b'id,n\n1,"a\n2,b\n': 2, b'id,n\n0,"\n"\n1,"a': 4, b'id,"n\n': 1}[content]

        assert refusal(content, a_table()) == f"A quoted cell of the row on line {line} is never closed."

    def test_a_quote_that_is_not_closed_for_too_long(self):
        content = b'id,n\n1,2\n3,"' + b"x,y\n" * (MAX_PIECE_CHARACTERS // 4 + 1)

        assert refusal(content, a_table()).startswith("The row on line 3 of the file is longer than")

    def test_a_line_without_end(self):
        content = b"id,n\n" + b"x" * (MAX_PIECE_CHARACTERS + 2)

        assert refusal(content, a_table()).startswith("The row on line 2 of the file is longer than")

    @pytest.mark.parametrize(
        ("content", "charset"),
        [
            ("id,n\n1,Zoë\n".encode("latin-1"), "utf-8"),
            ("id,n\n1,Zoë\n".encode("utf-16"), "utf-8"),
            (b"id,n\n1,\x81\n", "cp1252"),
            (b"id,n\n1,x\n", "utf-16-le"),
            (b"id,n\n1,\xc3", "utf-8"),
        ],
    )
    def test_another_charset_than_was_said(self, content: bytes, charset: str):
        assert refusal(content, a_table(), charset) == (
            f"The file is not encoded as {charset}: send it so, or name its charset."
        )

    @pytest.mark.parametrize("charset", ["klingon", "zlib", "rot13"])
    def test_a_charset_that_is_none(self, charset: str):
        assert "is not known" in refusal(b"id\n1\n", a_table(), charset)


LISTS = {
    "plain": (b'[{"id":1},{"id":2}]', b'{"id":1}\n{"id":2}\n'),
    "white space": (b' \r\n[ {"id": 1} ,\n\t{"id": 2}\n]\n ', b'{"id": 1}\n{"id": 2}\n'),
    "pretty": (b'[\n  {\n    "id": 1\n  }\n]', b'{     "id": 1   }\n'),
    "a byte order mark": (b'\xef\xbb\xbf[{"id":1}]', b'{"id":1}\n'),
    "an empty list": (b"[]", b""),
    "an empty list with white space": (b" [ \n ] \n", b""),
    "digits": (b'[{"id":1.10,"n":123456789012345678901234567890,"e":1e5}]', None),
    "more digits than Python reads": (b'[{"id":' + b"1" * 5000 + b"}]", None),
    "an exponent beyond decimals": (b'[{"id":1e99999999999999999999}]', None),
    "escapes": (rb'[{"id":"\u00e9\ud83d\ude00\/\n"}]', None),
    "half of a surrogate pair": (rb'[{"id":"\ud800"}]', None),
    "what is no object": (b'[1, "a", null, NaN, [2]]', b'1\n"a"\nnull\nNaN\n[2]\n'),
    "brackets in texts": (b'[{"id":"]},["}]', None),
    "the same name twice": (b'[{"id":1,"id":2}]', None),
}


class TestLists:
    @pytest.mark.parametrize(("content", "lines"), LISTS.values(), ids=LISTS.keys())
    def test_items_become_lines_as_they_were_written(self, content: bytes, lines: bytes | None):
        assert body(content) == (content[1:-1] + b"\n" if lines is None else lines)

    def test_items_are_counted_as_lines(self):
        [block], _ = cut(b'[\n\n{"id":1},\n{"id":2}]')

        assert (block.lines_before, block.lines) == (0, 2)

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf-8-sig"])
    def test_declared_charsets(self, charset: str):
        assert body('[{"id":"é"}]'.encode(charset), charset=charset) == '{"id":"é"}\n'.encode()

    @settings(max_examples=50)
    @given(st.lists(ANY_JSON))
    def test_any_list_however_it_is_cut_up(self, items: list[Any]):
        class Drops(io.StringIO):
            """Gives little at a time."""

            def read(self, size: int | None = -1, /) -> str:
                return super().read(min(size or 1, 3))

        lines = [line for line, _ in json_pieces.json_pieces(Drops(json.dumps(items, indent=1)))]

        assert [json.loads(line) for line in lines] == items
        assert all(line.count(b"\n") == 1 for line in lines)

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            (b'[{"id":1}', "item 1 cannot be read"),
            (b'[{"id":1},', "item 2 cannot be read"),
            (b'[{"id":1},]', "item 2 cannot be read"),
            (b'[{"id":1} {"id":2}]', "item 1 cannot be read"),
            (b'[{"id":1},{"id":}]', "item 2 cannot be read"),
            (b'[{"id":"a\nb"}]', "item 1 cannot be read"),
            (b"[", "item 1 cannot be read"),
            (b"[,]", "item 1 cannot be read"),
            (b'[{"id":1}] x', "something stands behind the list of 1 items"),
            (b"[][]", "something stands behind the list of 0 items"),
        ],
    )
    def test_what_is_no_json_is_refused(self, content: bytes, wrong: str):
        assert refusal(content).startswith(f"The file is not JSON: {wrong}")

    def test_the_reason_does_not_hold_the_content(self):
        assert "secret" not in refusal(b'[{"id":"secret"} "secret"]')

    def test_nesting_without_end_is_refused(self):
        assert refusal(b'[{"id":1},' + b"[" * 100_000) == "Item 2 of the file is nested too deeply."

    def test_an_item_without_end_is_refused(self):
        content = b'[{"id":"' + b"x" * (MAX_PIECE_CHARACTERS + pieces.MAX_PIECE_CHARACTERS // 2)

        assert refusal(content).startswith("Item 1 of the file is longer than")

    def test_another_charset_than_was_said(self):
        assert refusal('[{"id":"é"}]'.encode("latin-1")).startswith("The file is not encoded as utf-8")


class TestLines:
    @pytest.mark.parametrize(
        ("content", "lines"),
        [
            (b'{"id":1}\n{"id":2}\n', b'{"id":1}\n{"id":2}\n'),
            (b'{"id":1}\r\n{"id":2}', b'{"id":1}\r\n{"id":2}\n'),
            (b'\xef\xbb\xbf{"id":1}\n', b'{"id":1}\n'),
            (b'\n \n{"id":1}\n', b'\n\n{"id":1}\n'),
            (b'not yet\n{"id":1}\n', b'not yet\n{"id":1}\n'),
            ('{"id":"\u2028"}\n'.encode(), '{"id":"\u2028"}\n'.encode()),
            (b"", b""),
            (b" \n", b""),
        ],
    )
    def test_one_object_a_line(self, content: bytes, lines: bytes):
        assert body(content) == lines

    def test_lines_keep_their_numbers(self):
        [block], _ = cut(b'\n\n{"id":1}\n\n{"id":2}\n')

        assert (block.lines, block.body.splitlines()[2]) == (5, b'{"id":1}')

    @pytest.mark.parametrize(
        "content",
        [b"this is no JSON", b'{\n  "id": 1\n}\n', b"1\n2\n", b"id,name\n1,2\n", b"nonsense\n" * 101],
    )
    def test_no_object_among_the_first_lines_is_refused(self, content: bytes):
        assert refusal(content) == "The file is neither a JSON list of items nor one JSON object a line."

    def test_another_charset_than_was_said(self):
        assert refusal('{"id":1}\n{"id":"é"}\n'.encode("latin-1")).startswith(
            "The file is not encoded as utf-8"
        )

    def test_a_line_without_end_is_refused(self):
        content = b'{"id":1}\n{"id":"' + b"x" * MAX_PIECE_CHARACTERS

        assert refusal(content).startswith("Line 2 of the file is longer than")


class Virtual(io.RawIOBase):
    """A file of one row over and over that is nowhere."""

    def __init__(self, head: bytes, row: bytes, rows: int, tail: bytes = b"") -> None:
        self._parts = (head, row, tail)
        self._middle = len(head) + len(row) * rows
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = 0, /) -> int:
        assert whence == io.SEEK_SET
        self._place = place
        return place

    def readinto(self, buffer: Any, /) -> int:
        found = self._next()[: len(buffer)]
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def _next(self) -> bytes:
        head, row, tail = self._parts
        if self._place < len(head):
            return head[self._place :]
        if self._place < self._middle:
            return row[(self._place - len(head)) % len(row) :]
        return tail[self._place - self._middle :]


TEXT = b"x" * 10_000
LARGE = {
    "CSV": (a_table(), b"id,text\n", b'1,"a\n' + TEXT + b'"\n', b""),
    "list": (None, b"[", b'{"id":1,"text":"' + TEXT + b'"},', b'{"id":2}]'),
    "lines": (None, b"", b'{"id":1,"text":"' + TEXT + b'"}\n', b""),
}


@pytest.mark.parametrize(("csv", "head", "row", "tail"), LARGE.values(), ids=LARGE.keys())
def test_memory_does_not_grow_with_the_file(csv: CsvLayout | None, head: bytes, row: bytes, tail: bytes):
    rows = 200 * MIB // len(row)
    source = io.BufferedReader(Virtual(head, row, rows, tail))

    tracemalloc.start()
    found = sum(block.lines for block in FileCutter(a_reading(csv)).cut(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == rows * (2 if csv else 1) + bool(tail)
    assert peak < 5 * cutting.BLOCK_BYTES


def test_blocks_are_neighbours_of_about_one_size():
    row = b"1" * 1023 + b"\n"
    rows = cutting.BLOCK_BYTES // len(row)

    blocks, _ = cut(b"id\n" + row * (2 * rows + 1), a_table())

    assert [len(block.body) for block in blocks] == [cutting.BLOCK_BYTES, cutting.BLOCK_BYTES, len(row)]
    assert [(block.lines_before, block.lines) for block in blocks] == [
        (1, rows),
        (1 + rows, rows),
        (1 + 2 * rows, 1),
    ]
