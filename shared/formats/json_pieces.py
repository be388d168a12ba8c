"""The items of a JSON file: of a list, or one a line.

A list is read with the parser that comes with Python, for the end of each item only, where neighbours do not
begin alike: what stands between is passed on as it came. ijson 3.6 was given up for it: a number of 5,000
digits crashes the process, deep nesting takes all memory there is, and half of a surrogate pair becomes a
`?`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TextIO

import msgspec

from shared.formats.json_lines import parse_object
from shared.formats.json_neighbours import Neighbours
from shared.formats.pieces import MAX_PIECE_CHARACTERS, FileRefused, Piece, groups, too_long

WINDOW_CHARACTERS = 1 << 20
LINES_LOOKED_AT = 100
# Before the first item. They are read one by one, and nobody looks around meanwhile.
MAX_LEADING_BLANKS = 1 << 20

# Digits are not looked at: Python would refuse a number with more than 4,300 of them.
_decode = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode
_blanks = re.compile(r"[ \t\r\n]*").match
_behind = re.compile(r"[ \t\r\n]*(?:,[ \t\r\n]*|\])").match
_BLANK_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def json_pieces(text: TextIO) -> Iterator[Piece]:
    """Each item as one line. Raises FileRefused where the file is neither a list nor one item a line."""
    blank_lines, first = _first_character(text)
    if first == "[":
        yield from _items(text)
    elif first:
        yield from repeat((b"\n", 1, 1), blank_lines)
        yield from _lines(first, text, blank_lines)


def _one_line(item: bytes) -> bytes:
    """The item with a line end behind it, and none inside, where they only stand between values."""
    if b"\n" in item or b"\r" in item:
        item = item.translate(_BLANK_LINE_ENDS)
    return item + b"\n"


def _one_line_each(items: Sequence[msgspec.Raw]) -> bytes:
    lines = b"\n".join(items) + b"\n"
    if b"\r" not in lines and lines.count(b"\n") == len(items):
        return lines
    return b"".join(_one_line(bytes(item)) for item in items)


def _first_character(text: TextIO) -> tuple[int, str]:
    """How many line ends come before the first character that is not blank, and that one."""
    blanks = blank_lines = 0
    while (character := text.read(1)) and character in " \t\r\n":
        blanks += 1
        blank_lines += character == "\n"
        if blanks > MAX_LEADING_BLANKS:
            raise FileRefused(f"The file begins with more than {MAX_LEADING_BLANKS} blanks.")
    return blank_lines, character


class _Window:
    """The part of the text that is held: from the first character not yet used on."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.held = ""
        self.used = 0

    def grow(self) -> bool:
        """Hold more, at least twice as much; False at the end of the text."""
        rest = self.held[self.used :]
        more = self._text.read(max(WINDOW_CHARACTERS, len(rest)))
        self.held, self.used = rest + more, 0
        return bool(more)

    def has_more(self) -> bool:
        """Whether anything but blanks comes; they are used up."""
        while True:
            self.used = _blanks(self.held, self.used).end()  # type: ignore[union-attr]
            if self.used < len(self.held) or not self.grow():
                return self.used < len(self.held)


def _items(text: TextIO) -> Iterator[Piece]:
    """The items of the list behind its opening bracket."""
    window = _Window(text)
    is_empty = window.has_more() and window.held.startswith("]", window.used)
    window.used += is_empty
    number = 0
    if not is_empty:
        for piece in _all_items(window):
            number += piece[2]
            yield piece
    if window.has_more():
        raise FileRefused(f"The file is not JSON: something stands behind the list of {number} items.")


def _all_items(window: _Window) -> Iterator[Piece]:
    """The items up to the closing bracket, which is used up, too."""
    item, behind = _item(window, 1)
    neighbours = Neighbours(item, behind)
    yield _one_line(item.encode()), 1, 1
    number = 1
    while "," in behind:
        found, window.used = neighbours.take(window.held, window.used)
        if found:
            number += len(found)
            yield _one_line_each(found), len(found), len(found)
        else:
            number += 1
            item, behind = _item(window, number)
            yield _one_line(item.encode()), 1, 1


def _item(window: _Window, number: int) -> tuple[str, str]:
    """The next item's text, and what stands behind it: a comma or the closing bracket, blanks around it."""
    while True:
        start = _blanks(window.held, window.used).end()  # type: ignore[union-attr]
        try:
            _, end = _decode(window.held, start)
        except json.JSONDecodeError as error:
            wrong = error.msg
        except RecursionError as error:
            raise FileRefused(f"Item {number} of the file is nested too deeply.") from error
        else:
            if end - start > MAX_PIECE_CHARACTERS:
                raise too_long(f"Item {number} of the file")
            if behind := _behind(window.held, end):
                window.used = behind.end()
                return window.held[start:end], behind[0]
            wrong = "Expecting ',' or ']' behind it"
        # Perhaps there is more of it than we hold; blanks before it are held, too.
        if len(window.held) - window.used > MAX_PIECE_CHARACTERS:
            raise too_long(f"Item {number} of the file")
        if not window.grow():
            raise FileRefused(f"The file is not JSON: item {number} cannot be read. {wrong}.")


def _lines(first: str, text: TextIO, lines_before: int) -> Iterator[Piece]:
    read = partial(text.readline, MAX_PIECE_CHARACTERS + 1)
    looked_at, is_json = 0, False
    number = lines_before
    for line in chain([first + read()], iter(read, "")):
        number += 1
        if len(line) > MAX_PIECE_CHARACTERS:
            raise too_long(f"Line {number} of the file")
        piece = line.encode()
        if line.strip():
            looked_at += 1
            is_json = isinstance(parse_object(piece.strip()), dict)
            if looked_at == LINES_LOOKED_AT and not is_json:
                raise _no_json()
        yield (piece if line.endswith("\n") else piece + b"\n"), 1, 1
        if is_json:
            yield from _other_lines(text, number)
    if looked_at and not is_json:
        raise _no_json()


def _other_lines(text: TextIO, number: int) -> Iterator[Piece]:
    """The lines behind the first `number` of the file."""
    for group in groups(text):
        ended = group if group.endswith("\n") else group + "\n"
        lines = ended.count("\n")
        number += lines
        if len(group) - (group.rfind("\n", 0, -1) + 1) > MAX_PIECE_CHARACTERS:
            raise too_long(f"Line {number} of the file")
        yield ended.encode(), lines, lines


def _no_json() -> FileRefused:
    return FileRefused("The file is neither a JSON list of items nor one JSON object a line.")
