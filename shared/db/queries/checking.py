"""A client's SQL, checked and made into a query that can be run. No database is asked."""

from collections.abc import Iterable

from pglast import ast, parse_sql, parser
from pglast.stream import RawStream

from shared.db.queries.columns import DOCUMENTS, FUNCTIONS, SCHEMA, Items
from shared.db.queries.folding import fold_names, spelled, spelled_aliases
from shared.db.queries.guarding import guard
from shared.db.queries.naming import Catalog
from shared.db.queries.nodes import words
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import CheckedQuery, ItemRelation
from shared.db.queries.rewriting import WITH, Rewriter

LONGEST_SQL = 20_000
# The parser's trees are made by recursion in C, which ends the process where the stack ends: 5,000 nested
# operators were too many for a thread with 1 MiB. Splitting a text into words takes no stack.
MOST_WORDS = 3_000


def check_query(sql: str, relations: Iterable[tuple[str, ItemRelation]]) -> CheckedQuery:
    """The query that `sql` means, reading nothing but `relations`, each under the name beside it.

    Raises QueryRefused unless it is one SELECT, of these relations, built of what is allowed
    (`allowed` and `guarding`). Its message names only what the query itself names.
    """
    statement = _parse(sql)
    guard(statement, _nothing_is_ours)
    names = spelled(sql, statement)
    aliases = spelled_aliases(statement)
    fold_names(statement)
    rewriter = Rewriter(Catalog(relations), names)
    rewriter.rewrite(statement)
    return CheckedQuery(
        sql=_print(statement),
        collection_ids=frozenset(items.relation.collection_id for items in rewriter.met),
        spellings={**names.columns, **_fields(rewriter.met), **aliases},
        guesses=[guess for items in rewriter.met if (guess := items.guess()).names],
    )


def _parse(sql: str) -> ast.SelectStmt:
    if len(sql) > LONGEST_SQL:
        raise QueryRefused(f"The SQL has {len(sql)} characters; up to {LONGEST_SQL} are allowed.")
    if "\0" in sql or sql.encode(errors="ignore").decode() != sql:
        raise QueryRefused("The SQL holds characters that are no text: NUL, or halves of a pair.")
    try:
        if len(parser.scan(sql)) > MOST_WORDS:
            raise QueryRefused(f"The SQL has more than {MOST_WORDS} words and signs: make it simpler.")
        statements = parse_sql(sql)
    except parser.ParseError as error:
        wrong, index = error.args
        place = "" if index is None else f" (character {index + 1})"
        raise QueryRefused(f"The SQL cannot be read: {wrong}{place}.") from None
    if len(statements) != 1:
        raise QueryRefused(f"The SQL has {len(statements)} statements; exactly one SELECT is expected.")
    statement = statements[0].stmt
    if not isinstance(statement, ast.SelectStmt):
        raise QueryRefused("The SQL is not a SELECT, and nothing else is allowed.")
    return statement


def _nothing_is_ours(_: ast.Node) -> str | None:
    return None


def _fields(met: list[Items]) -> dict[str, str]:
    return {folded: name for items in met for folded, name in items.spellings.items()}


def _print(statement: ast.SelectStmt) -> str:
    """The statement's text, which the grammar reads as this very statement and the guard lets pass.

    So that neither a slip in rewriting nor one in printing can send anything that was not looked at.
    """
    try:
        sql = RawStream()(statement)
        again = parse_sql(sql)
    except (parser.ParseError, RecursionError):
        raise QueryRefused("The SQL is too complex to be rewritten: make it simpler.") from None
    if len(again) != 1 or again[0].stmt != statement:
        raise QueryRefused("The SQL cannot be rewritten faithfully: make it simpler.")
    guard(again[0].stmt, _is_ours)
    return sql


def _is_ours(node: ast.Node) -> str | None:
    if isinstance(node, ast.RangeVar):
        ours = (node.schemaname, node.relname) == (SCHEMA, DOCUMENTS)
        with_query = node.schemaname is None and (node.relname or "").startswith(WITH)
        return "" if ours or with_query else "This relation"
    if isinstance(node, ast.FuncCall) and words(node.funcname)[0] == SCHEMA:
        return "" if words(node.funcname)[1:] in {(name,) for name in FUNCTIONS} else "This function"
    return None
