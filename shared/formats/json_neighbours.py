"""Neighbouring items of a JSON list that begin alike, found by one parse of all of them.

Where one ends is otherwise found item by item, which makes Python values of each.
"""

from collections.abc import Sequence

import msgspec

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Neighbours:
    """Takes items that begin as the first one of the list does."""

    def __init__(self, first: str, between: str) -> None:
        """`between` is what stands between it and the second one."""
        name, colon, _ = first.partition(":")
        self._is_object = first.startswith("{") and first.endswith("}") and bool(colon)
        self._end = "}" + between
        self._end_and_next = self._end + name + colon
        self._refused_text, self._refused_to = "", 0

    def take(self, text: str, start: int) -> tuple[Sequence[msgspec.Raw], int]:
        """The items from `start`, where one begins, to the last one with another behind it; where that is.

        None of them, and `start`, where one has to be looked at more closely, or there is but one.
        """
        last = text.rfind(self._end_and_next, start) if self._may_be_found(text, start) else -1
        if last < 0:
            return (), start
        try:
            found = _items(b"[%b]" % text[start : last + 1].encode())
        except (msgspec.DecodeError, RecursionError):
            self._refused_text, self._refused_to = text, last
            return (), start
        return found, last + len(self._end)

    def _may_be_found(self, text: str, start: int) -> bool:
        return self._is_object and not (text is self._refused_text and start <= self._refused_to)
