"""A template's source and how far it has been read. Reading is linear: no pattern here can go back far."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from shared.templates.errors import TemplateRefused

# Enough for any template a person reads, and far from what Python's own stack holds.
MAX_NESTING = 32


class Scanner:
    """The source, a position in it, and how deeply what is being read is nested."""

    def __init__(self, source: str, *, first_line: int | None = None, nesting: int = 0) -> None:
        """`first_line` where it is a part of another source: then there are no columns to tell."""
        self.source = source
        self.position = 0
        self.nesting = nesting
        self._first_line = first_line or 1
        self._has_columns = first_line is None
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", source))]

    @property
    def line(self) -> int:
        """The number of the line that is being read, from 1."""
        return self._first_line + bisect_right(self._line_starts, self.position) - 1

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.source)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What the pattern finds right here, and be behind it; None and stay if it finds nothing."""
        found = pattern.match(self.source, self.position)
        if found:
            self.position = found.end()
        return found

    def need(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        """As `take`, where nothing else will do."""
        return self.take(pattern) or self.fail(f"expected {expected}, found {self.ahead()}.")

    def ahead(self) -> str:
        """The next characters, as an error message shows them."""
        return "the end" if self.at_end else repr(self.source[self.position : self.position + 20])

    def start_of_line(self, position: int) -> int:
        """Where the line begins that holds this position."""
        return self._line_starts[bisect_right(self._line_starts, position) - 1]

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper while this lasts."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(f"nested deeper than {MAX_NESTING} levels.")
        yield
        self.nesting -= 1

    def fail(self, cause: str, at: int | None = None) -> NoReturn:
        """Refuse what stands at this position, or at the present one."""
        if at is not None:
            self.position = at
        column = self.position - self.start_of_line(self.position) + 1
        raise TemplateRefused(self.line, cause, column if self._has_columns else None)
