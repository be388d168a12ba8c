"""What a query makes large: by a number, which must be small and written out, or by multiplying.

Sizes are parts of an expression, and characters of its texts.
"""

from math import ceil

from pglast import ast

from shared.db.queries import allowed

# 900,000 took PostgreSQL 18 450 MB to plan, twice as many twice that, and canceling waited for the end of it.
LARGEST = 200_000

# What puts one text in many places of another: which argument tells the text (from 0), and which, if any,
# what it replaces.
_MULTIPLYING: dict[str, tuple[int, int | None]] = {
    "replace": (2, 1),
    "regexp_replace": (2, None),
    "array_to_string": (1, None),
}
# Quotes in a text are written with backslashes in JSON, and these with others when that is done again; a
# date's words are patterns, too.
_ESCAPING = ("json", "to_json", "row_to_json", "array_to_json", "to_char")
_ESCAPED_GROWTH = 4
# Of a text that is known only when the query runs.
_UNKNOWN_GROWTH = 2_000


def own_size(node: ast.Node) -> int:
    """How large the node is, without those below it."""
    return 1 + len(node.sval or "") if isinstance(node, ast.String) else 1


def growth(name: str, arguments: tuple[ast.Node, ...]) -> int:
    """How many times as large as its arguments a call's result may be, as far as that matters."""
    if name == "concat_ws":
        return len(arguments)
    if name.startswith(_ESCAPING):
        return _ESCAPED_GROWTH
    if name not in _MULTIPLYING:
        return 1
    place, replaced = _MULTIPLYING[name]
    text = _text(arguments[place]) if len(arguments) > place else None
    if text is None:
        return _UNKNOWN_GROWTH
    old = _text(arguments[replaced]) if replaced is not None else None
    return ceil(len(text) / max(1, len(old or ""))) or 1


def excess(name: str, arguments: tuple[ast.Node, ...]) -> str | None:
    """What is too much about a call; None where nothing is."""
    if name == "generate_series":
        return _long_series([_integer(argument) for argument in arguments])
    if name in allowed.BOUNDED_ARGUMENTS:
        place = allowed.BOUNDED_ARGUMENTS[name]
        if len(arguments) <= place or not is_short(arguments[place]):
            return f"{name} to anything but a length of up to {allowed.LONGEST_PADDING}, as a number,"
    if name.startswith(allowed.PATH_FUNCTIONS):
        return wrong_path(arguments[1]) if len(arguments) > 1 else None
    return None


def is_short(node: ast.Node) -> bool:
    length = _integer(node)
    return length is not None and length <= allowed.LONGEST_PADDING


def wrong_path(node: object) -> str | None:
    """A path that may give far more values than there are: `$[0,0]` doubles, `$.**.**` squares them."""
    path = _text(node)
    if path is None:
        return "A path that is not written out as one text"
    many = path.count(",") > allowed.MOST_PATH_COMMAS or path.count("**") > 1
    return f"A path with more than one ** or more than {allowed.MOST_PATH_COMMAS} commas" if many else None


def _long_series(given: list[int | None]) -> str | None:
    bounds = [number for number in given if number is not None]
    if len(bounds) == len(given) and len(bounds) in (2, 3):
        step = abs(bounds[2]) if len(bounds) == 3 else 1
        if step and abs(bounds[1] - bounds[0]) // step < allowed.LONGEST_SERIES:
            return None
    return f"generate_series of anything but numbers, with up to {allowed.LONGEST_SERIES} rows,"


def _text(node: object) -> str | None:
    return node.val.sval if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String) else None


def _integer(node: ast.Node) -> int | None:
    if isinstance(node, ast.A_Const) and isinstance(node.val, ast.Integer):
        return node.val.ival
    return None
