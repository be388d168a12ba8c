"""Uploaded tables into blocks: header rows, separators, charsets, and what cannot be read at all."""

import io
from dataclasses import replace
from typing import Any

import pytest

from shared.formats.cutting import FileCutter, Part
from shared.formats.items import DOCUMENTID
from shared.formats.pieces import MAX_PIECE_CHARACTERS
from tests.unit.cutting import a_reading, a_table, body, cut, refusal


class TestTables:
    def test_the_header_row_is_known_and_in_no_block(self):
        [block], reading = cut(b"id,name\r\n1,Ann\r\n", a_table())

        assert block == Part(b"1,Ann\r\n", lines_before=1, lines=1)
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

    @pytest.mark.parametrize(
        "content", [b'[{"id": "1"}]', b'{"id": "1"}\n{"id": "2"}\n', b'[\n  {\n    "id": "1"\n  }\n]\n']
    )
    def test_json_is_not_taken_for_a_table_whose_first_item_is_the_header_row(self, content: bytes):
        reason = refusal(content, a_table())

        assert reason == "The file is JSON, and announced as CSV: name its type, application/json."

    @pytest.mark.parametrize("name", ["[", "{", "[id]", "{id}", '[{"id"'])
    def test_a_name_in_brackets_is_a_name(self, name: str):
        written = '"' + name.replace('"', '""') + '"' if '"' in name else name
        _, reading = cut(f"{written},id\n1,2\n".encode(), a_table())

        assert reading.csv is not None
        assert reading.csv.header == [name, "id"]

    def test_columns_known_from_elsewhere_stay(self):
        [block], reading = cut(b"1,Ann\n", a_table(has_header_row=False, header=["id", "name"]))

        assert block == Part(b"1,Ann\n", lines_before=0, lines=1)
        assert reading.csv is not None
        assert reading.csv.header == ["id", "name"]

    def test_columns_that_nobody_names_are_numbered(self):
        _, reading = cut(b'"1\n2",Ann,3\n', a_table(has_header_row=False, template="$c1"))

        assert reading.csv is not None
        assert reading.csv.header == ["c1", "c2", "c3"]

    def test_cutting_once_more_what_is_known_gives_the_same(self):
        content = b'"a;x";id\n1;2\n'
        blocks, reading = cut(content, a_table())
        again = FileCutter(reading)

        assert list(again.cut(io.BytesIO(content))) == blocks
        assert again.reading == reading

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

    @pytest.mark.parametrize("declared", ["utf-8", "utf-16-le", "utf-16", "latin-1"])
    @pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
    def test_a_byte_order_mark_tells_the_charset_whatever_was_declared(self, charset: str, declared: str):
        [block], reading = cut("\ufeffid,n\n1,Zoë\n".encode(charset), a_table(), declared)

        assert block.body == "1,Zoë\n".encode()
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

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (b"key,name", "It has 2 columns and lacks id, the primary key of A, without"),
            (b"id~name", "It has 1 column and lacks id, the primary key of A, without"),
            (b"1,Ann,1975", "It has 3 columns and lacks id, the primary key of A, without"),
            (b"id.x,name", "It has 2 columns and lacks id, the primary key of A, without"),
            (b"headers.id,name", "It has 2 columns and lacks id, the primary key of A, without"),
            (b"name,ID", "It has a column ID, expected id, the primary key of A: the same name"),
        ],
    )
    def test_a_header_row_under_which_no_row_can_be_an_item(self, header: bytes, reason: str):
        columns = header.count(b",") + 1

        assert refusal(header + b"\n" + b",".join([b"1"] * columns) + b"\n", a_table()).startswith(reason)

    @pytest.mark.parametrize(
        ("header", "layout"),
        [
            (b"headers.id,data.name", {}),
            (b"data.id,headers.action", {}),
            (b"headers,data", {"types": {"headers": "jsonElement", "data": "jsonElement"}}),
            (b"key,name", {"template": '{"id":"$key"}'}),
        ],
    )
    def test_an_id_may_come_from_elsewhere(self, header: bytes, layout: dict[str, Any]):
        assert body(header + b"\n1,2\n", a_table(**layout)) == b"1,2\n"

    def test_items_without_a_primary_key_need_no_column_for_it(self):
        cutter = FileCutter(replace(a_reading(a_table()), key=DOCUMENTID))

        assert [part.body for part in cutter.cut(io.BytesIO(b"name\nAnn\n"))] == [b"Ann\n"]

    @pytest.mark.parametrize("rows", [b"1,2,3\n4,5,6\n7,8\n", b"1,2\n" * 5000 + b"1\n" * 5001])
    def test_rows_that_are_mostly_ragged(self, rows: bytes):
        first = rows.splitlines().index(max(rows.splitlines(), key=lambda row: row.count(b",") != 1))
        ragged, count = sum(row.count(b",") != 1 for row in rows.splitlines()), rows.count(b"\n")

        assert refusal(b"id,name\n" + rows, a_table()) == (
            f"{ragged} of {count} rows do not have the 2 columns that are expected, the first of them on line"
            f" {first + 2}: is its separator another one, or its header row missing?"
        )

    @pytest.mark.parametrize("rows", [b"1,2,3\n1,2\n", b"1,2,,\n3,4,\n", b"\n\n\n , \n"])
    def test_half_of_the_rows_and_repairable_ones_are_no_reason(self, rows: bytes):
        assert body(b"id,name\n" + rows, a_table()) == rows

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
            ("id,n\n1,Zoë\n".encode("utf-16-le"), "utf-8"),
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
