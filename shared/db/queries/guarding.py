"""Node by node: is a syntax tree built of nothing but what is allowed?

Kinds of nodes are allowed by name, so that a new feature of the grammar is refused until somebody has
thought about it. The same guard looks at what a client wrote and at what we are about to send.
"""

import re
from collections.abc import Callable
from typing import Any

from pglast import ast, enums

from shared.db.queries import allowed
from shared.db.queries.nodes import descendants, words
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.sizing import excess, is_short, wrong_path

# Ways to join grow faster than what is joined, and planning takes memory for them.
MOST_SOURCES = 40

# Walking and printing a tree take Python's stack, which a worker may have used up in part already.
DEEPEST = 60

_BUILT_IN = "pg_catalog"
_MOMENTS = re.compile("SVFOP_(CURRENT_(DATE|TIME|TIMESTAMP)|LOCAL(TIME|TIMESTAMP))(_N)?")

Check = Callable[[Any], str | None]


def guard(root: ast.Node, foreign: Check) -> None:
    """Raises QueryRefused unless each node of the tree is allowed.

    `foreign` is asked first about relations and calls, and tells what is wrong; "" means that it is ours.
    """
    source_count = 0
    for node, depth in descendants(root):
        source_count += isinstance(node, _SOURCES)
        if source_count > MOST_SOURCES:
            raise QueryRefused(f"The SQL reads from more than {MOST_SOURCES} sources: use fewer joins.")
        if depth > DEEPEST:
            raise QueryRefused("The SQL is nested too deeply: use fewer levels, or a WITH.")
        wrong = _wrong_with(node, foreign)
        if wrong:
            raise QueryRefused(f"{wrong} cannot be used in an export's SQL.")


def _wrong_with(node: ast.Node, foreign: Check) -> str | None:
    if type(node) not in _CHECKS:
        return _FEATURES.get(type(node).__name__, f"This part of the grammar ({type(node).__name__})")
    verdict = foreign(node)
    return _CHECKS[type(node)](node) if verdict is None else verdict


def _anything(_: ast.Node) -> str | None:
    return None


def _select(node: ast.SelectStmt) -> str | None:
    if node.intoClause is not None:
        return "SELECT INTO"
    return "FOR UPDATE or FOR SHARE" if node.lockingClause else None


def _with(node: ast.WithClause) -> str | None:
    return "WITH RECURSIVE" if node.recursive else None


def _cte(node: ast.CommonTableExpr) -> str | None:
    if not isinstance(node.ctequery, ast.SelectStmt):
        return "WITH that is not a SELECT"
    return "SEARCH or CYCLE" if node.search_clause or node.cycle_clause else None


def _relation(node: ast.RangeVar) -> str | None:
    return "A name with a schema" if node.schemaname or node.catalogname else None


def _join(node: ast.JoinExpr) -> str | None:
    if node.isNatural:
        return "NATURAL JOIN (write ON)"
    return "An alias of a whole join" if node.alias or node.join_using_alias else None


def _function_in_from(node: ast.RangeFunction) -> str | None:
    functions = node.functions or ()
    if node.coldeflist or node.is_rowsfrom or len(functions) != 1 or functions[0][1]:
        return "ROWS FROM or a list of column definitions"
    call = functions[0][0]
    known = isinstance(call, ast.FuncCall) and words(call.funcname)[-1].lower() in allowed.ROW_FUNCTIONS
    return None if known else "This function in FROM"


def _column(node: ast.ColumnRef) -> str | None:
    return "A name of more than two parts" if len(words(node.fields)) > 2 else None


def _target(node: ast.ResTarget) -> str | None:
    return "An assignment" if node.indirection else None


def _indirection(node: ast.A_Indirection) -> str | None:
    # `(row).name` also calls the function of that name: only subscripts are let through.
    plain = all(isinstance(step, ast.A_Indices) for step in node.indirection or ())
    return None if plain else "The form (value).name"


def _call(node: ast.FuncCall) -> str | None:
    *schema, name = (word.lower() for word in words(node.funcname))
    if schema not in ([], [_BUILT_IN]) or name not in allowed.FUNCTIONS:
        return f"The function {name}"
    return excess(name, node.args or ())


def _type(node: ast.TypeName) -> str | None:
    *schema, name = (word.lower() for word in words(node.names))
    unusual = schema not in ([], [_BUILT_IN]) or node.setof or node.pct_type
    if name == "bpchar" and not all(is_short(length) for length in node.typmods or ()):
        return f"char of anything but a length of up to {allowed.LONGEST_PADDING}"
    return f"The type {name}" if unusual or name not in allowed.TYPES else None


def _operators(node: ast.A_Expr) -> str | None:
    if node.kind not in _WITH_OPERATOR:
        return None
    names = words(node.name)
    return _operator(names) or (wrong_path(node.rexpr) if names[0] in allowed.PATH_OPERATORS else None)


def _operator(names: tuple[str, ...]) -> str | None:
    return None if len(names) == 1 and names[0] in allowed.OPERATORS else f"The operator {names[-1]}"


def _sorting(node: ast.SortBy) -> str | None:
    return _operator(words(node.useOp)) if node.useOp else None


def _sublink(node: ast.SubLink) -> str | None:
    names = words(node.operName)
    if not names:
        return None
    return _operator(names) or (wrong_path(None) if names[0] in allowed.PATH_OPERATORS else None)


def _collation(node: ast.CollateClause) -> str | None:
    names = words(node.collname)
    known = len(names) == 1 and (names[0] in allowed.COLLATIONS or names[0].endswith("-x-icu"))
    return None if known else "This collation"


def _moment(node: ast.SQLValueFunction) -> str | None:
    named = node.op.name if node.op is not None else ""
    return None if _MOMENTS.fullmatch(named) else named.removeprefix("SVFOP_")


_SOURCES = (ast.RangeVar, ast.RangeFunction)

_KINDS = enums.A_Expr_Kind
_WITH_OPERATOR = {
    _KINDS.AEXPR_OP, _KINDS.AEXPR_OP_ANY, _KINDS.AEXPR_OP_ALL, _KINDS.AEXPR_IN, _KINDS.AEXPR_LIKE,
    _KINDS.AEXPR_ILIKE, _KINDS.AEXPR_SIMILAR, _KINDS.AEXPR_DISTINCT, _KINDS.AEXPR_NOT_DISTINCT,
    _KINDS.AEXPR_NULLIF,
}  # fmt: skip

_CHECKS: dict[type[ast.Node], Check] = {
    ast.SelectStmt: _select, ast.WithClause: _with, ast.CommonTableExpr: _cte, ast.RangeVar: _relation,
    ast.JoinExpr: _join, ast.RangeFunction: _function_in_from, ast.ColumnRef: _column,
    ast.ResTarget: _target, ast.A_Indirection: _indirection, ast.FuncCall: _call, ast.TypeName: _type,
    ast.A_Expr: _operators, ast.SortBy: _sorting, ast.SubLink: _sublink, ast.CollateClause: _collation,
    ast.SQLValueFunction: _moment,
}  # fmt: skip
_CHECKS |= dict.fromkeys(
    (
        ast.A_ArrayExpr, ast.A_Const, ast.A_Indices, ast.A_Star, ast.Alias, ast.BitString, ast.BoolExpr,
        ast.Boolean, ast.BooleanTest, ast.CaseExpr, ast.CaseWhen, ast.CoalesceExpr, ast.Float,
        ast.GroupingFunc, ast.GroupingSet, ast.Integer, ast.MinMaxExpr, ast.NamedArgExpr, ast.NullTest,
        ast.RangeSubselect, ast.RowExpr, ast.String, ast.TypeCast, ast.WindowDef,
    ),
    _anything,
)  # fmt: skip

_FEATURES = {
    "LockingClause": "FOR UPDATE or FOR SHARE",
    "IntoClause": "SELECT INTO",
    "ParamRef": "A parameter such as $1",
    "RangeTableSample": "TABLESAMPLE",
    "RangeTableFunc": "XMLTABLE",
    "JsonTable": "JSON_TABLE",
    "JsonFuncExpr": "JSON_VALUE, JSON_QUERY or JSON_EXISTS (write -> and ->>, or jsonb_path_query)",
    "XmlExpr": "XML",
    "XmlSerialize": "XML",
    "SetToDefault": "DEFAULT",
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
}
