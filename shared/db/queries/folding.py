"""Names whatever their case: every name of a query becomes lower case, and how it was written is kept."""

from pglast import ast, parser

from shared.db.queries.nodes import descendants, words
from shared.db.queries.relations import fold

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


def spelled_columns(sql: str, root: ast.Node) -> dict[str, str]:
    """Columns as the text spells them: the grammar itself has folded what is not quoted.

    Where it spells one in several ways, quotes win, then the first.
    """
    tokens = [token for token in parser.scan(sql) if token.name not in _COMMENTS]
    places = {token.start: index for index, token in enumerate(tokens)}
    found = []
    for node, _ in descendants(root):
        if isinstance(node, ast.ColumnRef) and node.location is not None:  # TABLE names none
            names = words(node.fields)
            token = tokens[places[node.location] + 2 * (len(names) - 1)]  # name, dot, name
            written = sql[token.start : token.end + 1]
            is_bare = fold(written) == names[-1]
            found.append((is_bare, token.start, written if is_bare else names[-1]))
    spelled: dict[str, str] = {}
    for _, _, name in sorted(found):
        spelled.setdefault(fold(name), name)
    return spelled


def spelled_aliases(root: ast.Node) -> dict[str, str]:
    """Names that the query gives with AS and in quotes: only those have kept their case."""
    given = (node.name for node, _ in descendants(root) if isinstance(node, ast.ResTarget) and node.name)
    return {fold(name): name for name in given if name != fold(name)}
