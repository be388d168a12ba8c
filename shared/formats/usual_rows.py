"""CSV rows of the usual shape as JSON, made by one look at all of their cells together.

What any other row takes, a look at each cell and an encoding of them as values, gives the same bytes.
"""

from collections.abc import Callable, Sequence

import msgspec

from shared.formats.flattening import ESCAPE
from shared.formats.items import DATA, DOCUMENTID, ItemType
from shared.instructions import Instruction, is_usable_documentid

# Of a row's cells, the number of its first line, its offset and its length in bytes.
ReadUsual = Callable[[Sequence[str], int, int, int], Instruction | None]

_quoted = msgspec.json.Encoder().encode


def usual_rows(item_type: ItemType, names: Sequence[str]) -> ReadUsual:
    """What reads the usual rows of a table of texts, and gives None for any other row.

    `names` are those of its columns.
    """
    if item_type.key not in names or DATA in names:
        return _none
    form, key_at = _form(names, item_type.key), names.index(item_type.key)
    operation = item_type.usual_operation

    def read(cells: Sequence[str], number: int, offset: int, length: int) -> Instruction | None:
        written = "".join(cells)
        if not written.isprintable() or '"' in written or "\\" in written or ESCAPE in written or "" in cells:
            return None
        documentid = cells[key_at]
        if not is_usable_documentid(documentid):
            return None
        properties = form % tuple(cells)
        return Instruction(number, offset, length, operation, documentid, properties.encode())

    return read


def _none(*_: object) -> None:
    return None


def _form(names: Sequence[str], key: str) -> str:
    """What `%` makes the JSON of a row with: an id that is not a property of its own is left out."""
    members, comma = [], ""
    for name in names:
        if name == key == DOCUMENTID:
            members.append("%.0s")
        else:
            members.append(f'{comma}{_quoted(name).decode().replace("%", "%%")}:"%s"')
            comma = ","
    return "{" + "".join(members) + "}"
