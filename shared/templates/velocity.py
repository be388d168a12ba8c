"""Velocity templates: `compile_template` reads one, `Template.render` turns an item into text with it.

A subset of Velocity with an interpreter of its own. The library there is, airspeed-ext 0.6.9, reads
nested lists in a time that doubles with each level (124 characters take a second), asks
Python for attributes while it renders and counts nothing; a guard would have had to replace its
parser, its references and its operators. The words of the language are in `api/liquid/TEMPLATES.md`.
"""

import re
import time
from collections.abc import Mapping

from shared.templates.directives import Body
from shared.templates.errors import Misuse, TemplateRefused
from shared.templates.limits import Limits
from shared.templates.run import Clock, Run
from shared.templates.scanner import Scanner
from shared.templates.template_parser import TemplateParser
from shared.templates.values import Value

DEFAULT_LIMITS = Limits()


class Template:
    """A template that was understood. It holds no state of its renderings: threads may share it."""

    def __init__(self, body: Body, limits: Limits, clock: Clock) -> None:
        self._body = body
        self._limits = limits
        self._clock = clock

    def render(self, item: Mapping[str, Value]) -> str:
        """The text for one item, whose values are plain JSON.

        Raises TemplateRefused when it takes too long or makes too much, or a function is given what it
        cannot use.
        """
        run = Run(item, self._limits, self._clock)
        try:
            self._body.write(run)
        except Misuse as misuse:
            raise TemplateRefused(run.line, str(misuse)) from None
        except RecursionError:
            raise TemplateRefused(run.line, "a value is nested too deeply to be written.") from None
        except UnicodeEncodeError:
            raise TemplateRefused(run.line, "a value holds half of a surrogate pair.") from None
        return "".join(run.parts)


def compile_template(
    source: str, limits: Limits = DEFAULT_LIMITS, *, clock: Clock = time.monotonic
) -> Template:
    """The template that `source` describes, ready to render any number of items.

    Raises TemplateRefused when it cannot be understood, asks for what is not offered or is too large.
    """
    if len(source) > limits.source_characters:
        raise TemplateRefused(1, f"it has {len(source)} characters; {limits.source_characters} are allowed.")
    if _surrogate(source):
        raise TemplateRefused(1, "it holds half of a surrogate pair, which is no character.")
    return Template(TemplateParser(Scanner(source)).template(), limits, clock)


_surrogate = re.compile("[\ud800-\udfff]").search
