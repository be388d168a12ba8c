"""Why a template is refused, at whichever time that is found out."""

from typing import ClassVar

from shared.errors import LongshoreError


class TemplateRefused(LongshoreError):
    """The template cannot be understood, asks for what is not offered, or cannot be rendered for an item."""

    code: ClassVar[str] = "template_refused"

    def __init__(self, line_number: int, cause: str, column: int | None = None) -> None:
        place = f"line {line_number}" if column is None else f"line {line_number}, column {column}"
        super().__init__(f"Template {place}: {cause}")
        self.line_number = line_number  # from 1
        self.column = column  # from 1; None where only the line is known
        self.cause = cause


class LimitReached(TemplateRefused):
    """A rendering, or all of the job together, took what they may: no other item is to be tried."""

    code: ClassVar[str] = "template_limit_reached"


class Misuse(Exception):
    """What went wrong while rendering, raised where the line is not known; `render` adds it."""


class TooMuch(Misuse):
    """One rendering went over a limit."""


class OutOfTime(Exception):
    """The job's budget ends in the middle of a rendering; `render` adds the line."""
