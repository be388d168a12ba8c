"""What a client's query may read, and what becomes of the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_IDENTIFIER_BYTES = 63  # what the grammar keeps of a longer name


@dataclass(frozen=True)
class Field:
    """A field of an item type, spelled as its items spell it; what `type` means is told in `columns`."""

    name: str
    type: str = "string"


@dataclass(frozen=True)
class ItemRelation:
    """A collection that a query may read under some name.

    `fields` is its schema in order, empty where there is none: then every column that a query names
    is a property. `key` is the property that holds the document's id. `headers` are what all of its
    items' headers say, by their names: type, category, community.
    """

    collection_id: int
    fields: Sequence[Field] = ()
    key: str = "documentid"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Guess:
    """Names that a query takes for properties of items without a schema: folded name -> as written."""

    alias: str
    collection_id: int
    names: Mapping[str, str]
    exact: frozenset[str] = frozenset()  # folded names that mean a property as they are written


@dataclass(frozen=True)
class CheckedQuery:
    """A query that may be run: it reads these collections and nothing else.

    `spellings` gives the output columns their case back: folded name -> name as the items or the
    query spell it. A column whose name starts with SPREAD holds whole items, to be taken apart.
    """

    sql: str
    collection_ids: frozenset[int]
    spellings: Mapping[str, str]
    guesses: Sequence[Guess] = ()


SPREAD = "S:"


def fold(name: str) -> str:
    """The form in which names are compared: lower case, and as long as the grammar leaves them."""
    return clip(name.lower())


def clip(name: str) -> str:
    """What the grammar leaves of a name in quotes."""
    return name.encode()[:_IDENTIFIER_BYTES].decode(errors="ignore")
