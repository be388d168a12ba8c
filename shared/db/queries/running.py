"""A checked query's rows as JSON text, read as the reader's role with an eye on time, rows and bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.db.database import Database
from shared.db.queries.columns import identifier, literal
from shared.db.queries.looking import require_properties
from shared.db.queries.reader_schema import sign
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import SPREAD, CheckedQuery, clip
from shared.db.queries.talking import Conversation, Waiting, conversation

# Rows come in pieces, so that what is fetched at once is bounded however large the next rows are.
_PIECE_BYTES = 1 << 15
_FETCH_PIECES = 256

# Stands, with a number, for a column's name that is longer than the database keeps.
LONG = "L:"

DESCRIBE = "SELECT * FROM ({query}) AS q LIMIT 0"

# Each row as its pieces in order, numbered from 0; cut off where it is too long. Where there are several they
# are bytes: to find a character the database counts all those before it, which took 17 seconds for a row of
# 14 MB, and now half of one (two cores, 2026-11-26).
DECLARE = """
DECLARE rows NO SCROLL CURSOR FOR
SELECT number, CASE WHEN bytes IS NULL THEN json END, substr(bytes, 1 + number * {piece}, {piece})
  FROM (SELECT json, bytes, generate_series(0, coalesce((octet_length(bytes) - 1) / {piece}, 0)) AS number
          FROM (SELECT json, CASE WHEN octet_length(json) > {piece} THEN convert_to(json, 'UTF8') END AS bytes
                  FROM (SELECT left(({row})::text, {longest} + 1) AS json
                          FROM ({query}) AS r {names} OFFSET 0) AS texts OFFSET 0) AS rows) AS pieces
"""


@dataclass(frozen=True, kw_only=True)
class QueryLimits:
    """How much one query may ask for."""

    seconds: float = 300.0  # that the database works on it, until the last row
    look_seconds: float = 5.0  # of those, for finding items that have the properties named
    rows: int = 10_000_000
    size_bytes: int = 4 << 30  # of all rows as JSON
    row_characters: int = 20 << 20


def _go_on() -> None:
    """Nothing is done while waiting."""


@contextmanager
def open_query(
    database: Database,
    reader_url: str,
    checked: CheckedQuery,
    limits: QueryLimits,
    *,
    waiting: Waiting = _go_on,
) -> Iterator["Rows"]:
    """The query's rows, to be read inside the `with`, in one snapshot of the database.

    `waiting` is called every half second while the database works on an answer; what it raises ends
    the query. Raises QueryRefused, here and while rows are read, for what is wrong with the query or
    beyond the limits, and DatabaseUnavailable.
    """
    with database.begin() as session:
        reads = sign(session, checked.collection_ids)
    with conversation(reader_url, reads, limits.seconds, waiting) as talk:
        for guess in checked.guesses:
            require_properties(talk, guess, limits.look_seconds)
        names = [str(column[0]) for column in talk.run(DESCRIBE.format(query=checked.sql)).description or ()]
        yield Rows(talk, checked, names, limits)


class Rows:
    """JSON objects as text, in the query's order, with every digit as it is stored; to be read once."""

    def __init__(
        self, talk: Conversation, checked: CheckedQuery, names: list[str], limits: QueryLimits
    ) -> None:
        """`names` are the columns as the database calls them."""
        self._talk = talk
        self._sql = checked.sql
        self._limits = limits
        self._spread = [name for name in names if name.startswith(SPREAD)]
        self._names = _spelled(names, checked)
        self._long = {f"{LONG}{n}": name for n, name in enumerate(self._names) if clip(name) != name}

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The members of each row in order; None where items are given whole and each has its own."""
        return None if self._spread else tuple(self._names)

    def __iter__(self) -> Iterator[bytes]:
        self._talk.run(self._declare())
        row_count = size_bytes = 0
        for row in self._fetch():
            row_count, size_bytes = row_count + 1, size_bytes + len(row)
            self._keep_limits(row_count, size_bytes)
            yield row

    def _declare(self) -> str:
        short = {name: column for column, name in self._long.items()}
        called = [identifier(short.get(name, name)) for name in self._names]
        names = f"({', '.join(called)})" if called else ""
        longest = self._limits.row_characters
        return DECLARE.format(
            row=self._row(), longest=longest, query=self._sql, names=names, piece=_PIECE_BYTES
        )

    def _row(self) -> str:
        """One row as JSON: its columns, and among them the members of items that are given whole."""
        parts = [f"COALESCE(r.{identifier(name)}, '{{}}')" for name in self._spread]
        parts += [
            f"jsonb_build_object({literal(name)}, r.{identifier(column)})"
            for column, name in self._long.items()
        ]
        if not parts:
            return "row_to_json(r.*)"
        if len(parts) < len(self._names):
            # These names are ours: neither quote nor comma is in them.
            ours = ",".join([*self._spread, *self._long])
            parts.insert(0, f"(to_jsonb(r.*) - '{{{ours}}}'::text[])")
        return " || ".join(parts)

    def _fetch(self) -> Iterator[bytes]:
        pieces: list[bytes] = []
        for number, piece in self._fetch_pieces():
            if number == 0 and pieces:
                yield self._joined(pieces)
                pieces = []
            pieces.append(piece)
        if pieces:
            yield self._joined(pieces)

    def _fetch_pieces(self) -> Iterator[tuple[int, bytes]]:
        portion = 1
        while found := self._talk.run(f"FETCH {portion} FROM rows").fetchall():
            for number, whole, piece in found:
                yield number, bytes(piece) if whole is None else whole.encode()
            portion = min(_FETCH_PIECES, 2 * portion)

    def _joined(self, pieces: list[bytes]) -> bytes:
        longest, row = self._limits.row_characters, b"".join(pieces)
        if len(row) > longest and len(row.decode()) > longest:
            raise QueryRefused(f"A row has more than {longest} characters.")
        return row

    def _keep_limits(self, row_count: int, size_bytes: int) -> None:
        if row_count > self._limits.rows:
            raise QueryRefused(f"The SQL gives more than {self._limits.rows} rows: narrow it down.")
        if size_bytes > self._limits.size_bytes:
            raise QueryRefused(f"The SQL gives more than {self._limits.size_bytes} bytes: narrow it down.")


def _spelled(names: list[str], checked: CheckedQuery) -> list[str]:
    """Names as the items or the query spell them, each only once: the second `name` is `name_2`."""
    spelled: list[str] = []
    taken = {name for name in names if name.startswith(SPREAD)} | {f"{LONG}{n}" for n in range(len(names))}
    for name in names:
        wanted = unique = checked.spellings.get(name, name)
        number = 1
        while unique in taken and not name.startswith(SPREAD):
            number += 1
            unique = f"{wanted}_{number}"
        taken.add(unique)
        spelled.append(unique)
    return spelled
