"""Any line is an instruction that PostgreSQL takes, or a rejection: as NDJSON and as an item of a file."""

import io

import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.usecases.services import Service
from shared.formats.batching import Outcome
from shared.formats.items import ItemReader, ItemType
from shared.formats.json_lines import MAX_NESTING, holds_nul, parse_object
from shared.formats.ndjson import NdjsonReader
from shared.formats.usual_lines import parser, read_usual
from shared.ground import Ground
from shared.instructions import Checkpoint, Instruction, Operation, Rejection, is_usable_documentid
from shared.storage import reading
from tests.fuzz.fuzzing import altered, fuzzed, fuzzed_often, fuzzed_seldom, of_pieces
from tests.fuzz.json_corpus import CORPUS
from tests.fuzz.json_texts import objects
from tests.integration.builders import an_import, work_off

SHORT = {
    name: b'{"documentid":"1","a":%b}' % value for name, (value, _) in CORPUS.items() if len(value) < 500
}
ITEMS = {
    name: b'{"headers":{"type":"A","action":"Merge","id":"1"},"data":{"k":"1","a":%b}}' % value
    for name, (value, _) in CORPUS.items()
    if len(value) < 500
}
KEYS = {name: b'{"k":%b}' % value for name, (value, _) in CORPUS.items() if len(value) < 500}
PIECES = """
    { } [ ] : , " \\ 0 1 - . e + {"a":1} {"documentid":"1"} "documentid" "headers" "data" "k" NaN true
    {"documentid": {"headers":{},"data": {"headers":{"type":"A","action":"Delete"},"data":{"k":"1"}}
    null \\" \\u0000 \\ud800 \\udc00 1e400 1e-400 1e-16384 {"k":1e- 999999999999999999999999999999
"""
BLANKS = [" ", "\t", "\r", "\n", "\0", "\ufeff", "\u2028"]
DEEP = ["[" * (MAX_NESTING + 1), "]" * (MAX_NESTING + 1)]
OBJECTS = objects("documentid", "a", "b", "c", "d", 'e"')
LINES = (
    OBJECTS
    | altered(SHORT)
    | altered(ITEMS)
    | altered(KEYS)
    | of_pieces([*PIECES.split(), *BLANKS, *DEEP]).map(str.encode)
    | st.binary(max_size=60)
)

PARSE = parser()
READERS = {
    "lines": NdjsonReader(Operation.MERGE, str),
    "items": ItemReader(ItemType("A", "k", merges=True), str),
}


def is_sound(outcome: Outcome, line: bytes) -> bool:
    """Whether the outcome is one of the three there are, with nothing in it that the database refuses."""
    if isinstance(outcome, Instruction):
        properties = orjson.loads(outcome.properties)
        is_named = outcome.documentid is not None and is_usable_documentid(outcome.documentid)
        return type(properties) is dict and is_named and outcome.length == len(line)
    if isinstance(outcome, Rejection):
        told = outcome.documentid is None or is_usable_documentid(outcome.documentid)
        return told and bool(outcome.code) and outcome.reason.isprintable() and outcome.length == len(line)
    return not line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")


@fuzzed
@given(LINES)
def test_a_line_that_is_read_quickly_is_one_that_the_strict_way_accepts(line: bytes):
    assert_read_alike(line)


@fuzzed_often
@given(OBJECTS)
def test_an_object_that_is_read_quickly_is_read_as_in_the_strict_way(line: bytes):
    """With white space behind it, an id went on to the end of a later text."""
    assert_read_alike(line)


def assert_read_alike(line: bytes) -> None:
    usual = read_usual(line, PARSE)
    if usual is not None:
        strict = parse_object(line)
        assert isinstance(strict, dict)
        documentid = strict.pop("documentid", None)
        assert (documentid, strict) == (usual[0], orjson.loads(usual[1]))
        assert not holds_nul(line, strict)


@fuzzed_often
@given(
    st.sampled_from([b"{}", b'{"documentid":"1","a":1}']),
    st.lists(OBJECTS | altered(SHORT) | of_pieces(PIECES.split()).map(str.encode), max_size=3),
)
def test_lines_that_are_read_together_are_read_as_each_of_them_alone(first: bytes, others: list[bytes]):
    lines = io.BytesIO(b"\n".join([first, *others])).readlines()

    together = [outcome for outcome, _, _ in READERS["lines"].read([lines], Checkpoint(0, 0))]

    assert together == [
        READERS["lines"].read_line(line, number, len(b"".join(lines[: number - 1])))
        for number, line in enumerate(lines, 1)
    ]


@fuzzed
@given(st.sampled_from(sorted(READERS)), LINES)
def test_any_line_is_an_instruction_or_a_rejection(kind: str, line: bytes) -> None:
    for outcome in (READERS[kind].read_line(line, 1, 0), READERS[kind].read_line(line, 7, 50)):
        assert is_sound(outcome, line)


@fuzzed_seldom
@given(st.lists(LINES, min_size=20, max_size=40))
def test_any_lines_become_documents_or_rejections(
    ground: Ground, service: Service, lines: list[bytes]
) -> None:
    block = b"\n".join(lines)
    groups = reading.lines(io.BytesIO(block))
    asked = sum(outcome is not None for outcome, _, _ in READERS["lines"].read(groups, Checkpoint(0, 0)))

    done = work_off(ground, service, an_import(ground, service, block))

    assert (done.status, done.failure_count) == ("complete", 0)
    told = (done.created_documents, done.updated_documents, done.skipped_documents, done.rejected_documents)
    assert sum(told) == asked
