"""How PostgreSQL names a column of a select list that has no AS.

The rules are those of FigureColname in its source, src/backend/parser/parse_target.c.
"""

from collections.abc import Callable
from typing import Any, cast

from pglast import ast

from shared.db.queries.nodes import words

_UNNAMED = "?column?"


def output_name(target: ast.ResTarget) -> str:
    """The name of the column that `target`, which is not a star, becomes."""
    return target.name or _strong(target.val) or _weak(target.val) or _UNNAMED


def _strong(node: ast.Node | None) -> str | None:
    """A name that wins over the name of a type that the value is cast to."""
    for kind, name in _NAMERS.items():
        if isinstance(node, kind):
            return name(node)
    return None


def _of_sublink(node: ast.SubLink) -> str | None:
    kind = node.subLinkType.name if node.subLinkType is not None else ""
    if kind == "EXPR_SUBLINK":
        targets = cast("ast.SelectStmt", node.subselect).targetList
        return output_name(cast("ast.ResTarget", targets[0])) if targets else None
    return {"EXISTS_SUBLINK": "exists", "ARRAY_SUBLINK": "array"}.get(kind)


def _weak(node: ast.Node | None) -> str | None:
    if isinstance(node, ast.TypeCast) and node.typeName is not None:
        return _weak(node.arg) or words(node.typeName.names)[-1]
    if isinstance(node, ast.CollateClause | ast.A_Indirection):
        return _weak(node.arg)
    return "case" if isinstance(node, ast.CaseExpr) else None


_NAMERS: dict[type[ast.Node], Callable[[Any], str | None]] = {
    ast.ColumnRef: lambda node: words(node.fields)[-1],
    ast.FuncCall: lambda node: words(node.funcname)[-1],
    ast.TypeCast: lambda node: _strong(node.arg),
    ast.CollateClause: lambda node: _strong(node.arg),
    ast.A_Indirection: lambda node: _strong(node.arg),
    ast.CaseExpr: lambda node: _strong(node.defresult),
    ast.A_Expr: lambda node: "nullif" if node.kind.name == "AEXPR_NULLIF" else None,
    ast.MinMaxExpr: lambda node: node.op.name.removeprefix("IS_").lower(),
    ast.SQLValueFunction: lambda node: node.op.name.removeprefix("SVFOP_").removesuffix("_N").lower(),
    ast.SubLink: _of_sublink,
    ast.A_ArrayExpr: lambda _: "array",
    ast.CoalesceExpr: lambda _: "coalesce",
    ast.GroupingFunc: lambda _: "grouping",
    ast.RowExpr: lambda _: "row",
}
