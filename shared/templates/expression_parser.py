"""Expressions out of a template's source: values, and operators by their precedence."""

import re
from collections.abc import Callable
from decimal import Decimal

from shared.templates.arithmetic import OPERATORS
from shared.templates.expressions import (
    Both,
    Chain,
    Constant,
    Either,
    Expression,
    Interpolation,
    ListOf,
    MapOf,
    Negative,
    Not,
    RangeOf,
)
from shared.templates.reference_parser import REFERENCE, ReferenceParser
from shared.templates.scanner import Scanner


class ExpressionParser(ReferenceParser):
    """Reads where its scanner stands. Inside an expression white space means nothing."""

    def expression(self) -> Expression:
        """The expression that begins here, and the white space around it."""
        with self._scanner.nested():
            self._take(_SPACE)
            return self._either()

    def listed(self, end: re.Pattern[str], expected: str) -> list[Expression]:
        """Expressions with commas between them, up to `end`."""
        self._take(_SPACE)
        if self._take(end):
            return []
        return [self.expression(), *self._further(end, expected)]

    def _either(self) -> Expression:
        operands = [self._both()]
        while self._sign(_OR):
            operands.append(self._both())
        return Either(tuple(operands)) if len(operands) > 1 else operands[0]

    def _both(self) -> Expression:
        operands = [self._chain(0)]
        while self._sign(_AND):
            operands.append(self._chain(0))
        return Both(tuple(operands)) if len(operands) > 1 else operands[0]

    def _chain(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._operand()
        line = self._scanner.line
        first = self._chain(level + 1)
        rest = []
        while sign := self._sign(_LEVELS[level]):
            rest.append((OPERATORS[_WORDS.get(sign, sign)], self._chain(level + 1)))
        return Chain(line, first, tuple(rest)) if rest else first

    def _operand(self) -> Expression:
        sign = self._sign(_PREFIX)
        if not sign:
            return self._value()
        with self._scanner.nested():
            operand = self._operand()
        return Negative(operand) if sign == "-" else Not(operand)

    def _sign(self, pattern: re.Pattern[str]) -> str:
        found = self._take(pattern)
        self._take(_SPACE)
        return found[0] if found else ""

    def _value(self) -> Expression:
        for pattern, read in _VALUES:
            if found := self._take(pattern):
                value = read(self, found)
                self._take(_SPACE)
                return value
        return self._scanner.fail(f"expected a value, found {self._scanner.ahead()}.")

    def _number(self, found: re.Match[str]) -> Expression:
        return Constant(Decimal(found[0]) if "." in found[0] else int(found[0]))

    def _word(self, found: re.Match[str]) -> Expression:
        return Constant({"true": True, "false": False, "null": None}[found[0]])

    def _literal(self, found: re.Match[str]) -> Expression:
        return Constant(found[1].replace("''", "'"))

    def _interpolation(self, found: re.Match[str]) -> Expression:
        line = self._scanner.line - found[0].count("\n")
        inner = Scanner(found[1].replace('""', '"'), first_line=line, nesting=self._scanner.nesting)
        reader = ExpressionParser(inner)
        parts = []
        while not inner.at_end:
            parts.append(reader.piece())
        return Interpolation(line, tuple(parts))

    def _parenthesis(self, _found: re.Match[str]) -> Expression:
        value = self.expression()
        self._need(_CLOSE, "an operator or )")
        return value

    def _list(self, _found: re.Match[str]) -> Expression:
        line = self._scanner.line
        self._take(_SPACE)
        if self._take(_BRACKET):
            return ListOf(line, ())
        first = self.expression()
        if not self._take(_RANGE):
            return ListOf(line, (first, *self._further(_BRACKET, "] after the list")))
        last = self.expression()
        self._need(_BRACKET, "] after the range")
        return RangeOf(line, first, last)

    def _map(self, _found: re.Match[str]) -> Expression:
        line = self._scanner.line
        entries: list[tuple[Expression, Expression]] = []
        self._take(_SPACE)
        while not self._take(_BRACE):
            if entries:
                self._need(_COMMA, "a comma or } after the map's entry")
            key = self.expression()
            self._need(_COLON, "a colon after the map's name")
            entries.append((key, self.expression()))
        return MapOf(line, tuple(entries))

    def _further(self, end: re.Pattern[str], expected: str) -> list[Expression]:
        expressions = []
        while not self._take(end):
            self._need(_COMMA, f"a comma or {expected}")
            expressions.append(self.expression())
        return expressions


# Possessive where they repeat: what has been taken is never given back, so that time is linear.
_SPACE = re.compile(r"[ \t\r\n]*+")
_OPEN, _CLOSE = re.compile(r"\("), re.compile(r"\)")
_BRACKET, _BRACE = re.compile(r"\]"), re.compile(r"\}")
_COMMA, _COLON, _RANGE = re.compile(","), re.compile(":"), re.compile(r"\.\.")
_OR, _AND = re.compile(r"\|\||or\b"), re.compile(r"&&|and\b")
_PREFIX = re.compile(r"!|not\b|-")
_LEVELS = (
    re.compile(r"==|!=|(?:eq|ne)\b"),
    re.compile(r"<=|>=|<|>|(?:le|lt|ge|gt)\b"),
    re.compile(r"[+-]"),
    re.compile(r"[*/%]"),
)
_WORDS = {"eq": "==", "ne": "!=", "le": "<=", "lt": "<", "ge": ">=", "gt": ">"}
_VALUES: tuple[tuple[re.Pattern[str], Callable[[ExpressionParser, re.Match[str]], Expression]], ...] = (
    (REFERENCE, ExpressionParser.reference),
    (re.compile(r"[0-9]{1,30}+(?:\.[0-9]{1,30}+)?+(?![0-9])"), ExpressionParser._number),
    (re.compile(r"'([^']*+(?:''[^']*+)*+)'"), ExpressionParser._literal),
    (re.compile(r'"([^"]*+(?:""[^"]*+)*+)"'), ExpressionParser._interpolation),
    (re.compile(r"(?:true|false|null)\b"), ExpressionParser._word),
    (_OPEN, ExpressionParser._parenthesis),
    (re.compile(r"\["), ExpressionParser._list),
    (re.compile(r"\{"), ExpressionParser._map),
)
