"""A look at items without a schema: does any of them have the properties that a query names?

A name that no item has would otherwise be a column of nothing, and a typing error would look like an
answer. The look is in the query's own snapshot, and ends with the time allowed for it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from shared.db.queries.columns import DOCUMENTS, SCHEMA, literal
from shared.db.queries.hints import hint
from shared.db.queries.refusals import QueryRefused, ambiguous
from shared.db.queries.relations import Guess
from shared.db.queries.talking import Conversation

# Usually the first items have everything. Later portions are large enough for the round trips not to count.
_FIRST_PORTION = 100
_LARGEST_PORTION = 10_000

# A portion of the items in the order of their ids: how many there are, the last of them, and which properties
# each of the names (as written, and folded) means there.
LOOK = """
WITH portion AS MATERIALIZED (
    SELECT documentid, properties FROM {schema}.{documents}
     WHERE collection_id = {collection_id} AND documentid > {after}
     ORDER BY documentid LIMIT {size}
)
SELECT (SELECT count(*) FROM portion),
       (SELECT max(documentid) FROM portion),
       (SELECT coalesce(json_object_agg(name.folded, found.number), '{{}}')
          FROM (VALUES {names}) AS name (folded, written, is_exact),
               LATERAL (SELECT count(DISTINCT key) AS number
                          FROM portion, jsonb_object_keys(properties) AS key
                         WHERE key = name.written
                            OR NOT name.is_exact AND lower(key) = name.folded) AS found)
"""

NAMES = """
SELECT DISTINCT key FROM (
    SELECT properties FROM {schema}.{documents} WHERE collection_id = {collection_id}
     ORDER BY documentid LIMIT {size}
) AS d, jsonb_object_keys(properties) AS key ORDER BY key LIMIT {size}
"""


@dataclass(frozen=True)
class _Look:
    """What is known after some portions."""

    item_count: int
    missing: frozenset[str]  # folded names
    ambiguous: frozenset[str]  # folded names
    is_whole: bool  # whether there are no more items


def require_properties(talk: Conversation, guess: Guess, look_seconds: float) -> None:
    """Raises QueryRefused for a name that no item looked at has, or that several properties fit in a portion.

    Where there are no items, any name will do.
    """
    deadline = time.monotonic() + look_seconds
    for look in _looks(talk, guess):
        if look.ambiguous:
            raise QueryRefused(ambiguous(guess.names[min(look.ambiguous)], guess.alias))
        if not look.missing:
            return
        if look.is_whole or time.monotonic() > deadline:
            if look.item_count:
                raise QueryRefused(_reason(talk, guess, look))
            return


def _looks(talk: Conversation, guess: Guess) -> Iterator[_Look]:
    after, count, size = "", 0, _FIRST_PORTION
    missing = frozenset(guess.names)
    while True:
        names = ", ".join(_row(name, guess) for name in sorted(missing))
        look = _filled(LOOK, guess, after=literal(after), size=size, names=names)
        [(found_count, last, found)] = talk.run(look).fetchall()
        missing, count = frozenset(name for name in missing if not found[name]), count + found_count
        several = frozenset(name for name, number in found.items() if number > 1)
        yield _Look(count, missing, several, is_whole=found_count < size)
        after, size = last, min(_LARGEST_PORTION, 4 * size)


def _row(name: str, guess: Guess) -> str:
    return f"({literal(name)}, {literal(guess.names[name])}, {name in guess.exact})"


def _reason(talk: Conversation, guess: Guess, look: _Look) -> str:
    name = guess.names[min(look.missing)]
    names = talk.run(_filled(NAMES, guess, size=_FIRST_PORTION)).fetchall()
    meant = hint(name, (key for (key,) in names))
    if look.is_whole:
        return f"No item of {guess.alias} has a property {name!r}.{meant}"
    return (
        f"None of the first {look.item_count} items of {guess.alias} has a property {name!r}.{meant}"
        f" If others may have it, write {guess.alias}.data->>{literal(name)}."
    )


def _filled(statement: str, guess: Guess, **values: object) -> str:
    own = {"schema": SCHEMA, "documents": DOCUMENTS, "collection_id": int(guess.collection_id)}
    return statement.format(**own, **values)
