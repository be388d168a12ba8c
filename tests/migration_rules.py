"""What a migration may not do while workers of the release before are at work: its statements, judged by the
real grammar. The rules themselves are in shared/db/migrations/README.md."""

from collections.abc import Iterator
from io import StringIO

import pglast
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script
from pglast import ast
from pglast.enums import AlterTableType, ConstrType, ObjectType
from pglast.visitors import Visitor

# Not evaluated for each row, so that adding a column with one rewrites nothing.
STABLE_FUNCTIONS = {"now", "statement_timestamp"}

HARMLESS = {
    AlterTableType.AT_DropConstraint,
    AlterTableType.AT_DropNotNull,
    AlterTableType.AT_SetRelOptions,
    AlterTableType.AT_ValidateConstraint,
}
INSIDE_COLUMN = {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_NULL, ConstrType.CONSTR_DEFAULT}


def statements_of(script: Script) -> str:
    """The SQL of a migration, without running it."""
    written = StringIO()
    offline = {"as_sql": True, "output_buffer": written}
    context = MigrationContext.configure(dialect_name="postgresql", opts=offline)
    with Operations.context(context):
        script.module.upgrade()
    return written.getvalue()


def refusals(sql: str) -> list[str]:
    """What of the statements an old worker would not survive, or would be held up by; in order."""
    parsed = [raw.stmt for raw in pglast.parse_sql(sql)]
    new = {stmt.relation.relname for stmt in parsed if isinstance(stmt, ast.CreateStmt)}
    is_cut_in_parts = any(isinstance(stmt, ast.IndexStmt) and stmt.concurrent for stmt in parsed)
    found = [reason for stmt in parsed for reason in _judge(stmt, new)]
    if is_cut_in_parts:
        found += [reason for stmt in parsed for reason in _judge_repeated(stmt)]
    return found


def _judge(stmt: ast.Node, new: set[str]) -> Iterator[str]:
    match stmt:
        case ast.AlterTableStmt() if stmt.relation.relname not in new:
            for command in stmt.cmds:
                yield from _judge_change(stmt.relation.relname, command)
        case ast.IndexStmt() if stmt.relation.relname not in new and not stmt.concurrent:
            yield f"index {stmt.idxname} holds up writers"
        case ast.DropStmt() if stmt.removeType != ObjectType.OBJECT_INDEX or not stmt.concurrent:
            yield "drop"
        case ast.RenameStmt():
            yield f"rename of {stmt.relation.relname if stmt.relation else stmt.subname}"
        case ast.UpdateStmt() | ast.DeleteStmt():
            yield f"change of the rows of {stmt.relation.relname}"
        case ast.TruncateStmt():
            yield "truncate"


def _judge_change(table: str, command: ast.AlterTableCmd) -> Iterator[str]:
    kind = AlterTableType(command.subtype)
    if kind is AlterTableType.AT_AddColumn:
        yield from _judge_column(table, command.def_)
    elif kind is AlterTableType.AT_AddConstraint:
        if not command.def_.skip_validation:
            yield f"{table}: constraint {command.def_.conname} is validated at once"
    elif kind is AlterTableType.AT_ColumnDefault:
        if command.def_ is None:
            yield f"{table}.{command.name} loses its default"
    elif kind not in HARMLESS:
        yield f"{table}.{command.name or ''}: {kind.name}"


def _judge_column(table: str, column: ast.ColumnDef) -> Iterator[str]:
    constraints = {ConstrType(constraint.contype): constraint for constraint in column.constraints or ()}
    default = constraints.get(ConstrType.CONSTR_DEFAULT)
    if ConstrType.CONSTR_NOTNULL in constraints and default is None:
        yield f"{table}.{column.colname} is NOT NULL without a default"
    if not constraints.keys() <= INSIDE_COLUMN:
        yield f"{table}.{column.colname} has a constraint that looks at every row"
    if default is not None and not _functions(default.raw_expr) <= STABLE_FUNCTIONS:
        yield f"{table}.{column.colname} has a default of its own for every row"


def _functions(expression: ast.Node) -> set[str]:
    called = _Called()
    called(expression)
    return called.names


class _Called(Visitor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_FuncCall(self, _: object, node: ast.FuncCall) -> None:  # noqa: N802
        self.names.add(node.funcname[-1].sval)


def _judge_repeated(stmt: ast.Node) -> Iterator[str]:
    """What an attempt after an index that was cut off would stumble over."""
    match stmt:
        case ast.AlterTableStmt() if not all(command.missing_ok for command in stmt.cmds):
            yield f"{stmt.relation.relname}: beside an index, without IF NOT EXISTS"
        case ast.CreateStmt() if not stmt.if_not_exists:
            yield f"{stmt.relation.relname}: beside an index, without IF NOT EXISTS"
        case ast.CreateFunctionStmt() | ast.CreateTrigStmt() if not stmt.replace:
            yield "function or trigger: beside an index, without OR REPLACE"
        case ast.InsertStmt():
            yield f"{stmt.relation.relname}: rows beside an index"
