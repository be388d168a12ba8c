"""Velocity templates: `compile_template` reads one, `Template.render` turns an item into text with it.

A subset of Velocity with an interpreter of its own. The library there is, airspeed-ext 0.6.9, reads
nested lists in a time that doubles with each level (124 characters take a second), asks
Python for attributes while it renders and counts nothing; a guard would have had to replace its
parser, its references and its operators. The words of the language are in `api/liquid/TEMPLATES.md`.
"""

import math
import re
from collections.abc import Mapping

from shared.templates.budget import Budget
from shared.templates.directives import Body
from shared.templates.errors import LimitReached, Misuse, OutOfTime, TemplateRefused, TooMuch
from shared.templates.limits import Limits
from shared.templates.run import Clocks, Run
from shared.templates.scanner import Scanner
from shared.templates.template_parser import TemplateParser
from shared.templates.values import Value

DEFAULT_LIMITS = Limits()
REAL_CLOCKS = Clocks()


class Template:
    """A template that was understood. It holds no state of its renderings: threads may share it."""

    def __init__(self, body: Body, limits: Limits, clocks: Clocks) -> None:
        self._body = body
        self._limits = limits
        self._clocks = clocks

    def render(self, item: Mapping[str, Value], budget: Budget | None = None) -> str:
        """The text for one item, whose values are plain JSON.

        `budget` is charged with the time it takes. Raises LimitReached when nothing is left of it,
        or the item takes too long or makes too much, and TemplateRefused when a function is given what it
        cannot use.
        """
        run = Run(item, self._limits, self._clocks, math.inf if budget is None else budget.left)
        try:
            self._write(run)
        except OutOfTime:
            cause = f"the job's limit is reached, {budget}; do less for each item."
            raise LimitReached(run.line, cause) from None
        finally:
            if budget is not None:
                budget.charge(run.seconds)
        return "".join(run.parts)

    def _write(self, run: Run) -> None:
        try:
            self._body.write(run)
        except TooMuch as excess:
            raise LimitReached(run.line, str(excess)) from None
        except Misuse as misuse:
            raise TemplateRefused(run.line, str(misuse)) from None
        except RecursionError:
            raise TemplateRefused(run.line, "a value is nested too deeply to be written.") from None
        except UnicodeEncodeError:
            raise TemplateRefused(run.line, "a value holds half of a surrogate pair.") from None


def compile_template(
    source: str, limits: Limits = DEFAULT_LIMITS, *, clocks: Clocks = REAL_CLOCKS
) -> Template:
    """The template that `source` describes, ready to render any number of items.

    Raises TemplateRefused when it cannot be understood, asks for what is not offered or is too large.
    """
    if len(source) > limits.source_characters:
        raise TemplateRefused(1, f"it has {len(source)} characters; {limits.source_characters} are allowed.")
    if _surrogate(source):
        raise TemplateRefused(1, "it holds half of a surrogate pair, which is no character.")
    return Template(TemplateParser(Scanner(source)).template(), limits, clocks)


_surrogate = re.compile("[\ud800-\udfff]").search
