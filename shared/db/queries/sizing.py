"""What a query makes as large as it is told: only where it tells a small number, written out."""

from pglast import ast

from shared.db.queries import allowed


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
    path = node.val.sval if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String) else None
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


def _integer(node: ast.Node) -> int | None:
    if isinstance(node, ast.A_Const) and isinstance(node.val, ast.Integer):
        return node.val.ival
    return None
