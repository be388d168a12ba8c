"""What a template is once it is read: parts that write one after the other."""

from dataclasses import dataclass
from typing import Protocol

from shared.templates.expressions import Expression
from shared.templates.run import Run
from shared.templates.values import Value, entries, text_of


class Part(Protocol):
    """Something that writes to the result, or changes what is written later."""

    def write(self, run: Run) -> None: ...


@dataclass(frozen=True, slots=True)
class Text:
    text: str

    def write(self, run: Run) -> None:
        run.write(self.text)


@dataclass(frozen=True, slots=True)
class Output:
    """A reference in the text."""

    expression: Expression

    def write(self, run: Run) -> None:
        run.write(text_of(self.expression.evaluate(run)))


@dataclass(frozen=True, slots=True)
class Body:
    parts: tuple[Part, ...]

    def write(self, run: Run) -> None:
        for part in self.parts:
            part.write(run)


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    expression: Expression

    def write(self, run: Run) -> None:
        run.names[self.name] = self.expression.evaluate(run)


@dataclass(frozen=True, slots=True)
class If:
    branches: tuple[tuple[Expression, Body], ...]
    otherwise: Body

    def write(self, run: Run) -> None:
        for condition, body in self.branches:
            if condition.evaluate(run):
                body.write(run)
                return
        self.otherwise.write(run)


@dataclass(frozen=True, slots=True)
class Foreach:
    line: int
    name: str
    source: Expression
    body: Body

    def write(self, run: Run) -> None:
        run_over = entries(self.source.evaluate(run))
        ours = (self.name, "foreach", "velocityCount")
        outside = {name: run.names[name] for name in ours if name in run.names}
        for index, entry in enumerate(run_over):
            run.step(self.line)
            run.names.update(zip(ours, (entry, _place(index, len(run_over)), index + 1), strict=True))
            self.body.write(run)
        for name in ours:
            run.names.pop(name, None)
        run.names.update(outside)


def _place(index: int, length: int) -> Value:
    return {
        "index": index,
        "count": index + 1,
        "hasNext": index + 1 < length,
        "first": index == 0,
        "last": index + 1 == length,
    }
