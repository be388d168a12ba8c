"""A client's SELECT made into one over documents.

Each item type becomes a subselect (see `columns`), and each WITH query gets a name that no table has; what is
in expressions is left to `expressions`. Trees are changed in place.
"""

from dataclasses import replace
from typing import Any, cast

from pglast import ast

from shared.db.queries.allowed import ROW_FUNCTIONS
from shared.db.queries.columns import Items
from shared.db.queries.expressions import Expressions
from shared.db.queries.folding import Spelled
from shared.db.queries.naming import Catalog
from shared.db.queries.nodes import words
from shared.db.queries.output import Output, Place
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.scopes import Derived, Scope
from shared.db.queries.sizing import LARGEST

# Capitals: folded names cannot meet it, so that a mistake about which WITH query is meant finds nothing. A
# number follows: a name may be as long as names can be.
WITH = "W:"

# Clauses of a SELECT, by whether a name in them may also mean a column of the select list.
_SEE_SOURCES = ("whereClause", "havingClause", "windowClause", "limitCount", "limitOffset")
_SEE_OUTPUT_TOO = ("groupClause", "distinctClause", "sortClause")


class Rewriter:
    """Rewrites one statement and remembers the item types that it met."""

    def __init__(self, catalog: Catalog, spelled: Spelled) -> None:
        self._catalog = catalog
        self._spelled = spelled
        self.met: list[Items] = []
        self._withs = 0
        self._expressions = Expressions(self._select)

    def rewrite(self, statement: ast.SelectStmt) -> None:
        """Rewrite the whole statement. Raises QueryRefused for names that mean nothing here, and for size."""
        self._select(statement, Scope(), Place.OUTERMOST)
        if self._expressions.size > LARGEST:
            raise QueryRefused(
                "The SQL becomes too large where each name is replaced by what it stands for: use fewer"
                " WITH queries and subqueries that name a column of another one several times, and fewer"
                " or shorter replacements of texts."
            )

    def _select(self, select: ast.SelectStmt, outer: Scope, place: Place = Place.INNER) -> Derived:
        """Rewrite a SELECT and return what it gives."""
        scope = Scope(outer, self._with_queries(select.withClause, outer))
        if select.larg is not None and select.rarg is not None:
            arms = Place.INNER if place is Place.INNER else Place.ARM
            left, right = (self._select(arm, scope, arms) for arm in (select.larg, select.rarg))
            self._expressions.rewrite_slots(select, scope, "limitCount", "limitOffset")
            return replace(left, size=max(left.size, right.size))
        if select.valuesLists:
            size = self._expressions.measured(select, scope, "valuesLists")
            self._expressions.rewrite_slots(select, scope, "limitCount", "limitOffset")
            names = tuple(f"column{number}" for number in range(1, len(select.valuesLists[0]) + 1))
            return Derived("", names, size)
        return self._plain_select(select, scope, place)

    def _plain_select(self, select: ast.SelectStmt, scope: Scope, place: Place) -> Derived:
        select.fromClause = tuple(self._source(item, scope) for item in select.fromClause or ()) or None
        output = Output(select, scope, place)
        output.expand()
        size = self._expressions.measured(select, scope, "targetList")
        self._expressions.rewrite_slots(select, scope, *_SEE_SOURCES)
        output.pass_on()
        named = replace(scope, output=frozenset(output.names))
        self._expressions.rewrite_slots(select, named, *_SEE_OUTPUT_TOO)
        self._build(select, scope)
        return Derived("", output.names, size)

    def _build(self, select: ast.SelectStmt, scope: Scope) -> None:
        made = {source.alias: source for source in scope.sources if isinstance(source, Items)}
        pending = list(select.fromClause or ())
        while pending:
            node = pending.pop()
            if isinstance(node, ast.JoinExpr):
                pending += [node.larg, node.rarg]
            elif isinstance(node, ast.RangeSubselect) and node.subquery is None:
                node.subquery = made[_alias(node)].build()

    def _with_queries(self, clause: ast.WithClause | None, outer: Scope) -> dict[str, Derived]:
        """The WITH queries that the statement sees; each of them sees those before it."""
        queries = clause.ctes or () if clause else ()
        made: dict[str, Derived] = {}
        for query in queries:
            if query.ctename in made:
                raise QueryRefused(f"There are two WITH queries {query.ctename!r}: give one another name.")
            derived = self._select(query.ctequery, Scope(outer, {**outer.withs, **made}))
            called = _called(query.ctename, derived, query.aliascolnames)
            self._withs += 1
            made[query.ctename] = replace(called, alias=f"{WITH}{self._withs}")
            query.ctename = made[query.ctename].alias
        return {**outer.withs, **made}

    def _source(self, node: ast.Node, scope: Scope) -> ast.Node:
        """Rewrite one item of a FROM clause and put it into the scope."""
        if isinstance(node, ast.JoinExpr):
            return self._join(node, scope)
        if isinstance(node, ast.RangeVar):
            return self._named(node, scope)
        if isinstance(node, ast.RangeFunction):
            return self._function(node, scope)
        return self._subquery(cast("ast.RangeSubselect", node), scope)

    def _join(self, node: ast.JoinExpr, scope: Scope) -> ast.Node:
        before = len(scope.sources)
        node.larg = self._source(cast("ast.Node", node.larg), scope)
        node.rarg = self._source(cast("ast.Node", node.rarg), scope)
        for name in words(node.usingClause):
            for source in scope.sources[before:]:
                if source.knows(name) or (isinstance(source, Items) and not source.has_schema):
                    scope.ask(source, name)
        self._expressions.rewrite_slots(node, scope, "quals")
        return node

    def _named(self, node: ast.RangeVar, scope: Scope) -> ast.Node:
        name = cast("str", node.relname)
        alias = node.alias or ast.Alias(aliasname=name)
        called = cast("str", alias.aliasname)
        if name in scope.withs:
            node.relname, node.alias = scope.withs[name].alias, alias
            scope.sources.append(_called(called, scope.withs[name], alias.colnames))
            return node
        relation = self._catalog.find(name, self._spelled.quoted_relations.get(node.location or 0))
        if alias.colnames:
            raise QueryRefused("An item type's columns cannot be renamed in FROM: use AS in the select list.")
        items = Items(called, relation, self._spelled)
        self.met.append(items)
        scope.sources.append(items)
        return ast.RangeSubselect(lateral=False, alias=alias)

    def _function(self, node: ast.RangeFunction, scope: Scope) -> ast.Node:
        call = cast("Any", node.functions)[0][0]
        name = words(call.funcname)[-1]
        node.alias = node.alias or ast.Alias(aliasname=name)
        called = cast("str", node.alias.aliasname)
        before = self._expressions.size
        self._expressions.rewrite(call, scope)
        # One column for each array, in `unnest`; the other functions without names give one.
        columns = ROW_FUNCTIONS[name] or (called,) * (len(call.args or ()) if name == "unnest" else 1)
        columns += ("ordinality",) if node.ordinality else ()
        made = Derived(called, columns, self._expressions.size - before)
        scope.sources.append(_called(called, made, node.alias.colnames))
        return node

    def _subquery(self, node: ast.RangeSubselect, scope: Scope) -> ast.Node:
        if node.alias is None:
            raise QueryRefused("A subquery in FROM needs an alias: (SELECT ...) AS name.")
        around = scope if node.lateral else Scope(scope.outer, scope.withs)
        made = self._select(cast("ast.SelectStmt", node.subquery), around)
        called = cast("str", node.alias.aliasname)
        scope.sources.append(_called(called, made, node.alias.colnames))
        return node


def _called(alias: str, made: Derived, names: tuple[ast.Node, ...] | None) -> Derived:
    """The same under a name of its own, and the first columns under these. Raises QueryRefused."""
    given = words(names)
    if len(given) > len(made.columns):
        raise QueryRefused(f"{alias!r} is given {len(given)} names of columns, and has {len(made.columns)}.")
    return replace(made, alias=alias, columns=given + made.columns[len(given) :])


def _alias(node: ast.RangeSubselect) -> str:
    return cast("str", cast("ast.Alias", node.alias).aliasname)
