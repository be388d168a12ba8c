"""Lines of the usual shape, read by looking at a few of their bytes.

Of the two parses that any other line takes (`shared.formats.json_lines`) one is left, which makes no Python
values: it accepts less than the strict one does, and never more.
"""

from collections.abc import Callable

import simdjson

from shared.formats.json_lines import BLANK, MAX_NESTING

_KEY = b'"documentid"'
_HEAD = b"{" + _KEY + b':"'
_HEAD_LENGTH = len(_HEAD)
_MAX_LENGTH = 10_000  # beyond it numbers may grow too large

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
    if (b"\\" in line or len(line) > MAX_NESTING) and _may_be_special(line):
        return None
    try:
        parse(line)
    except (ValueError, RuntimeError):
        return None
    if not line.startswith(_HEAD):
        return None if _KEY in line or not line.startswith(b"{") else (None, line.strip(BLANK))
    end = line.find(b'"', _HEAD_LENGTH)
    documentid, rest = line[_HEAD_LENGTH:end], line[end + 2 :]
    if not line.startswith(b'",', end) or b"\\" in documentid or _KEY in rest:
        return None
    return documentid.decode(), b"{" + rest


def _may_be_special(line: bytes) -> bool:
    # An escape may spell the character NUL, or a second `documentid`.
    if b"\\u00" in line:
        return True
    return len(line) > MAX_NESTING and (
        len(line) > _MAX_LENGTH or line.count(b"{") + line.count(b"[") > MAX_NESTING
    )
