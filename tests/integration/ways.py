"""Ways that the engine may go, each forced: the quick one, taken where data is as usual, and the others.

What forces a way is what the engine decides by: a bound of its own, what the database answers, or how what
is imported is written. Every bound that chooses a way is here and nowhere else in the tests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from shared.db import batches, documents, selecting
from shared.formats import (
    csv_pieces,
    csv_rows,
    csv_separators,
    cutting,
    json_neighbours,
    pieces,
    portions,
    usual_lines,
)
from shared.storage import reading

IS_COPY = r"current_query() ~ '^\s*COPY'"

NO_COPY: Mapping[str, Any] = {"condition": IS_COPY, "sqlstate": "23505"}
_OF_MANY: Mapping[str, Any] = {
    "condition": "(SELECT count(*) FROM written) > 1",
    "sqlstate": "23514",
    "seeing": "REFERENCING NEW TABLE AS written",
}


@dataclass(frozen=True)
class Way:
    """What leaves the engine one way only."""

    bounds: tuple[tuple[ModuleType, str, object], ...] = ()
    refusals: tuple[Mapping[str, Any], ...] = ()  # what the database does not take
    settings: Mapping[str, Any] = field(default_factory=dict)
    head: bytes = b""  # before each line of a document
    instead: Mapping[str, str] = field(default_factory=dict)  # of some values others
    besides: Mapping[str, str] = field(default_factory=dict)  # properties of each document
    deletes: bool = False  # behind each item a document that is not there

    def __add__(self, other: "Way") -> "Way":
        return Way(
            self.bounds + other.bounds,
            self.refusals + other.refusals,
            {**self.settings, **other.settings},
            self.head + other.head,
            {**self.instead, **other.instead},
            {**self.besides, **other.besides},
            self.deletes or other.deletes,
        )

    def properties(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The properties, each as it is written, of a document that is asked to have these."""
        return {name: self.instead.get(value, value) for name, value in asked.items()} | self.besides


USUAL = Way()

# Lines are read. A usual line is taken with its group, or alone, or is looked at closely.
GROUPED = Way(bounds=((reading, "GROUP_BYTES", 1),))  # of one line: nothing in it can be unlike the others
ALONE = Way(bounds=((usual_lines, "MOST_BYTES_TOGETHER", 0),))
CLOSELY = Way(head=b" ")

# Documents are written. They are copied straight in, or staged; looked at first, or not; compared by
# containment, which serves scalars, or in full; all together, or halved until one is left.
COPIED_FIRST = Way(bounds=((batches, "DIRECT_FROM", 0.0),))
STAGED = Way(refusals=(NO_COPY,))
LOOKED_AT = STAGED + Way(bounds=((batches, "LOOKS_FIRST_BELOW", 2.0),))
NOT_LOOKED_AT = STAGED + Way(bounds=((batches, "LOOKS_FIRST_BELOW", 0.0),))
SCALARS = Way(instead={'[1,{"d":2.50}]': "true", '[{"d":2.50},1]': "1e0", "{}": "false"})
IN_FULL = Way(besides={"d": '"["'})
HALVED = Way(refusals=({**_OF_MANY, "event": "AFTER INSERT"}, {**_OF_MANY, "event": "AFTER UPDATE"}))
TOLD_BY_XMAX = Way(bounds=((documents, "OLD_ROWS_SINCE", (10**6,)),))

# Each reading and each writing, and each pair of what is decided independently about the writing.
IMPORTS = {
    "as the engine chooses": USUAL,
    "always staged": STAGED,
    "grouped, copied first": GROUPED + COPIED_FIRST,
    "grouped, looked at, scalars": GROUPED + LOOKED_AT + SCALARS,
    "alone, looked at, in full": ALONE + LOOKED_AT + IN_FULL,
    "closely, not looked at, scalars, told by xmax": CLOSELY + NOT_LOOKED_AT + SCALARS + TOLD_BY_XMAX,
    "halved, not looked at, in full": HALVED + NOT_LOOKED_AT + IN_FULL,
}

# Files are cut. Groups of rows, lines and neighbours in a list are taken together, or each is alone; and
# blocks end between two of a group.
EACH_A_GROUP = Way(bounds=((pieces, "GROUP_CHARACTERS", 1), (csv_separators, "LINES_LOOKED_AT", 1)))
NO_NEIGHBOURS = Way(bounds=((json_neighbours, "MOST_CHARACTERS_TOGETHER", 0),))
SMALL_BLOCKS = Way(bounds=((cutting, "BLOCK_BYTES", 50),))

# Batches of items ask for one operation, or for several.
UNIFORM = Way(settings={"batch_lines": 1})
MIXED = Way(deletes=True)

ITEMS = {
    "as the engine chooses": USUAL,
    "small blocks, uniform, looked at": SMALL_BLOCKS + UNIFORM + LOOKED_AT,
    "each a group, no neighbours, uniform, not looked at": (
        EACH_A_GROUP + NO_NEIGHBOURS + UNIFORM + NOT_LOOKED_AT
    ),
    "mixed": MIXED,
    "mixed, halved": MIXED + HALVED,
}

# Rows are cut and read: together, or one by one; a row is made by its table's form, or cell by cell; what
# is made is known to be an item, or is looked at once more.
ROWS_GROUPED = EACH_A_GROUP + GROUPED
ROWS_ONE_BY_ONE = Way(
    bounds=((csv_pieces, "MOST_CHARACTERS_TOGETHER", 0), (csv_rows, "MOST_BYTES_TOGETHER", 0))
)
CELL_BY_CELL = Way(besides={"more": "\\"})
TWICE = Way(besides={"more": "\\u0000"})

ROWS = {
    "as the engine chooses": USUAL,
    "grouped, small blocks": ROWS_GROUPED + SMALL_BLOCKS,
    "one by one, small blocks": ROWS_ONE_BY_ONE + SMALL_BLOCKS,
    "grouped, cell by cell": ROWS_GROUPED + CELL_BY_CELL,
    "one by one, looked at twice": ROWS_ONE_BY_ONE + TWICE,
}

# Exported documents are written many at a time, or one by one; their ids stand in JSON as they are, or
# are escaped; a file takes all of a portion, or ends within it.
ONE_A_PORTION = Way(bounds=((selecting, "PORTION_BYTES", 1),))
ESCAPED = Way(bounds=((portions, "find_escaped", re.compile(b"").search),))
SMALL_FILES = Way(settings={"export_file_bytes": 60})

EXPORTS = {
    "as the engine chooses": USUAL,
    "one a portion": ONE_A_PORTION,
    "escaped": ESCAPED,
    "small files": SMALL_FILES,
}
