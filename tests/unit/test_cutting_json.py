"""Uploaded JSON into blocks: lists and lines, as they were written, and what cannot be read at all."""

import io
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shared.formats import json_pieces, pieces
from shared.formats.json_pieces import MAX_LEADING_BLANKS
from shared.formats.pieces import MAX_PIECE_CHARACTERS
from tests.unit.cutting import body, cut, refusal

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


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
    @given(st.lists(ANY_JSON, max_size=4))
    def test_any_list_however_it_is_cut_up(self, items: list[Any]):
        class Drops(io.StringIO):
            """Gives little at a time."""

            def read(self, size: int | None = -1, /) -> str:
                return super().read(min(size or 1, 3))

        lines = [line for line, *_ in json_pieces.json_pieces(Drops(json.dumps(items, indent=1)))]

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

    def test_blanks_without_end_before_an_item_are_refused(self):
        """They were held, however many, until the item came."""
        content = b"[1," + b" " * 2 * MAX_PIECE_CHARACTERS + b"2]"

        assert refusal(content).startswith("Item 2 of the file is longer than")

    def test_another_charset_than_was_said(self):
        assert refusal('[{"id":"é"}]'.encode("latin-1")).startswith("The file is not encoded as utf-8")


@pytest.mark.parametrize("blank", [b" ", b"\n", b"\t", b"\r\n"])
def test_a_file_of_nothing_but_blanks_is_not_read_to_its_end(blank: bytes):
    content = blank * (MAX_LEADING_BLANKS // len(blank)) + b" " + b"[1]"

    assert body(content[1:]) == b"1\n"
    assert refusal(content) == "The file begins with more than 1048576 blanks."


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
            (b"\xef\xbb\xbf", b""),
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
