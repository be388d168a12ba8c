"""The values a template knows: plain JSON, and the few things that can be asked of it.

`member` is the only way from one value to another. It looks into lists and maps by their own keys and
never asks Python for an attribute, which is why no spelling of a template reaches more than data.
"""

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

Value: TypeAlias = bool | int | float | Decimal | str | list[Any] | dict[str, Any] | None

_encode = msgspec.json.Encoder(decimal_format="number").encode


def member(value: Value, key: Value) -> Value:
    """What `value` holds under a name or an index (from 0, negative from the end); None if nothing."""
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else None
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else None
    return None


def text_of(value: Value) -> str:
    """The value as a template writes it: texts as they are, nothing for None, all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


def json_text(value: Value) -> str:
    """The value as JSON, without spaces."""
    return _encode(value).decode()


def is_number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def entries(value: Value) -> list[Any]:
    """What a loop runs over: a list's entries, a map's values, nothing of anything else."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def size(value: Value, most: int) -> int:
    """How many values a list or map holds, counted into its depths; counting stops above `most`.

    A list can hold another one many times over, so a few steps of a template can make one that only
    looks small: [$a, $a] thirty times is a billion entries to whoever writes them out.
    """
    count = 0
    pending: list[Any] = [value]
    while pending and count <= most:
        within = entries(pending.pop())
        count += len(within)
        pending += within
    return count
