"""One line of JSON, strictly: what every format that is made of such lines agrees on.

A line is parsed twice, both times in C: strictly, to know that PostgreSQL will take it, and at its
top level only, to cut properties out while every other byte stays as it came. Digits and escapes
therefore survive, which a parse into Python values would not let them.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import orjson

from shared.instructions import MAX_DOCUMENTID_CHARACTERS, Rejection, is_usable_documentid

BLANK = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_cut = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_join = msgspec.json.Encoder().encode


# Where a line is, as instructions and rejections begin: its number, its offset, its length in bytes.
Place = tuple[int, int, int]


class Refusal(NamedTuple):
    """Why a line cannot become a document."""

    code: str
    reason: str


NOT_AN_OBJECT = Refusal(
    "not_an_object", "The line is valid JSON, but not an object: one {...} a line is expected."
)
# Below what the second, shallow parse takes, which is less than the strict one does.
MAX_NESTING = 500
TOO_DEEP = Refusal("nesting_too_deep", f"The line is nested deeper than {MAX_NESTING} levels.")
# The database keeps `1e-16000` in a few bytes and writes it out in 16,002, so that a small line could become
# a document that nobody can read. Nine characters are the fewest that grow most, to a little over 16,384.
MAX_GROWTH_BYTES = 20 * 1024 * 1024
_MOST_TIMES = 2000
# Without powers below -999: `1e-999,`. None is above 308, but for that of 0, which stays 0.
_MOST_TIMES_ELSE = 150
NUMBERS_TOO_LONG = Refusal(
    "numbers_too_long", f"The line's numbers, written out, have more than {MAX_GROWTH_BYTES} digits."
)
NUL_CHARACTER = Refusal("nul_character", "The line holds the character \\u0000, which cannot be stored.")


UNUSABLE_DOCUMENTID = Refusal(
    "invalid_documentid",
    f"The documentid must be a text of 1 to {MAX_DOCUMENTID_CHARACTERS} characters without control"
    " characters and '/', or a number.",
)


def parse_object(text: bytes) -> dict[str, Any] | Refusal:
    """The line's object as Python values, to decide by; numbers may have lost digits."""
    try:
        properties = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _explain(text, error)
    if type(properties) is not dict:
        return NOT_AN_OBJECT
    if is_too_deep(text, properties):
        return TOO_DEEP
    return NUMBERS_TOO_LONG if grows_too_large(text) else properties


def holds_nul(text: bytes, properties: object) -> bool:
    """Whether a string in it holds the character NUL, which PostgreSQL does not store."""
    # The cheap test sees every suspect; `"\\\\u0000"`, an escaped backslash before text, is none.
    return b"\\" in text and b"\\u0000" in text and _holds_nul(properties)


def cut_out(text: bytes, name: str) -> tuple[bytes, bytes]:
    """The text of property `name` of an object, and the object without it, both as they were written."""
    pieces = _cut(text)
    piece = bytes(pieces.pop(name))
    return piece, _join(pieces)


def rejection(line: bytes, number: int, offset: int, refusal: Refusal, given: object = None) -> Rejection:
    """The line as a rejection; `given` is what it names its document, whatever that may be."""
    return rejection_at((number, offset, len(line)), refusal, given)


def rejection_at(place: Place, refusal: Refusal, given: object = None) -> Rejection:
    """The same for a line that is known by its place only."""
    documentid = given if isinstance(given, str) and is_usable_documentid(given) else None
    return Rejection(*place, documentid, refusal.code, refusal.reason)


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


def is_too_deep(text: bytes, properties: object) -> bool:
    """Whether the JSON `text`, which was parsed to `properties`, is nested deeper than can be worked on."""
    # The cheap test sees every suspect, and costs nothing for most lines.
    if len(text) < MAX_NESTING or text.count(b"{") + text.count(b"[") <= MAX_NESTING:
        return False
    level = [properties]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in _members(outer)]
    return bool(level)


# Possessive, or a match would keep a way back for each of millions of characters.
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
# Powers of one digit make no number much longer.
_POWER = re.compile(rb"[0-9][eE][+-]?0*([1-9][0-9]{1,5})")
# Two, because what begins with a letter is found ten times faster than what begins with one of several.
_FAR_BELOW_ZERO = (re.compile(rb"e-[0-9]{4}"), re.compile(rb"E-[0-9]{4}"))


def grows_too_large(text: bytes) -> bool:
    """Whether powers of ten make numbers of the JSON `text` longer than may be written out."""
    if len(text) * _MOST_TIMES <= MAX_GROWTH_BYTES:
        return False
    if len(text) * _MOST_TIMES_ELSE <= MAX_GROWTH_BYTES and not any(
        power.search(text) for power in _FAR_BELOW_ZERO
    ):
        return False
    # Most long lines have no such numbers, even where what stands in their texts is counted, too.
    return _growth(text) > MAX_GROWTH_BYTES and _growth(TEXT.sub(b'""', text)) > MAX_GROWTH_BYTES


def _growth(text: bytes) -> int:
    """How many digits powers of ten may add to the text, at most."""
    return sum(map(int, _POWER.findall(text)))


def _members(value: object) -> Iterable[object]:
    """What is directly inside of an object or list and is one itself."""
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (member for member in found if isinstance(member, dict | list))


# What the strict parser's messages mean to the person who wrote the line.
_MEANINGS = (
    ("not valid UTF-8", "invalid_utf8", "The line is not valid UTF-8."),
    ("surrogate", "lone_surrogate", "The line holds half of a surrogate pair, which is no character."),
    ("infinity", "number_out_of_range", "The line holds a number beyond 1.7976931348623157e308."),
)
_NOT_NUMBERS = re.compile(rb"-?(NaN|Infinity)\b")


def _explain(text: bytes, error: orjson.JSONDecodeError) -> Refusal:
    if "depth limit" in error.msg:
        return TOO_DEEP
    for words, code, reason in _MEANINGS:
        if words in error.msg:
            return Refusal(code, reason)
    # error.pos counts characters of the decoded text.
    at = len(text.decode()[: error.pos].encode())
    if _NOT_NUMBERS.match(text, at):
        return Refusal("not_a_number", "The line holds NaN or Infinity, which JSON does not know.")
    return Refusal("invalid_json", f"The line is not valid JSON: {error.msg} (character {error.pos + 1}).")
