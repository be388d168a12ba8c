"""How values read in a mail: on one line, with units, and without characters that play tricks."""

import re
from datetime import UTC, datetime

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# They reorder the text around them: "exe.pdf" can be made to read "fdp.exe".
_DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, without control characters."""
    line = _BREAKS.sub(" ", _DIRECTIONS.sub("", text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def duration(milliseconds: int) -> str:
    """Such as 0.4 s, 12.0 s, 2 min 5 s, 3 h 20 min."""
    tenths = round(milliseconds / 100)
    if tenths < 600:
        return f"{tenths / 10:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def size(size_bytes: int) -> str:
    """Such as 512 bytes, 1.5 kB, 20.0 MB."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    for unit, amount in (("kB", size_bytes / 1e3), ("MB", size_bytes / 1e6)):
        if round(amount, 1) < 1000:
            return f"{amount:.1f} {unit}"
    return f"{size_bytes / 1e9:.1f} GB"


def moment(at: datetime) -> str:
    """Such as 29 November 2026, 14:05 UTC."""
    in_utc = at.astimezone(UTC)
    return f"{in_utc.day} {in_utc:%B %Y, %H:%M} UTC"
