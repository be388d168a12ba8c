"""Which lines are accepted and as what, which are rejected and why, and how lines become batches."""

import pytest

from shared.formats.batching import Limits, batched
from shared.formats.ndjson import NdjsonReader
from shared.formats.usual_lines import parser, read_all_usual
from shared.instructions import Batch, Checkpoint, Instruction, Operation, Rejection

GENERATED = "generated"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read(line: bytes, *, number: int = 1, offset: int = 0) -> Instruction | Rejection | None:
    reader = NdjsonReader(Operation.MERGE, lambda number: f"{GENERATED}-{number}")
    return reader.read_line(line, number, offset)


def nested(depth: int, head: bytes = b"") -> bytes:
    """An object that holds arrays, `depth` levels in all."""
    return b"{" + head + b'"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


ACCEPTED = {
    "a line feed": (b'{"documentid":"1","a":2}\n', "1", b'{"a":2}\n'),
    "carriage return and line feed": (b'{"documentid":"1","a":2}\r\n', "1", b'{"a":2}\r\n'),
    "no line end": (b'{"documentid":"1","a":2}', "1", b'{"a":2}'),
    "white space around": (b' \t{ "documentid" : "1" , "a" : 2 } \n', "1", b'{"a":2}'),
    "white space behind the id": (b'{"documentid":"1" ,"a":"x","b":2}', "1", b'{"a":"x","b":2}'),
    "a comma at the beginning of the id": (b'{"documentid":",1","a":2}', ",1", b'{"a":2}'),
    "a byte order mark": (BYTE_ORDER_MARK + b'{"documentid":"1","a":2}\n', "1", b'{"a":2}'),
    "nothing but an id": (b'{"documentid":"1"}', "1", b"{}"),
    "no id": (b' {"a": 2}\r\n', "generated-1", b'{"a": 2}'),
    "an empty object": (b"{}", "generated-1", b"{}"),
    "the last of two ids": (b'{"documentid":"1","documentid":"2"}', "2", b"{}"),
    "two values, of which the last counts": (b'{"documentid":"1","a":1,"a":2}', "1", b'{"a":1,"a":2}'),
    "an id whose name is escaped": (rb'{"document\u0069d":"1"}', "1", b"{}"),
    "an id with escapes": (rb'{"documentid":"\u00e9\ud83d\ude00"}', "é\U0001f600", b"{}"),
    "a whole number as id": (b'{"documentid":7}', "7", b"{}"),
    "a fraction as id": (b'{"documentid": 1.50 }', "1.50", b"{}"),
    "a negative number as id": (b'{"documentid":-0.0}', "-0.0", b"{}"),
    "a number beyond 64 bits as id": (b'{"documentid":1%s}' % (b"0" * 30), "1" + "0" * 30, b"{}"),
    "long numbers": (
        b'{"documentid":"1","a":12345678901234567890.123456789,"b":1.10}',
        "1",
        b'{"a":12345678901234567890.123456789,"b":1.10}',
    ),
    "escapes in values": (rb'{"documentid":"1","a":"\u00e9\n\/"}', "1", rb'{"a":"\u00e9\n\/"}'),
    "a byte beyond ASCII, escaped": (rb'{"documentid":"1","a":"\u00e9"}', "1", rb'{"a":"\u00e9"}'),
    "an escaped backslash before u0000": (rb'{"documentid":"1","a":"\\u0000"}', "1", rb'{"a":"\\u0000"}'),
    "text beyond ASCII": ('{"documentid":"ü","é":"\U0001f600"}'.encode(), "ü", '{"é":"\U0001f600"}'.encode()),
    "an id of 255 characters": (b'{"documentid":"%s"}' % (b"x" * 255), "x" * 255, b"{}"),
}

INVALID_ID = (
    "invalid_documentid",
    "The documentid must be a text of 1 to 255 characters without control characters and '/', or a number.",
)
NOT_AN_OBJECT = (
    "not_an_object",
    "The line is valid JSON, but not an object: one {...} a line is expected.",
)
SURROGATE = ("lone_surrogate", "The line holds half of a surrogate pair, which is no character.")
NUL = ("nul_character", "The line holds the character \\u0000, which cannot be stored.")
NOT_A_NUMBER = ("not_a_number", "The line holds NaN or Infinity, which JSON does not know.")
OUT_OF_RANGE = ("number_out_of_range", "The line holds a number beyond 1.7976931348623157e308.")

REJECTED = {
    "half an object": (b'{"a":', ("invalid_json", "unexpected end of data (character 6).")),
    "two objects": (b"{}{}", ("invalid_json", "unexpected content after document (character 3).")),
    "a trailing comma": (b'{"a":1,}', ("invalid_json", "trailing comma is not allowed (character 7).")),
    "a raw control character": (b'{"a":"\t"}', ("invalid_json", "unexpected control character in string")),
    "a raw NUL": (b'{"a":"\0"}', ("invalid_json", "unexpected control character in string")),
    "a second byte order mark": (BYTE_ORDER_MARK * 2 + b"{}", ("invalid_json", "BOM) is not supported")),
    "a column behind wide characters": ('{"éé":x}'.encode(), ("invalid_json", "(character 7).")),
    "an array": (b"[1]", NOT_AN_OBJECT),
    "a text": (b'"a"', NOT_AN_OBJECT),
    "a number": (b"1\n", NOT_AN_OBJECT),
    "null": (b"null", NOT_AN_OBJECT),
    "bytes that are no text": (b'{"a":"\xff"}', ("invalid_utf8", "The line is not valid UTF-8.")),
    "an encoded surrogate": (b'{"a":"\xed\xa0\x80"}', ("invalid_utf8", "The line is not valid UTF-8.")),
    "NUL in a value": (rb'{"a":"\u0000"}', NUL),
    "NUL in a name": (rb'{"a":[{"b\u0000":1}]}', NUL),
    "NUL in the id": (rb'{"documentid":"a\u0000"}', NUL),
    "the first half of a pair": (rb'{"a":"\ud83d"}', SURROGATE),
    "the second half of a pair": (rb'{"a":"\ude00"}', SURROGATE),
    "half a pair before a character": (rb'{"a":"\ud83d\u0041"}', SURROGATE),
    "half a pair as a name": (rb'{"\ud83d":1}', SURROGATE),
    "NaN": (b'{"a":NaN}', NOT_A_NUMBER),
    "Infinity": ('{"é":[Infinity]}'.encode(), NOT_A_NUMBER),
    "minus Infinity": (b'{"a":-Infinity}', NOT_A_NUMBER),
    "a power beyond doubles": (b'{"a":1e400}', OUT_OF_RANGE),
    "400 digits": (b'{"a":%s}' % (b"9" * 400), OUT_OF_RANGE),
    "absurd nesting": (nested(100_000), ("nesting_too_deep", "The line is nested deeper than")),
    "absurd nesting and an id": (
        nested(100_000, b'"documentid":"1",'),
        ("nesting_too_deep", "The line is nested deeper than"),
    ),
    "an empty id": (b'{"documentid":""}', INVALID_ID),
    "an id of 256 characters": (b'{"documentid":"%s"}' % (b"x" * 256), INVALID_ID),
    "a slash in the id": (b'{"documentid":"a/b"}', INVALID_ID),
    "a line feed in the id": (rb'{"documentid":"a\n"}', INVALID_ID),
    "null as id": (b'{"documentid":null}', INVALID_ID),
    "true as id": (b'{"documentid":true}', INVALID_ID),
    "an array as id": (b'{"documentid":["1"]}', INVALID_ID),
}


@pytest.mark.parametrize(("line", "documentid", "properties"), ACCEPTED.values(), ids=ACCEPTED)
def test_an_accepted_line_names_a_document_and_keeps_its_properties(
    line: bytes, documentid: str, properties: bytes
):
    assert read(line) == Instruction(1, 0, len(line), Operation.MERGE, documentid, properties)


@pytest.mark.parametrize(("line", "why"), REJECTED.values(), ids=REJECTED)
def test_a_rejected_line_has_a_code_and_a_plain_reason(line: bytes, why: tuple[str, str]):
    rejection = read(line, number=3, offset=0)

    assert isinstance(rejection, Rejection)
    assert (rejection.line_number, rejection.offset, rejection.length) == (3, 0, len(line))
    assert rejection.code == why[0]
    assert why[1] in rejection.reason


@pytest.mark.parametrize("depth", [2, 100, 512, 513, 950, 999, 1000, 1024, 1025])
def test_nesting_has_one_limit_with_and_without_an_id(depth: int):
    """Two parsers read a line. A depth that only the first one took used to break the whole block."""
    outcomes = [read(nested(depth, head)) for head in (b"", b'"documentid":"1",')]

    assert len({getattr(outcome, "code", "accepted") for outcome in outcomes}) == 1


@pytest.mark.parametrize("line", [b"", b"\n", b"\r\n", b" \t \n", BYTE_ORDER_MARK, BYTE_ORDER_MARK + b"\n"])
def test_a_blank_line_asks_for_nothing(line: bytes):
    assert read(line) is None


def test_a_byte_order_mark_is_one_only_at_the_start_of_the_block():
    assert isinstance(read(BYTE_ORDER_MARK + b"{}", number=2, offset=5), Rejection)


def test_a_line_without_id_names_no_document_where_none_may_be_created():
    reader = NdjsonReader(Operation.UPDATE, str)

    read = reader.read_line(b'{"a":1}', 1, 0)

    assert read == Instruction(1, 0, 7, Operation.UPDATE, None, b'{"a":1}')


def test_a_rejection_names_the_document_where_the_id_is_usable():
    rejection = read(rb'{"documentid":"1","a":"\u0000"}')

    assert isinstance(rejection, Rejection)
    assert rejection.documentid == "1"


LINES = [
    b'{"documentid":"1"}\n',
    b"\n",
    b"broken\n",
    b'{"documentid":"2"}\r\n',
    b'{"documentid":"3"}\n',
    b"{}\n",
    b'{"documentid":"4"}',
]


START = Checkpoint(0, 0)


def batches(
    lines: list[bytes], start: Checkpoint = START, *, max_lines: int = 1000, max_bytes: int = 1_000_000
) -> list[Batch]:
    reader = NdjsonReader(Operation.MERGE, str)
    return list(batched(reader.read([lines] if lines else [], start), start, Limits(max_lines, max_bytes)))


def line_numbers(batch: Batch) -> list[int]:
    return sorted(line.line_number for line in [*batch.instructions, *batch.rejections])


def test_lines_are_counted_from_1_with_blank_ones():
    [batch] = batches(LINES)

    assert line_numbers(batch) == [1, 3, 4, 5, 6, 7]
    assert batch.end == Checkpoint(len(b"".join(LINES)), 7)


def test_a_batch_ends_after_max_lines_blank_ones_included():
    assert [line_numbers(batch) for batch in batches(LINES, max_lines=3)] == [[1, 3], [4, 5, 6], [7]]


def test_a_batch_ends_with_the_line_that_reaches_max_bytes():
    assert [line_numbers(batch) for batch in batches(LINES, max_bytes=21)] == [[1, 3], [4, 5], [6, 7]]


def test_no_empty_batch_follows_a_full_last_one():
    assert [batch.end.line_number for batch in batches(LINES[:6], max_lines=3)] == [3, 6]


def test_no_lines_give_no_batch():
    assert batches([]) == []


@pytest.mark.parametrize("max_lines", [1, 2, 3, 5])
def test_reading_on_from_any_checkpoint_gives_the_same_rest(max_lines: int):
    whole = batches(LINES, max_lines=max_lines)

    for done, batch in enumerate(whole, start=1):
        rest = b"".join(LINES)[batch.end.offset :].splitlines(keepends=True)
        assert batches(rest, batch.end, max_lines=max_lines) == whole[done:]


NAMED = [b'{"documentid":"%d","a":"\xc3\xa9"}\n' % number for number in range(9)]
UNNAMED = [b'{"a":%d}\r\n' % number for number in range(9)]


@pytest.mark.parametrize("lines", [LINES, NAMED, UNNAMED], ids=["mixed", "named", "unnamed"])
def test_offset_and_length_find_each_line_again(lines: list[bytes]):
    [batch] = batches(lines)
    block = b"".join(lines)

    found = [block[line.offset : line.offset + line.length] for line in batch.instructions]

    assert found == [lines[line.line_number - 1] for line in batch.instructions]


def test_usual_lines_of_one_kind_are_read_together():
    named, unnamed = (read_all_usual(lines, parser()) for lines in (NAMED, UNNAMED))

    assert named == ([str(number) for number in range(9)], ['{"a":"é"}\n'.encode()] * 9)
    assert unnamed == (None, UNNAMED)


@pytest.mark.parametrize("neighbours", [NAMED, UNNAMED], ids=["named", "unnamed"])
@pytest.mark.parametrize("line", [line for line, *_ in [*ACCEPTED.values(), *REJECTED.values()]])
@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_line_is_read_as_if_it_were_alone(line: bytes, neighbours: list[bytes], at: int):
    lines = [*neighbours[:at], line.rstrip(b"\n") + b"\n", *neighbours[at:]]
    reader = NdjsonReader(Operation.MERGE, str)

    together = [outcome for outcome, _, _ in reader.read([lines], Checkpoint(100, 10))]

    assert together == [
        reader.read_line(line, 11 + before, 100 + len(b"".join(lines[:before])))
        for before, line in enumerate(lines)
    ]
