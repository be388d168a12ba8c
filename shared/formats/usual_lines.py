"""Lines of the usual shape, read by looking at a few of their bytes.

Of the two parses that any other line takes (`shared.formats.json_lines`) one is left, which makes no Python
values: it accepts less than the strict one does, and never more. Short neighbours of one kind are read
together, since what Python does for each line costs more than the parse.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence

import simdjson

from shared.formats.json_lines import MAX_NESTING, grows_too_large
from shared.instructions import usable_documentids

_KEY = b'"documentid"'
_HEAD = b"{" + _KEY + b':"'
_HEAD_LENGTH = len(_HEAD)
# Of lines that are read together. So few cannot be nested too deeply, nor hold numbers that grow too large.
MOST_BYTES_TOGETHER = MAX_NESTING

_SPELLING = (rb"\u0000", rb"\u006", rb"\u007")
_heads = re.compile(re.escape(_HEAD) + rb'([^"\\]*)",')

Parse = Callable[[bytes], object]


def parser() -> Parse:
    """What checks a line. It serves one thread."""
    parse: Parse = simdjson.Parser().parse
    return parse


def read_usual(line: bytes, parse: Parse) -> tuple[str | None, bytes] | None:
    """The object's documentid, or None, and the object without it, as it was written, line end included.

    Not a pair but None where the line has to be looked at more closely: whatever is wrong, and an object with
    a `documentid` that does not come first, is no text, or has escapes.
    """
    if _may_spell(line) or (len(line) > MAX_NESTING and _may_be_excessive(line)):
        return None
    try:
        parse(line)
    except (ValueError, RuntimeError):
        return None
    if not line.startswith(_HEAD):
        return None if _KEY in line or not line.startswith(b"{") else (None, line)
    end = line.find(b'"', _HEAD_LENGTH)
    documentid, rest = line[_HEAD_LENGTH:end], line[end + 2 :]
    if not line.startswith(b'",', end) or b"\\" in documentid or _KEY in rest:
        return None
    return documentid.decode(), b"{" + rest


def read_all_usual(lines: Sequence[bytes], parse: Parse) -> tuple[list[str] | None, Sequence[bytes]] | None:
    """The usable documentids of all lines, or None where none has any, and the objects without them.

    Not a pair but None where one of the lines is long, unlike the others or has to be looked at closely.
    """
    if len(max(lines, key=len)) > MOST_BYTES_TOGETHER or _may_spell(text := b"".join(lines)):
        return None
    try:
        deque(map(parse, lines), maxlen=0)
    except (ValueError, RuntimeError):
        return None
    if _KEY in text:
        return _read_named(text, len(lines))
    return (None, lines) if _each_begins_with(b"{", text, len(lines)) else None


def _read_named(text: bytes, lines: int) -> tuple[list[str], list[bytes]] | None:
    if not _each_begins_with(_HEAD, text, lines) or text.count(_KEY) != lines:
        return None
    # Of each line its id and what is behind it; of one that has nothing more, neither.
    pieces = _heads.split(text)
    documentids = usable_documentids(pieces[1::2])
    if documentids is None or len(documentids) != lines:
        return None
    return documentids, [b"{" + rest for rest in pieces[2::2]]


def _each_begins_with(head: bytes, text: bytes, lines: int) -> bool:
    return text.startswith(head) and text.count(b"\n" + head) == lines - 1


def _may_spell(text: bytes) -> bool:
    # An escape may spell the character NUL, or a second `documentid`.
    return b"\\" in text and b"\\u00" in text and any(escape in text for escape in _SPELLING)


def _may_be_excessive(line: bytes) -> bool:
    return line.count(b"{") + line.count(b"[") > MAX_NESTING or grows_too_large(line)
