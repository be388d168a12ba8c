"""A whole template out of its source: text, references, directives and comments.

A line that holds nothing but a directive or a comment leaves no line in the result.
"""

import re
from typing import NamedTuple

from shared.templates.directives import Body, Foreach, If, Output, Part, Set, Text
from shared.templates.expression_parser import ExpressionParser
from shared.templates.expressions import Constant, Expression
from shared.templates.scanner import Scanner


class _Ending(NamedTuple):
    """What a body ended with: `end`, `else`, `elseif` with its condition, or nothing more to read."""

    name: str | None
    start: int
    condition: Expression | None = None


class TemplateParser:
    """Reads one template from its scanner's position to the end."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._need = scanner.need
        self._expressions = ExpressionParser(scanner)

    def template(self) -> Body:
        """The template. Raises TemplateRefused with the line of what cannot be read."""
        body, ending = self._body()
        if ending.name:
            self._scanner.fail(f"#{ending.name} has no #if or #foreach that it belongs to.", ending.start)
        return body

    def _body(self) -> tuple[Body, _Ending]:
        parts: list[Part] = []
        while not self._scanner.at_end:
            start = self._scanner.position
            name = self._directive_name()
            if name in _ENDINGS:
                ending = _Ending(name, start, self._condition() if name == "elseif" else None)
                self._drop_line(parts, start)
                return Body(tuple(parts)), ending
            if name:
                self._directive(name, parts, start)
            else:
                parts.append(_part(self._expressions.piece()))
        return Body(tuple(parts)), _Ending(None, self._scanner.position)

    def _directive_name(self) -> str | None:
        """The directive that begins here, or None where `#` is text, as in #fff."""
        start = self._scanner.position
        found = self._scanner.take(_DIRECTIVE)
        if found is None:
            return None
        name = found[1] or found[2] or found[0]
        if name in _REFUSED or (name not in _KNOWN and self._scanner.take(_OPEN)):
            self._scanner.fail(
                f"{found[0]} is no directive here; there are #set, #if, #elseif, #else, #foreach and #end."
                " Write \\# where it is text.",
                start,
            )
        if name not in _KNOWN:
            self._scanner.position = start
            return None
        return name

    def _directive(self, name: str, parts: list[Part], start: int) -> None:
        if name == "set":
            self._set(parts, start)
            return
        if name in _COMMENTS:
            self._comment(name)
            self._drop_line(parts, start)
            return
        with self._scanner.nested():
            parts.append(self._if(parts, start) if name == "if" else self._foreach(parts, start))

    def _set(self, parts: list[Part], start: int) -> None:
        name = self._need(_SET, "($name = after #set; only plain names can be set")[1]
        part = Set(name, self._expressions.expression())
        self._need(_CLOSE, "an operator or ) after #set")
        self._drop_line(parts, start)
        parts.append(part)

    def _if(self, parts: list[Part], start: int) -> Part:
        branches = []
        ending = _Ending("elseif", start, self._condition())
        self._drop_line(parts, start)
        while ending.name == "elseif" and ending.condition:
            condition = ending.condition
            body, ending = self._body()
            branches.append((condition, body))
        otherwise = Body(())
        if ending.name == "else":
            otherwise, ending = self._body()
        self._need_end("#if", start, ending)
        return If(tuple(branches), otherwise)

    def _foreach(self, parts: list[Part], start: int) -> Part:
        line = self._scanner.line
        name = self._need(_FOREACH, "($name in after #foreach")[1]
        source = self._expressions.expression()
        self._need(_CLOSE, "an operator or ) after #foreach")
        self._drop_line(parts, start)
        body, ending = self._body()
        self._need_end("#foreach", start, ending)
        return Foreach(line, name, source, body)

    def _condition(self) -> Expression:
        self._need(_BEFORE_CONDITION, "( and a condition")
        condition = self._expressions.expression()
        self._need(_CLOSE, "an operator or ) after the condition")
        return condition

    def _comment(self, opening: str) -> None:
        if opening == "##":
            self._scanner.take(_REST_OF_LINE)
            return
        end = self._scanner.source.find("*#", self._scanner.position)
        if end < 0:
            begin = self._scanner.position - len(opening)
            self._scanner.fail("the comment that begins here with #* has no *#.", begin)
        self._scanner.position = end + 2

    def _need_end(self, opening: str, start: int, ending: _Ending) -> None:
        if ending.name is None:
            self._scanner.fail(f"{opening} has no #end.", start)
        if ending.name != "end":
            self._scanner.fail(f"expected the #end of {opening}, found #{ending.name}.", ending.start)

    def _drop_line(self, parts: list[Part], start: int) -> None:
        """Take the line away if there is nothing on it but what was read from `start` to here."""
        begin = self._scanner.start_of_line(start)
        is_alone = _BLANK.fullmatch(self._scanner.source, begin, start) and self._scanner.take(_END_OF_LINE)
        if is_alone and parts and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].text.rstrip(" \t"))


def _part(piece: Expression) -> Part:
    return Text(str(piece.value)) if isinstance(piece, Constant) else Output(piece)


_ENDINGS = ("end", "else", "elseif")
_COMMENTS = ("##", "#*")
_KNOWN = ("set", "if", "foreach", *_ENDINGS, *_COMMENTS)
# What Velocity has and this does not; without brackets some would pass for text.
_REFUSED = ("include", "parse", "evaluate", "define", "macro", "stop", "break", "return", "#[[")
_DIRECTIVE = re.compile(r"##|#\*|#\[\[|#\{([A-Za-z]++)\}|#([A-Za-z]++)")
_OPEN = re.compile(r"[ \t]*+\(")
_CLOSE = re.compile(r"\)")
_BEFORE_CONDITION = re.compile(r"[ \t\r\n]*+\(")
_SET = re.compile(r"[ \t]*+\(\s*+\$\{?([A-Za-z_][A-Za-z0-9_]*+)\}?\s*+=(?!=)")
_FOREACH = re.compile(r"[ \t]*+\(\s*+\$\{?([A-Za-z_][A-Za-z0-9_]*+)\}?\s++in\b")
_REST_OF_LINE = re.compile(r"[^\r\n]*+")
_BLANK = re.compile(r"[ \t]*+")
_END_OF_LINE = re.compile(r"[ \t]*+(?:\r?\n|\Z)")
