"""The functions a template may call: this table and no others.

They take and give plain values, and ask nothing of the world. What makes more than it is given counts
what it will make first.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from shared.templates.dates import format_date, parse_date
from shared.templates.errors import Misuse
from shared.templates.numbers import format_number, read_number
from shared.templates.run import Run
from shared.templates.values import Value, entries, json_text, text_of


class Function(NamedTuple):
    """How a function is called, and how many arguments it takes."""

    call: Callable[[Run, list[Value]], Value]
    least: int
    most: int


def csv_quote(value: Value) -> str:
    """The value as one CSV cell (RFC 4180), in quotes where it needs them."""
    text = text_of(value)
    if _needs_quotes(text) or value == "":
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_safe(value: Value) -> str:
    """As `csv_quote`, and a text that a spreadsheet would run as a formula starts with an apostrophe."""
    return csv_quote(f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value)


def default(value: Value, fallback: Value) -> Value:
    return fallback if value is None or value == "" else value


def substring(value: Value, start: Value, end: Value = None) -> str:
    """From `start`, counted from 0, to before `end`; negative ones count from the end."""
    if not isinstance(start, int) or not isinstance(end, int | None):
        raise Misuse("$text.substring needs whole numbers as its positions.")
    return text_of(value)[start:end]


def replace(run: Run, value: Value, old: Value, new: Value) -> str:
    text, given, wanted = text_of(value), text_of(old), text_of(new)
    if not given:
        return text
    run.reserve(text.count(given) * len(wanted))
    return text.replace(given, wanted)


def split(run: Run, value: Value, separator: Value) -> Value:
    text, at = text_of(value), text_of(separator)
    if not at:
        raise Misuse("$text.split needs a separator, and it is empty.")
    run.spend(text.count(at) + 1)
    return list(text.split(at)) if text else []


def length(value: Value) -> int:
    """Characters of a text, entries of a list or map."""
    return len(value) if isinstance(value, list | dict) else len(text_of(value))


def join(run: Run, value: Value, separator: Value) -> str:
    between = text_of(separator)
    texts = []
    for entry in entries(value):
        text = text_of(entry)
        run.reserve(len(text) + len(between))
        texts.append(text)
    return between.join(texts)


def keys(run: Run, value: Value) -> Value:
    """The names of a map's entries, in their order."""
    if not isinstance(value, dict):
        return []
    run.spend(len(value))
    return list(value)


_needs_quotes = re.compile(r'[,;\t"\r\n]|^[ ]|[ ]$').search
# As in exports without a template; some of them are twice as wide.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def _plain(function: Callable[..., Value], least: int, most: int | None = None) -> Function:
    return Function(lambda _run, arguments: function(*arguments), least, most or least)


def _counted(function: Callable[..., Value], arguments: int) -> Function:
    return Function(lambda run, given: function(run, *given), arguments, arguments)


FUNCTIONS: dict[str, dict[str, Function]] = {
    "csv": {
        "quote": _plain(csv_quote, 1),
        "safe": _plain(csv_safe, 1),
    },
    "json": {
        "quote": _plain(json_text, 1),
    },
    "text": {
        "default": _plain(default, 2),
        "upper": _plain(lambda value: text_of(value).upper(), 1),
        "lower": _plain(lambda value: text_of(value).lower(), 1),
        "trim": _plain(lambda value: text_of(value).strip(), 1),
        "replace": _counted(replace, 3),
        "substring": _plain(substring, 2, 3),
        "length": _plain(length, 1),
        "contains": _plain(lambda value, part: text_of(part) in text_of(value), 2),
        "startsWith": _plain(lambda value, part: text_of(value).startswith(text_of(part)), 2),
        "endsWith": _plain(lambda value, part: text_of(value).endswith(text_of(part)), 2),
        "split": _counted(split, 2),
    },
    "number": {
        "of": _plain(read_number, 1),
        "format": _plain(format_number, 2),
    },
    "date": {
        "format": _plain(format_date, 2),
        "parse": _plain(parse_date, 2),
    },
    "list": {
        "size": _plain(length, 1),
        "join": _counted(join, 2),
    },
    "map": {
        "keys": _counted(keys, 1),
    },
}
