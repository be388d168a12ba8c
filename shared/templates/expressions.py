"""What an expression is once it is read. Each kind evaluates to a plain value.

Nodes never call a method of a value, and only `Call` calls anything: a function of the table in
`shared.templates.functions`, chosen when the template was read.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.templates.arithmetic import Operator, negated
from shared.templates.functions import Function
from shared.templates.run import Run
from shared.templates.values import Value, text_of


class Expression(Protocol):
    """Something with a value."""

    def evaluate(self, run: Run) -> Value: ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value

    def evaluate(self, _run: Run) -> Value:
        return self.value


@dataclass(frozen=True, slots=True)
class Variable:
    line: int
    name: str

    def evaluate(self, run: Run) -> Value:
        run.step(self.line)
        return run.names.get(self.name)


@dataclass(frozen=True, slots=True)
class Path:
    """A value inside another one: `.name` and `[index]`, from left to right."""

    line: int
    base: Expression
    keys: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        value = self.base.evaluate(run)
        for key in self.keys:
            value = run.member(value, key.evaluate(run))
        return value


@dataclass(frozen=True, slots=True)
class Call:
    line: int
    function: Function
    arguments: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        arguments = [argument.evaluate(run) for argument in self.arguments]
        run.step(self.line)
        value = self.function.call(run, arguments)
        if isinstance(value, str):
            run.reserve(len(value))
        return value


@dataclass(frozen=True, slots=True)
class OrElse:
    """`${value|fallback}`: the fallback where the value is missing or an empty text, as $text.default."""

    value: Expression
    fallback: Expression

    def evaluate(self, run: Run) -> Value:
        value = self.value.evaluate(run)
        return self.fallback.evaluate(run) if value is None or value == "" else value


@dataclass(frozen=True, slots=True)
class Shown:
    """A reference as a text shows it: one without a value is written as it stands in the template."""

    expression: Expression
    written: str

    def evaluate(self, run: Run) -> Value:
        value = self.expression.evaluate(run)
        return self.written if value is None else value


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A text in double quotes with references in it."""

    line: int
    parts: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        run.step(self.line)
        texts = []
        for part in self.parts:
            text = text_of(part.evaluate(run))
            run.reserve(len(text))
            texts.append(text)
        return "".join(texts)


@dataclass(frozen=True, slots=True)
class ListOf:
    line: int
    entries: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        made: Value = [entry.evaluate(run) for entry in self.entries]
        run.step(self.line)
        run.spend_size(made)
        return made


@dataclass(frozen=True, slots=True)
class MapOf:
    line: int
    entries: tuple[tuple[Expression, Expression], ...]

    def evaluate(self, run: Run) -> Value:
        made: Value = {text_of(key.evaluate(run)): value.evaluate(run) for key, value in self.entries}
        run.step(self.line)
        run.spend_size(made)
        return made


@dataclass(frozen=True, slots=True)
class RangeOf:
    """`[first..last]`, both included, upwards or downwards."""

    line: int
    first: Expression
    last: Expression

    def evaluate(self, run: Run) -> Value:
        first, last = self.first.evaluate(run), self.last.evaluate(run)
        run.step(self.line)
        if type(first) is not int or type(last) is not int:
            return None
        run.spend(abs(last - first) + 1)
        return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence, from left to right. Flat, so that a long sum needs no deep recursion."""

    line: int
    first: Expression
    rest: tuple[tuple[Operator, Expression], ...]

    def evaluate(self, run: Run) -> Value:
        value = self.first.evaluate(run)
        for operator, operand in self.rest:
            right = operand.evaluate(run)
            run.step(self.line)
            value = operator(value, right)
            if isinstance(value, str):
                run.reserve(len(value))
        return value


@dataclass(frozen=True, slots=True)
class Either:
    operands: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        return any(operand.evaluate(run) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Both:
    operands: tuple[Expression, ...]

    def evaluate(self, run: Run) -> Value:
        return all(operand.evaluate(run) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expression

    def evaluate(self, run: Run) -> Value:
        return not self.operand.evaluate(run)


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Expression

    def evaluate(self, run: Run) -> Value:
        return negated(self.operand.evaluate(run))
