"""NDJSON blocks into batches of instructions.

A line is parsed twice, both times in C: strictly, to know that PostgreSQL will take it, and at its
top level only, to cut `documentid` out while every other byte stays as it came. Digits and escapes
therefore survive, which a parse into Python values would not let them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import orjson

from shared.instructions import (
    MAX_DOCUMENTID_CHARACTERS,
    Batch,
    Checkpoint,
    Instruction,
    Rejection,
    is_usable_documentid,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BLANK = b" \t\r\n"
_parse = orjson.loads
_cut = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_join = msgspec.json.Encoder().encode

MakeDocumentid = Callable[[int], str]


class Refusal(NamedTuple):
    """Why a line cannot become a document."""

    code: str
    reason: str


def read_batches(
    lines: Iterable[bytes],
    start: Checkpoint,
    *,
    make_documentid: MakeDocumentid | None,
    max_lines: int,
    max_bytes: int,
) -> Iterator[Batch]:
    """Batches of the block's lines from `start` on; the last one ends where the lines do.

    `lines` keep their line ends. A line without a documentid gets one from `make_documentid`; where
    that is None it names no document. A batch ends after `max_lines` lines or with the line that
    reaches `max_bytes`. Memory is bounded by one batch.
    """
    instructions: list[Instruction] = []
    rejections: list[Rejection] = []
    begin = offset = start.offset
    number = start.line_number
    last = number + max_lines
    for line in lines:
        number += 1
        length = len(line)
        outcome = read_line(line, number, offset, make_documentid)
        if type(outcome) is Instruction:
            instructions.append(outcome)
        elif outcome is not None:
            rejections.append(outcome)  # type: ignore[arg-type]
        offset += length
        if number >= last or offset - begin >= max_bytes:
            yield Batch(instructions, rejections, Checkpoint(offset, number))
            instructions, rejections = [], []
            begin, last = offset, number + max_lines
    if offset > begin:
        yield Batch(instructions, rejections, Checkpoint(offset, number))


def read_line(
    line: bytes, number: int, offset: int, make_documentid: MakeDocumentid | None
) -> Instruction | Rejection | None:
    """What one line asks for: an Instruction, a Rejection, or None for a blank line."""
    text = line.removeprefix(BYTE_ORDER_MARK) if not offset else line
    try:
        properties = _parse(text)
    except orjson.JSONDecodeError as error:
        return _rejection(line, number, offset, _explain(text, error)) if text.strip(_BLANK) else None
    if type(properties) is not dict:
        return _rejection(line, number, offset, NOT_AN_OBJECT)
    given = properties.get("documentid", _ABSENT)
    if b"\\" in text and b"\\u0000" in text and _holds_nul(properties):
        return _rejection(line, number, offset, NUL_CHARACTER, given)
    if given is _ABSENT:
        documentid = None if make_documentid is None else make_documentid(number)
        return Instruction(number, offset, len(line), documentid, text.strip(_BLANK))
    pieces = _cut(text)
    as_written = pieces.pop("documentid")
    if type(given) is int or type(given) is float:
        given = bytes(as_written).decode()
    if type(given) is not str or not is_usable_documentid(given):
        return _rejection(line, number, offset, UNUSABLE_DOCUMENTID)
    return Instruction(number, offset, len(line), given, _join(pieces))


_ABSENT = object()

NOT_AN_OBJECT = Refusal(
    "not_an_object", "The line is valid JSON, but not an object: one {...} a line is expected."
)
NUL_CHARACTER = Refusal("nul_character", "The line holds the character \\u0000, which cannot be stored.")
UNUSABLE_DOCUMENTID = Refusal(
    "invalid_documentid",
    f"The documentid must be a text of 1 to {MAX_DOCUMENTID_CHARACTERS} characters without control"
    " characters and '/', or a number.",
)


def _holds_nul(value: object) -> bool:
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            pending += value
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    return False


def _rejection(line: bytes, number: int, offset: int, refusal: Refusal, given: object = None) -> Rejection:
    documentid = given if isinstance(given, str) and is_usable_documentid(given) else None
    return Rejection(number, offset, len(line), documentid, refusal.code, refusal.reason)


# What the strict parser's messages mean to the person who wrote the line.
_MEANINGS = (
    ("not valid UTF-8", "invalid_utf8", "The line is not valid UTF-8."),
    ("surrogate", "lone_surrogate", "The line holds half of a surrogate pair, which is no character."),
    ("depth limit", "nesting_too_deep", "The line is nested deeper than 1024 levels."),
    ("infinity", "number_out_of_range", "The line holds a number beyond 1.7976931348623157e308."),
)
_NOT_NUMBERS = re.compile(rb"-?(NaN|Infinity)\b")


def _explain(text: bytes, error: orjson.JSONDecodeError) -> Refusal:
    for words, code, reason in _MEANINGS:
        if words in error.msg:
            return Refusal(code, reason)
    # error.pos counts characters of the decoded text.
    at = len(text.decode()[: error.pos].encode())
    if _NOT_NUMBERS.match(text, at):
        return Refusal("not_a_number", "The line holds NaN or Infinity, which JSON does not know.")
    return Refusal("invalid_json", f"The line is not valid JSON: {error.msg} (character {error.pos + 1}).")
