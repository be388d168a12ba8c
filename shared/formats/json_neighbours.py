"""Neighbouring items of a JSON list that begin alike, found by one parse of all of them.

Where one ends is otherwise found item by item, which makes Python values of each.
"""

from collections.abc import Sequence

import msgspec

# Looked at together. Memory is bounded by it, and what a look takes that finds none.
MOST_CHARACTERS_TOGETHER = 1 << 17
# Items passed over at most before the next look: each look in vain doubles them.
_MOST_PAUSE = 1 << 12

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Neighbours:
    """Takes items that begin as the first one of the list does."""

    def __init__(self, first: str, between: str) -> None:
        """`between` is what stands between it and the second one."""
        name, colon, _ = first.partition(":")
        self._is_object = first.startswith("{") and first.endswith("}") and bool(colon)
        self._end = "}" + between
        self._end_and_next = self._end + name + colon
        self._pause = self._passed = 0

    def take(self, text: str, start: int) -> tuple[Sequence[msgspec.Raw], int]:
        """The items from `start`, where one begins, to the last one with another behind it; where that is.

        None of them, and `start`, where one has to be looked at more closely, or there is but one.
        """
        if self._passed < self._pause or not self._is_object:
            self._passed += 1
            return (), start
        self._passed = 0
        last = text.rfind(self._end_and_next, start, start + MOST_CHARACTERS_TOGETHER)
        found = _parsed(text[start : last + 1]) if last > 0 else ()
        if found:
            self._pause = 0
            return found, last + len(self._end)
        self._pause = min(2 * self._pause + 1, _MOST_PAUSE)
        return (), start


def _parsed(items: str) -> Sequence[msgspec.Raw]:
    """The items; none of them where one is no JSON, or not to everybody."""
    try:
        return _items(b"[%b]" % items.encode())
    except (msgspec.DecodeError, RecursionError):
        return ()
