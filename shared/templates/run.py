"""One rendering: the names it sees, what it has written, and how much it may still do."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from shared.templates.errors import OutOfTime, TooMuch
from shared.templates.limits import Limits
from shared.templates.values import Value, member, size

Clock = Callable[[], float]


class Clocks(NamedTuple):
    """Where a rendering asks for the time, in seconds."""

    wall: Clock = time.monotonic
    processor: Clock = time.thread_time  # of this thread


class Run:
    """Everything that changes while a template is rendered. Methods that count may raise `TooMuch`."""

    __slots__ = (
        "_began",
        "_clocks",
        "_deadline",
        "_limits",
        "_room",
        "_seconds",
        "_spare",
        "_steps",
        "_wall",
        "item",
        "line",
        "names",
        "parts",
    )

    def __init__(self, item: Mapping[str, Value], limits: Limits, clocks: Clocks, seconds: float) -> None:
        """`seconds` of processor time are left for it, should they be less than its limit."""
        self.item: dict[str, Value] = item if type(item) is dict else dict(item)
        self.names: dict[str, Value] = {**self.item, "item": self.item}
        self.parts: list[str] = []
        self.line = 1
        self._limits = limits
        self._clocks = clocks
        self._wall = clocks.wall
        self._seconds = min(limits.seconds, seconds)
        self._began = clocks.processor()
        self._deadline = clocks.wall() + self._seconds
        self._steps = limits.steps
        self._room = self._spare = limits.output_characters

    @property
    def seconds(self) -> float:
        """How much processor time it took so far."""
        return self._clocks.processor() - self._began

    def step(self, line: int) -> None:
        """Count one thing done on this line."""
        self.line = line
        self._steps -= 1
        if self._steps < 0:
            most = self._limits.steps
            raise TooMuch(f"it takes more than {most} steps, the limit for one item; do less in loops.")
        if self._wall() > self._deadline:
            self._look_at_the_time()

    def spend(self, steps: int) -> None:
        """Count many things at once, before they are done."""
        self._steps -= steps
        self.step(self.line)

    def spend_size(self, value: Value) -> None:
        """Count a list or map that the template made, with all that is in it."""
        self.spend(size(value, self._steps))

    def write(self, text: str) -> None:
        """Add to the result."""
        self._room -= len(text)
        if self._room < 0:
            raise self._too_much("writes")
        self.parts.append(text)

    def reserve(self, characters: int) -> None:
        """Count a text that is not part of the result, before it is made where that may be large."""
        self._spare -= characters
        if self._spare < 0:
            raise self._too_much("builds")

    def member(self, value: Value, key: Value) -> Value:
        """As `values.member`, and `$item.data` is the item itself unless it has a field of that name."""
        if value is self.item and key == "data" and "data" not in self.item:
            return value
        return member(value, key)

    def _look_at_the_time(self) -> None:
        # The thread's own time is never ahead of the wall's clock, which is five times as cheap to ask.
        left = self._seconds - self.seconds
        if left > 0:
            self._deadline = self._wall() + left
        elif self._seconds < self._limits.seconds:
            raise OutOfTime
        else:
            most = self._limits.seconds
            raise TooMuch(f"it takes longer than {most:g} seconds, the limit for one item; do less.")

    def _too_much(self, does: str) -> TooMuch:
        most = self._limits.output_characters
        return TooMuch(f"it {does} more than {most} characters, the limit for one item; write less.")
