"""The header row of a CSV file as the names of its columns: each one there, and each one different."""

from shared.formats.flattening import path_of, text_of
from shared.formats.pieces import FileRefused

# As many as a sheet of the common spreadsheets has. They are kept with each block.
MAX_COLUMNS = 16_384
# Of a name with dots. Encoders that meet thousands of levels end the process; together with the JSON that may
# stand in a cell this stays well below.
MAX_LEVELS = 100
MAX_SHOWN_CHARACTERS = 60
_WRAPPED = {"headers", "data"}


def names_of(cells: list[str]) -> list[str]:
    """The names in a header row; cells without one at its end are none. Raises FileRefused."""
    _check_count(len(cells))
    names = [text_of(_stripped(cell)) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefused("The file has no header row, and one was announced.")
    _check_each(names)
    _check_differences(names)
    return names


def numbered_names(count: int) -> list[str]:
    """Names for the columns of a file without a header row: c1, c2 and so on. Raises FileRefused."""
    _check_count(count)
    return [f"c{number}" for number in range(1, count + 1)]


def require_key(names: list[str], key: str, item_type: str) -> None:
    """Raises FileRefused where no row under these names can have the property `key`."""
    paths = [path_of(name) for name in names]
    # Rows that spell out an item's headers and data may have it in either.
    if (key,) in paths or {path[0] for path in paths} >= _WRAPPED:
        return
    other = next((path[0] for path in paths if len(path) == 1 and path[0].lower() == key.lower()), None)
    if other is not None:
        raise FileRefused(
            f"It has a column {other}, expected {key}, the primary key of {item_type}: the same name in"
            " another case."
        )
    counted = "1 column" if len(names) == 1 else f"{len(names)} columns"
    raise FileRefused(
        f"It has {counted} and lacks {key}, the primary key of {item_type}, without which no row is an item:"
        " is the column called otherwise, the separator another one, or the header row missing?"
    )


def _check_count(count: int) -> None:
    if count > MAX_COLUMNS:
        raise FileRefused(f"The file has {count} columns, and at most {MAX_COLUMNS} are taken.")


def _stripped(cell: str) -> str:
    """The cell without blanks around it, but for one that a backslash keeps."""
    name = cell.strip()
    backslashes = len(name) - len(name.rstrip("\\"))
    return name + cell.lstrip()[len(name) : len(name) + backslashes % 2]


def _check_each(names: list[str]) -> None:
    for number, name in enumerate(names, 1):
        if not name:
            raise FileRefused(
                f"Column {number} of the header row has no name: give it one, or leave the column out."
            )
        if "\0" in name:
            raise FileRefused(
                f"The name of column {number} holds the character NUL: is the file really a text in the"
                " charset that was named?"
            )
        if len(path_of(name)) > MAX_LEVELS:
            raise FileRefused(f"Column {number} is more than {MAX_LEVELS} levels deep.")


def _check_differences(names: list[str]) -> None:
    numbers: dict[tuple[str, ...], int] = {}
    for number, name in enumerate(names, 1):
        first = numbers.setdefault(path_of(name), number)
        if first != number:
            raise FileRefused(
                f"Columns {first} and {number} of the header row have the same name,"
                f" {name[:MAX_SHOWN_CHARACTERS]!r}: which one is meant is not to be known."
            )
