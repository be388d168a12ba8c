"""CSV rows of the usual shape as JSON, made by one look at all of their cells together.

What any other row takes, a look at each cell and an encoding of them as values, gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import itemgetter

import msgspec

from shared.formats.flattening import ESCAPE
from shared.formats.items import DATA, DOCUMENTID, ItemType
from shared.instructions import MAX_DOCUMENTID_CHARACTERS, Instruction, is_usable_documentid

_quoted = msgspec.json.Encoder().encode


class UsualRows:
    """Reads the usual rows of a table of texts, and gives None for any others."""

    def __init__(self, item_type: ItemType, names: Sequence[str]) -> None:
        """`names` are those of the columns."""
        self._has_some = item_type.key in names and DATA not in names
        if self._has_some:
            self._form, self._key_at = _form(names, item_type.key), names.index(item_type.key)
            self._operation = item_type.usual_operation

    def read(self, cells: Sequence[str], number: int, offset: int, length: int) -> Instruction | None:
        """What one row asks for: its cells, the number of its first line, its offset and length in bytes."""
        if not self._has_some or _may_be_special("".join(cells)) or "" in cells:
            return None
        documentid = cells[self._key_at]
        if not is_usable_documentid(documentid):
            return None
        properties = self._form % tuple(cells)
        return Instruction(number, offset, length, self._operation, documentid, properties.encode())

    def read_all(
        self,
        rows: Sequence[Sequence[str]],
        numbers: Iterable[int],
        offsets: Iterable[int],
        lengths: Iterable[int],
    ) -> Iterator[Instruction] | None:
        """What the rows ask for, all of them or none."""
        cells = tuple(chain.from_iterable(rows))
        if not self._has_some or "" in cells or _may_be_special("".join(cells)):
            return None
        documentids = list(map(itemgetter(self._key_at), rows))
        if "/" in "".join(documentids) or len(max(documentids, key=len)) > MAX_DOCUMENTID_CHARACTERS:
            return None
        # No cell has a line feed, nor has what the form puts around them.
        properties = ("\n".join([self._form] * len(rows)) % cells).encode().split(b"\n")
        return map(Instruction, numbers, offsets, lengths, repeat(self._operation), documentids, properties)


def _may_be_special(cells: str) -> bool:
    return not cells.isprintable() or '"' in cells or "\\" in cells or ESCAPE in cells


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
