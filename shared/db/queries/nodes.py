"""Walks over syntax trees of pglast, and the few nodes that the rewriting makes."""

from collections.abc import Iterator
from typing import Any

from pglast import ast


def children(node: ast.Node) -> Iterator[ast.Node]:
    """The nodes right below `node`."""
    for name in node:
        yield from _nodes(getattr(node, name))


def _nodes(value: object) -> Iterator[ast.Node]:
    if isinstance(value, ast.Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def descendants(root: ast.Node) -> Iterator[tuple[ast.Node, int]]:
    """`root` and every node below it with its depth, from 0. Takes no stack, however deep the tree."""
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in children(node))


def column(alias: str, name: str) -> ast.ColumnRef:
    """`alias.name`."""
    return ast.ColumnRef(fields=(ast.String(sval=alias), ast.String(sval=name)))


def target(name: str, value: ast.Node) -> ast.ResTarget:
    """`value AS name` in a select list."""
    return ast.ResTarget(name=name, val=value)


def words(names: tuple[Any, ...] | None) -> tuple[str, ...]:
    """The parts of a dotted name; `*` for a star."""
    return tuple(part.sval or "" if isinstance(part, ast.String) else "*" for part in names or ())


def is_star(node: ast.Node | None) -> bool:
    """Whether it is `*` or `alias.*`."""
    return isinstance(node, ast.ColumnRef) and words(node.fields)[-1] == "*"
