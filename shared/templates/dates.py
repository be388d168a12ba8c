"""Dates out of texts, and dates as texts, by the letters of Java's SimpleDateFormat."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from shared.templates.errors import Misuse
from shared.templates.values import Value, text_of

_MAX_CHARACTERS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Field(NamedTuple):
    """One piece of a pattern: what strptime calls it, and how it is written."""

    directive: str
    write: Callable[[datetime], str]


def format_date(value: Value, pattern: Value) -> str:
    """The date as the pattern asks; what is no date stays as it is.

    A date is an ISO 8601 text or a number, milliseconds since 1970; without a zone it is UTC.
    """
    fields = _fields_of(text_of(pattern))
    moment = _moment(value)
    return text_of(value) if moment is None else "".join(field.write(moment) for field in fields)


def parse_date(value: Value, pattern: Value) -> str:
    """The date that is written in this pattern as ISO 8601; what does not fit it stays as it is."""
    directives = [field.directive for field in _fields_of(text_of(pattern))]
    _refuse_doubles(directives)
    text = text_of(value)
    if len(text) > _MAX_CHARACTERS:
        return text
    try:
        moment = datetime.strptime(text.strip(), "".join(directives))  # noqa: DTZ007  (the pattern may name a zone)
    except ValueError:
        return text
    has_time = _TIMES.intersection(directives)
    return moment.isoformat() if has_time else moment.date().isoformat()


def _moment(value: Value) -> datetime | None:
    try:
        if isinstance(value, str) and len(value) <= _MAX_CHARACTERS:
            moment: datetime = datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=float(value))
    except (ValueError, OverflowError):
        pass
    return None


@lru_cache(maxsize=128)
def _fields_of(pattern: str) -> tuple[_Field, ...]:
    if len(pattern) > _MAX_CHARACTERS:
        raise Misuse(f"a date pattern has at most {_MAX_CHARACTERS} characters.")
    return tuple(_field(piece[0]) for piece in _PIECES.finditer(pattern))


def _field(piece: str) -> _Field:
    if piece in _FIELDS:
        return _FIELDS[piece]
    if piece == "'" or piece.isalpha():
        raise Misuse(f"{piece!r} is no part of a date pattern; known are {' '.join(_FIELDS)} and 'text'.")
    text = "'" if piece == "''" else piece[1:-1].replace("''", "'") if piece[0] == "'" else piece
    return _Field(text.replace("%", "%%"), lambda _moment: text)


def _refuse_doubles(directives: list[str]) -> None:
    for directive in _DIRECTIVES:
        if directives.count(directive) > 1:
            raise Misuse("a date pattern to read by names each part once.")


def _by(form: str) -> Callable[[datetime], str]:
    return lambda moment: moment.strftime(form)


def _offset(moment: datetime) -> str:
    return "Z" if not moment.utcoffset() else moment.isoformat()[-6:]


_PIECES = re.compile(r"''|'(?:[^']|'')+'|([A-Za-z])\1*|[^A-Za-z']+|'")
_FIELDS = {
    "yyyy": _Field("%Y", lambda moment: f"{moment.year:04}"),
    "yy": _Field("%y", _by("%y")),
    "MMMM": _Field("%B", _by("%B")),
    "MMM": _Field("%b", _by("%b")),
    "MM": _Field("%m", _by("%m")),
    "M": _Field("%m", lambda moment: str(moment.month)),
    "dd": _Field("%d", _by("%d")),
    "d": _Field("%d", lambda moment: str(moment.day)),
    "EEEE": _Field("%A", _by("%A")),
    "EEE": _Field("%a", _by("%a")),
    "HH": _Field("%H", _by("%H")),
    "H": _Field("%H", lambda moment: str(moment.hour)),
    "hh": _Field("%I", _by("%I")),
    "h": _Field("%I", lambda moment: str(moment.hour % 12 or 12)),
    "mm": _Field("%M", _by("%M")),
    "m": _Field("%M", lambda moment: str(moment.minute)),
    "ss": _Field("%S", _by("%S")),
    "s": _Field("%S", lambda moment: str(moment.second)),
    "SSS": _Field("%f", lambda moment: f"{moment.microsecond // 1000:03}"),
    "a": _Field("%p", _by("%p")),
    "Z": _Field("%z", _by("%z")),
    "XXX": _Field("%z", _offset),
}
_DIRECTIVES = frozenset(field.directive for field in _FIELDS.values())
_TIMES = frozenset({"%H", "%I", "%M", "%S", "%f"})
