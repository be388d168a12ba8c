"""Ids for documents that come without one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from shared.documentids import BLOCK_BITS, LINE_BITS, MAX_BLOCK_BYTES, documentid_maker

STARTED_AT = datetime(2022, 8, 16, 6, 26, 55, 985140, tzinfo=UTC)
LAST_LINE = (1 << LINE_BITS) - 1
LAST_BLOCK = (1 << BLOCK_BITS) - 1
FAR_LINES = [LAST_LINE + 1, LAST_LINE + 2, LAST_LINE + 1025, LAST_LINE + 1 + (1 << 24), MAX_BLOCK_BYTES]


def test_an_id_is_a_version_7_uuid_of_the_moment_the_import_was_started():
    made = UUID(documentid_maker(STARTED_AT, 570, 1)(1))

    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == int(STARTED_AT.timestamp() * 1000)


def test_an_id_is_written_as_a_uuid_is():
    made = documentid_maker(STARTED_AT, 570, 300)(LAST_LINE)

    assert str(UUID(made)) == made


def test_the_same_line_gets_the_same_id_again():
    assert documentid_maker(STARTED_AT, 570, 2)(9) == documentid_maker(STARTED_AT, 570, 2)(9)


@pytest.mark.parametrize("import_id", [1, (1 << 30) - 1, (1 << 30) + 7])
@pytest.mark.parametrize("block", [1, 255, 256, LAST_BLOCK])
def test_the_bits_of_an_id_are_those_of_moment_block_line_and_import(import_id: int, block: int):
    """An import goes on with them whatever release began it."""
    documentid = documentid_maker(STARTED_AT, import_id, block)
    milliseconds = int(STARTED_AT.timestamp() * 1000)

    for line in (1, 1023, 1024, 1025, 5, 2048, LAST_LINE, 2):
        high = milliseconds << 16 | 7 << 12 | block >> 8
        low = 0b10 << 62 | (block & 255) << 54 | line << 30 | import_id % (1 << 30)
        assert UUID(documentid(line)).int == high << 64 | low


def test_ids_of_one_import_sort_as_its_lines_do():
    places = [(1, 1), (1, 2), (1, 255), (1, 256), (1, LAST_LINE), (2, 1), (255, 7), (256, 7), (LAST_BLOCK, 1)]

    made = [documentid_maker(STARTED_AT, 570, block)(line) for block, line in places]

    assert all(earlier < later for earlier, later in pairwise(made))


def test_lines_beyond_the_bits_of_version_7_have_ids_of_their_own():
    """Line 16,777,217 of block 1 got line 1's, and its document was lost in that one."""
    made = [
        documentid_maker(STARTED_AT, import_id, block)(line)
        for import_id in (570, 571)
        for block in (1, 2, 3, 255, 256, LAST_BLOCK)
        for line in (1, 2, 1025, LAST_LINE, *FAR_LINES)
    ]

    assert len(set(made)) == len(made)


@pytest.mark.parametrize("line", FAR_LINES)
def test_an_id_of_a_line_far_beyond_is_a_version_8_uuid_of_the_same_moment(line: int):
    documentid = documentid_maker(STARTED_AT, 570, 300)
    text = documentid(line)
    made = UUID(text)

    assert (str(made), made.version, made.variant) == (text, 8, RFC_4122)
    assert made.int >> 80 == int(STARTED_AT.timestamp() * 1000)
    assert documentid_maker(STARTED_AT, 570, 300)(line) == text


def test_lines_after_one_far_beyond_have_their_usual_ids():
    documentid = documentid_maker(STARTED_AT, 570, 2)
    usual = documentid(9)

    far = documentid(LAST_LINE + 10)

    assert (documentid(9), documentid(LAST_LINE + 10)) == (usual, far)
    assert far > documentid(LAST_LINE)


def test_ids_of_a_later_import_sort_behind():
    earlier = documentid_maker(STARTED_AT, 571, LAST_BLOCK)(LAST_LINE)

    assert earlier < documentid_maker(STARTED_AT + timedelta(milliseconds=1), 570, 1)(1)


def test_two_imports_started_at_once_make_different_ids():
    assert documentid_maker(STARTED_AT, 570, 1)(1) != documentid_maker(STARTED_AT, 571, 1)(1)
