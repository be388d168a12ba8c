"""The parameter `filters`: JSON, or the text of a Python dict as the vendor's example clients send it."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import orjson

from api.usecases.exports import Filters
from api.usecases.jobs import JobRefused

LONGEST = 64 * 1024
MOST_VALUES = 1000
EXPECTED = 'an object of fields and their values is expected, such as {"city": ["Bern", "Basel"]}'

_ESCAPE = r"\\(?:[\\'\"abfnrtv]|x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8})"
_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<text>[uU]?(?:'(?:[^'\\\n]|{_ESCAPE})*'|"(?:[^"\\\n]|{_ESCAPE})*"))
      | (?P<word>True|False|None)\b
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)L?(?![\w.])
      | (?P<mark>[{{}}\[\](),:])
    )\s*""",
    re.VERBOSE,
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_MARKS = {"(": "[", ")": "]"}

# Numbers keep every digit: integers of any size, and fractions as the texts that they will be.
_decode = msgspec.json.Decoder(float_hook=str).decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (ValueError, SyntaxError, RecursionError, msgspec.DecodeError, orjson.JSONEncodeError)


def filters_of(text: str | None) -> Filters | None:
    """By field, the values as text of which an item has one; None where nothing is filtered.

    Raises JobRefused.
    """
    given = _parsed(text or "")
    if not given:  # {}, null, "" and the 0 that a client sends that was given no filters
        return None
    if not isinstance(given, dict):
        raise JobRefused(f"The parameter filters cannot be used: {EXPECTED}.")
    filters = {name: _values(name, value) for name, value in given.items()}
    if any("\0" in text for name, values in filters.items() for text in (name, *values)):
        raise JobRefused("The parameter filters holds the character NUL, which no item does.")
    if sum(map(len, filters.values())) > MOST_VALUES:
        raise JobRefused(f"The parameter filters has more than {MOST_VALUES} values.")
    return filters


def _values(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(one, dict | list) or one is None for one in values):
        raise JobRefused(f"The filter on {name!r} cannot be used: a value or a list of values is expected.")
    return [one if isinstance(one, str) else _encode(one).decode() for one in values]


def _parsed(text: str) -> object:
    if not text.strip():
        return None
    if len(text) > LONGEST:
        raise JobRefused(f"The parameter filters has {len(text)} characters; {LONGEST} are allowed.")
    with suppress(*_UNREADABLE):
        return _decode(text)
    try:
        return _decode("".join(_as_json(text)))
    except _UNREADABLE as error:
        raise JobRefused(f"The parameter filters cannot be read: {EXPECTED}.") from error


def _as_json(text: str) -> Iterator[str]:
    """Python literals, token by token, as JSON. Only single strings are left to Python's own parser.

    Raises what is in _UNREADABLE for what is no literal or no text.
    """
    position, comma = 0, ""
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(text[position : position + 20])
        position = token.end()
        if token["mark"] == ",":
            comma = ","
            continue
        closes = token["mark"] in ("}", "]", ")")
        yield ("" if closes else comma) + _token_as_json(token)
        comma = ""


def _token_as_json(token: re.Match[str]) -> str:
    if token["text"]:
        return orjson.dumps(ast.literal_eval(token["text"])).decode()
    if token["word"]:
        return _WORDS[token["word"]]
    return token["number"] or _MARKS.get(token["mark"], token["mark"])
