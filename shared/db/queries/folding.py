"""Names whatever their case: every name of a query becomes lower case, and how it was written is kept."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pglast import ast, parser
from pglast.parser import Token

from shared.db.queries.nodes import descendants, words
from shared.db.queries.refusals import QueryRefused, same_beginning
from shared.db.queries.relations import clip, fold

_NAMES = {
    ast.Alias: ("aliasname", "colnames"),
    ast.ColumnRef: ("fields",),
    ast.CommonTableExpr: ("ctename", "aliascolnames"),
    ast.FuncCall: ("funcname",),
    ast.JoinExpr: ("usingClause",),
    ast.NamedArgExpr: ("name",),
    ast.RangeVar: ("relname",),
    ast.ResTarget: ("name",),
    ast.TypeName: ("names",),
    ast.WindowDef: ("name", "refname"),
}
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")


def fold_names(root: ast.Node) -> None:
    """Make every name in the tree lower case, in place."""
    for node, _ in descendants(root):
        for slot in _NAMES.get(type(node), ()):
            setattr(node, slot, _folded(getattr(node, slot)))


def _folded(value: object) -> object:
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, tuple):
        return tuple(_folded(part) for part in value)
    return ast.String(sval=fold(value.sval or "")) if isinstance(value, ast.String) else value


class Spelled(NamedTuple):
    """Names as the text spells them: the grammar itself has folded what is not quoted."""

    columns: Mapping[str, str]  # folded name -> name; of several ways those in quotes, then the first
    exact: frozenset[str]  # folded names of columns that are always spelled in one way, in quotes
    quoted_relations: Mapping[int, str]  # place in the text -> name


def spelled(sql: str, root: ast.Node) -> Spelled:
    """How `sql`, of which `root` was made, spells columns and relations.

    Raises QueryRefused for columns that differ only in what the grammar does not keep of long names.
    """
    names = list(_names(sql, root))
    columns: dict[str, str] = {}
    ways: dict[str, set[tuple[bool, str]]] = {}
    for kind, is_bare, _, name in sorted(names, key=lambda found: found[1:]):
        if kind is ast.ColumnRef:
            first = columns.setdefault(fold(name), name)
            if first.lower() != name.lower():
                raise QueryRefused(same_beginning(first, name))
            ways.setdefault(fold(name), set()).add((is_bare, name))
    return Spelled(
        columns,
        frozenset(name for name, ways in ways.items() if ways == {(False, columns[name])}),
        {place: name for kind, is_bare, place, name in names if kind is ast.RangeVar and not is_bare},
    )


def _names(sql: str, root: ast.Node) -> Iterator[tuple[type[ast.Node], bool, int, str]]:
    """The kind of each node that names something, whether it is without quotes, its place, the name."""
    tokens = [token for token in parser.scan(sql) if token.name not in _COMMENTS]
    places = {token.start: index for index, token in enumerate(tokens)}
    for node, _ in descendants(root):
        if isinstance(node, ast.ColumnRef | ast.RangeVar) and node.location is not None:  # TABLE names none
            names = words(node.fields) if isinstance(node, ast.ColumnRef) else (node.relname or "",)
            token = tokens[places[node.location] + 2 * (len(names) - 1)]  # name, dot, name
            written = sql[token.start : token.end + 1]
            is_bare = fold(written) == names[-1]
            yield type(node), is_bare, node.location, written if is_bare else _whole(written, names[-1])
    yield from _joining(sql, tokens)


def _joining(sql: str, tokens: Sequence[Token]) -> Iterator[tuple[type[ast.Node], bool, int, str]]:
    """The same of columns in USING (...): the tree does not tell where they stand."""
    is_inside = False
    for before, token in pairwise(tokens):
        begins = (before.name, token.name) == ("USING", "ASCII_40")
        is_inside = begins or (is_inside and token.name != "ASCII_41")
        written = sql[token.start : token.end + 1]
        if is_inside and written not in "(," and not written.lower().startswith('u&"'):
            is_bare = not written.startswith('"')
            name = written if is_bare else written[1:-1].replace('""', '"')
            yield ast.ColumnRef, is_bare, token.start, name


def _whole(written: str, kept: str) -> str:
    """A name in quotes without them, of which the grammar kept the beginning where it is long."""
    name = written[1:-1].replace('""', '"')
    return name if clip(name) == kept else kept  # U&"..." has escapes


def spelled_aliases(root: ast.Node) -> dict[str, str]:
    """Names that the query gives with AS and in quotes: only those have kept their case."""
    given = (node.name for node, _ in descendants(root) if isinstance(node, ast.ResTarget) and node.name)
    return {fold(name): name for name in given if name != fold(name)}
