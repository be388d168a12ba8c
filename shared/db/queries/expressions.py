"""The expressions of a client's SELECT: each column is traced to where it comes from.

Meanwhile they are measured as PostgreSQL will plan them, every name replaced by what it stands for: a few
WITH queries that each name the one before twice are a few lines, and gigabytes to the planner.
"""

from collections.abc import Callable

from pglast import ast

from shared.db.queries.columns import WHOLE, Items
from shared.db.queries.nodes import column, words
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.scopes import Derived, Scope, Source
from shared.db.queries.sizing import growth, own_size
from shared.db.queries.weighing import weigh


class Expressions:
    """Rewrites them in place and adds up their size; a SELECT in one is left to the given function."""

    def __init__(self, rewrite_select: Callable[[ast.SelectStmt, Scope], Derived]) -> None:
        self._rewrite_select = rewrite_select
        self.size = 0  # of all that was rewritten

    def rewrite(self, value: object, scope: Scope) -> object:
        """Rewrite what is in an expression, and return what to put in its place."""
        if isinstance(value, tuple):
            return tuple(self.rewrite(part, scope) for part in value)
        if isinstance(value, ast.ColumnRef):
            return self._column(value, scope)
        if isinstance(value, ast.SelectStmt):
            self._rewrite_select(value, scope)
        elif isinstance(value, ast.FuncCall):
            self._call(value, scope)
        elif isinstance(value, ast.Node):
            self.size += own_size(value)
            self.rewrite_slots(value, scope, *value)
        return value

    def rewrite_slots(self, node: ast.Node, scope: Scope, *slots: str) -> None:
        """The same for these parts of the node."""
        for slot in slots:
            setattr(node, slot, self.rewrite(getattr(node, slot), scope))

    def measured(self, node: ast.Node, scope: Scope, slot: str) -> int:
        """Rewrite each part of the slot; returns the size of the largest."""
        parts, largest = [], 1
        for part in getattr(node, slot) or ():
            before = self.size
            parts.append(self.rewrite(part, scope))
            largest = max(largest, self.size - before)
        setattr(node, slot, tuple(parts) or None)
        return largest

    def _call(self, node: ast.FuncCall, scope: Scope) -> None:
        before = self.size
        self.rewrite_slots(node, scope, *node)
        self.size = before + 1 + (self.size - before) * growth(words(node.funcname)[-1], node.args or ())
        weigh(node)

    def _column(self, node: ast.ColumnRef, scope: Scope) -> ast.Node:
        *alias, name = words(node.fields)
        if alias:
            source = scope.called(alias[0])
            if source is None:
                raise QueryRefused(f"{alias[0]}.{name}: there is no {alias[0]!r} in this FROM.")
            return self._whole(source, scope) if name == "*" else self._ask(source, name, node, scope)
        sources = scope.meant_by(name)
        if not sources and name not in scope.output:
            raise QueryRefused(f"{name!r} is not a column of anything in this FROM.{scope.hint(name)}")
        knowing = [source for source in sources if source.knows(name)] or sources
        if len(knowing) == 1 and knowing[0].alias == name and not knowing[0].knows(name):
            return self._whole(knowing[0], scope, node)
        for source in knowing:
            self._ask(source, name, node, scope)
        return node

    def _ask(self, source: Source, name: str, node: ast.ColumnRef, scope: Scope) -> ast.Node:
        scope.ask(source, name)
        self.size += source.size
        return node

    def _whole(self, source: Source, scope: Scope, node: ast.ColumnRef | None = None) -> ast.Node:
        """All of a row as one value: of an item, the item."""
        if isinstance(source, Items):
            return self._ask(source, WHOLE, column(source.alias, WHOLE), scope)
        self.size += source.size * len(source.columns)
        return node or ast.ColumnRef(fields=(ast.String(sval=source.alias), ast.A_Star()))
