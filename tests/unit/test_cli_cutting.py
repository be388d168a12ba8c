"""Cutting a stream into blocks at line ends."""

import gzip
import io

import pytest

from api.cli.cutting import BLOCK_LIMIT_BYTES, InputPacked, LineTooLong, cut


def pieces(content: bytes, size_bytes: int) -> list[bytes]:
    return [piece.body for piece in cut(io.BytesIO(content), size_bytes)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="nothing gives no block"),
        pytest.param(b"1\n2\n", [b"1\n2\n"], id="what fits stays together"),
        pytest.param(b"1\n2\n3\n4\n", [b"1\n2\n", b"3\n4\n"], id="cut at the last line end that fits"),
        pytest.param(b"12345678\n2\n", [b"12345678\n", b"2\n"], id="a longer line makes a longer block"),
        pytest.param(b"1\n2\n34", [b"1\n2\n", b"34"], id="the last line may lack its end"),
        pytest.param(b"\n\n\n\n\n", [b"\n\n\n\n", b"\n"], id="blank lines are kept"),
    ],
)
def test_blocks_end_where_lines_end(content, expected):
    assert pieces(content, 4) == expected


def test_blocks_joined_are_the_input_and_their_lines_add_up():
    content = b"".join(b"%d\n" % number * (number % 7) for number in range(50_000))

    cuts = list(cut(io.BytesIO(content), 100_000))

    assert b"".join(piece.body for piece in cuts) == content
    assert sum(piece.line_count for piece in cuts) == content.count(b"\n")
    assert all(len(piece.body) <= 100_000 for piece in cuts)


def test_a_line_as_long_as_a_block_may_be_is_accepted():
    line = b"x" * (BLOCK_LIMIT_BYTES - 1) + b"\n"

    assert [len(piece) for piece in pieces(b"1\n" + line + b"2\n", 1024)] == [2, BLOCK_LIMIT_BYTES, 2]


def test_a_line_that_fits_no_block_is_refused_by_its_number():
    content = b"1\n2\n" + b"x" * (BLOCK_LIMIT_BYTES + 1)

    with pytest.raises(LineTooLong, match="Line 3 is longer than 20 MiB"):
        pieces(content, 1024)


def test_a_line_without_end_as_long_as_a_block_may_be_is_accepted():
    assert [len(piece) for piece in pieces(b"x" * BLOCK_LIMIT_BYTES, 1024)] == [BLOCK_LIMIT_BYTES]


@pytest.mark.parametrize("size", [1024, BLOCK_LIMIT_BYTES])
def test_packed_input_is_refused_with_what_unpacks_it(size: int):
    with pytest.raises(InputPacked, match=r"as by `zcat FILE \| .* import"):
        pieces(gzip.compress(b'{"a":1}\n' * 1000), size)
