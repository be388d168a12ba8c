"""What an expression of PromQL asks for and which labels its answer has, by its parsed tree."""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import chain
from typing import Any

import promql_parser
from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Matcher,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)

# By the name of each series that is exported, its labels with some values that they have.
Exported = Mapping[str, Mapping[str, Set[str]]]

# Prometheus gives these to all that it scrapes.
_OF_TARGETS = frozenset({"job", "instance"})


class Misnamed(Exception):
    """An expression asks for a series, label or value that nobody exports, or for series that never meet."""


def names(expression: str) -> set[str]:
    """Of all series that it asks for. Raises ValueError where it is no PromQL."""
    return {selector.name or "" for selector in _selectors(promql_parser.parse(expression))}


def labels(expression: str, exported: Exported) -> frozenset[str]:
    """Those of its answer. Raises ValueError where it is no PromQL, Misnamed where it can find nothing."""
    return _labels(promql_parser.parse(expression), exported)


def _selectors(tree: Any) -> Iterator[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Any) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)
        elif isinstance(node, MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(tree, visit)
    return iter(found)


def _labels(tree: Any, exported: Exported) -> frozenset[str]:
    match tree:
        case NumberLiteral() | StringLiteral():
            return frozenset()
        case MatrixSelector():
            return _of_selector(tree.vector_selector, exported)
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return _labels(tree.expr, exported)
    return _READERS[type(tree)](tree, exported)


def _of_selector(selector: VectorSelector, exported: Exported) -> frozenset[str]:
    known = exported.get(selector.name or "")
    if known is None:
        raise Misnamed(f"nobody exports {selector.name}")
    for matcher in chain(selector.matchers.matchers, *selector.matchers.or_matchers):
        if matcher.name not in _OF_TARGETS.union(known):
            raise Misnamed(f"{selector.name} has no label {matcher.name}")
        if matcher.name in known and not _finds(matcher, known[matcher.name]):
            raise Misnamed(f"{selector.name} is never {matcher}")
    return _OF_TARGETS.union(known)


def _finds(matcher: Matcher, values: Set[str]) -> bool:
    """Whether there are all of the values that it names."""
    if matcher.op in (MatchOp.Equal, MatchOp.NotEqual):
        return matcher.value in values
    return all(any(re.fullmatch(wanted, value) for value in values) for wanted in matcher.value.split("|"))


def _of_aggregate(tree: AggregateExpr, exported: Exported) -> frozenset[str]:
    inner = _labels(tree.expr, exported)
    if tree.modifier is None:
        return frozenset()
    grouped = frozenset(tree.modifier.labels)
    _expect(grouped, inner, tree)
    return grouped if tree.modifier.type == AggModifierType.By else inner - grouped


def _of_call(tree: Call, exported: Exported) -> frozenset[str]:
    inner = frozenset[str]().union(*(_labels(argument, exported) for argument in tree.args))
    match tree.func.name:
        case "histogram_quantile":
            _expect({"le"}, inner, tree)
            return inner - {"le"}
        case "absent" | "absent_over_time":
            return frozenset()
        case "label_replace" | "label_join":
            raise NotImplementedError(tree.func.name)
    return inner


def _of_both(tree: BinaryExpr, exported: Exported) -> frozenset[str]:
    if tree.modifier and tree.modifier.matching:
        raise NotImplementedError("on and ignoring: nothing has needed them so far")
    sides = [_labels(side, exported) for side in (tree.lhs, tree.rhs) if not isinstance(side, NumberLiteral)]
    if len(set(sides)) > 1:
        raise Misnamed(f"sides that have other labels never meet: {tree.prettify()}")
    return sides[0] if sides else frozenset()


def _expect(wanted: Any, found: Set[str], tree: Any) -> None:
    if missing := set(wanted) - found:
        raise Misnamed(f"there is no {', '.join(sorted(missing))} in {tree.prettify()}")


_READERS: dict[type, Callable[[Any, Exported], frozenset[str]]] = {
    VectorSelector: _of_selector,
    AggregateExpr: _of_aggregate,
    Call: _of_call,
    BinaryExpr: _of_both,
}
