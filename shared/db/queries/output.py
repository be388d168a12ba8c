"""The select list of one SELECT: stars taken apart, and what the outermost one passes on given as it is.

A column that the outermost SELECT only passes on leaves as its items hold it: every digit, nested values
and all. What a query groups, makes distinct, unites or reckons with is typed.
"""

from enum import Enum, auto
from typing import cast

from pglast import ast

from shared.db.queries.columns import DOCUMENTID, WHOLE, Items
from shared.db.queries.nodes import column, is_star, target, words
from shared.db.queries.output_names import output_name
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import SPREAD
from shared.db.queries.scopes import Columns, Derived, Scope, Source


class Place(Enum):
    """Where a SELECT stands in the statement."""

    OUTERMOST = auto()
    ARM = auto()  # of a UNION or the like that is outermost
    INNER = auto()


class Output:
    """The columns that a SELECT gives."""

    def __init__(self, select: ast.SelectStmt, scope: Scope, place: Place) -> None:
        self._select = select
        self._scope = scope
        self._place = place
        self._names: list[str] = []
        # For each column, what to sort by in its place.
        self._typed: list[ast.Node | None] = []

    @property
    def names(self) -> Columns:
        return tuple(self._names)

    def expand(self) -> None:
        """Put each star's columns in its place, and a name on each column that has none."""
        targets: list[ast.ResTarget] = []
        for given in self._select.targetList or ():
            if is_star(given.val):
                targets += self._star(words(given.val.fields))
            else:
                given.name = output_name(given)
                self._names.append(given.name)
                targets.append(given)
        self._select.targetList = tuple(targets) or None

    def _star(self, written: tuple[str, ...]) -> list[ast.ResTarget]:
        if len(written) == 1:
            merged = _merged(self._select.fromClause)
            return [made for source in self._scope.sources for made in self._columns(source, merged)]
        source = self._scope.called(written[0])
        if source is None:
            raise QueryRefused(f"{written[0]}.*: there is no {written[0]!r} in this FROM.")
        return self._columns(source, frozenset())

    def _columns(self, source: Source, merged: frozenset[str]) -> list[ast.ResTarget]:
        if isinstance(source, Items) and not source.lists_fields:
            return [self._whole_items(source)]
        names = source.names if isinstance(source, Items) else source.columns
        if isinstance(source, Derived) and merged.isdisjoint(names):
            self._names += names
            star = ast.ColumnRef(fields=(ast.String(sval=source.alias), ast.A_Star()))
            return [ast.ResTarget(val=star)]
        fresh = [name for name in names if name not in merged or name not in self._names]
        self._names += fresh
        return [target(name, _reference(source, name, merged)) for name in fresh]

    def _whole_items(self, source: Items) -> ast.ResTarget:
        name = WHOLE if self._place is Place.INNER else f"{SPREAD}{len(self._names)}"
        self._names.append(name)
        return target(name, column(source.alias, WHOLE))

    def pass_on(self) -> None:
        """Give plain columns as the items hold them, and sort by their typed twins."""
        if self._place is not Place.OUTERMOST or self._makes_groups():
            return
        for given in self._select.targetList or ():
            self._typed += self._untyped(given)
        for sorting in self._select.sortClause or ():
            sorting.node = self._sorted_by(sorting.node)

    def _makes_groups(self) -> bool:
        select = self._select
        return bool(select.groupClause or select.havingClause or select.distinctClause)

    def _untyped(self, given: ast.ResTarget) -> list[ast.Node | None]:
        if is_star(given.val):
            source = self._scope.called(words(cast("ast.ColumnRef", given.val).fields)[0])
            return [None] * len(source.columns if isinstance(source, Derived) else ())
        items = self._plain_items(given.val)
        if items is None:
            return [None]
        name = words(cast("ast.ColumnRef", given.val).fields)[-1]
        given.name, given.val = given.name or name, column(items.alias, items.as_held(name))
        return [column(items.alias, name)]

    def _plain_items(self, value: ast.Node | None) -> Items | None:
        """The items that `value` is a field of, if it is nothing else."""
        if not isinstance(value, ast.ColumnRef):
            return None
        *alias, name = words(value.fields)
        sources = [self._scope.called(alias[0])] if alias else self._scope.meant_by(name)
        source = sources[0] if len(sources) == 1 else None
        return (
            source if isinstance(source, Items) and name not in _NOT_FIELDS and source.knows(name) else None
        )

    def _sorted_by(self, node: ast.Node | None) -> ast.Node | None:
        place = None
        if isinstance(node, ast.ColumnRef) and len(words(node.fields)) == 1:
            name = words(node.fields)[0]
            place = self._names.index(name) if name in self._names else None
        elif isinstance(node, ast.A_Const) and isinstance(node.val, ast.Integer):
            place = (node.val.ival or 0) - 1
        known = place is not None and 0 <= place < len(self._typed)
        return (self._typed[cast("int", place)] if known else None) or node


_NOT_FIELDS = (WHOLE, DOCUMENTID)


def _merged(from_clause: tuple[ast.Node, ...] | None) -> frozenset[str]:
    """Columns that a JOIN ... USING gives once for both sides."""
    names: set[str] = set()
    pending = list(from_clause or ())
    while pending:
        node = pending.pop()
        if isinstance(node, ast.JoinExpr):
            names.update(words(node.usingClause))
            pending += [cast("ast.Node", node.larg), cast("ast.Node", node.rarg)]
    return frozenset(names)


def _reference(source: Source, name: str, merged: frozenset[str]) -> ast.ColumnRef:
    if name in merged:
        return ast.ColumnRef(fields=(ast.String(sval=name),))
    return column(source.alias, name)
