"""The subselect that stands where a query names an item type: documents turned into columns.

Each column is made only when the query asks for it. A typed column is for reckoning with: a value that is
not of its type is null, and never ends the query. The raw column beside it is the value as the item holds
it, for the output. Functions named here are made in `reader_schema`.
"""

from dataclasses import dataclass, field
from typing import ClassVar, cast

from pglast import ast, parse_sql

from shared.db.queries.folding import Spelled
from shared.db.queries.relations import Field, Guess, ItemRelation, fold

DOCUMENTS = "documents"
SCHEMA = "longshore_reader"
WHOLE = "data"
DOCUMENTID = "documentid"
# Headers of an item, as columns: what is kept of each document, and what is the same for the whole type.
HEADERS = {"id": "d.documentid", "processedAt": "d.updated_at"}
HEADER = "h_"
# A prefix in capitals cannot meet a name of the query: those are folded. A number follows: a name may be as
# long as names can be.
RAW = "R:"

FUNCTIONS = frozenset({"as_bigint", "as_boolean", "as_numeric", "as_timestamptz", "property", "weigh"})

_SUBSELECT = "SELECT {columns} FROM {schema}.{documents} AS d WHERE d.collection_id = {collection_id}"

# Types of fields, and how their columns are made from a value. Every other type is text.
_CONVERTED = {
    "boolean": f"{SCHEMA}.as_boolean({{value}})",
    "int": f"{SCHEMA}.as_bigint({{value}})",
    "decimal": f"{SCHEMA}.as_numeric({{value}})",
    "date": f"{SCHEMA}.as_timestamptz({{value}})",
    "block": "NULLIF({value}, 'null')",
}
_SAME_AS = {
    "bool": "boolean",
    "integer": "int",
    "long": "int",
    "double": "decimal",
    "float": "decimal",
    "number": "decimal",
    "numeric": "decimal",
    "datetime": "date",
    "timestamp": "date",
    "json": "block",
    "jsonelement": "block",
    "list": "block",
    "object": "block",
}


@dataclass
class Items:
    """An item type in one FROM clause, and the columns that the query wants of it."""

    size: ClassVar[int] = 10  # of a column: a conversion is some calls
    alias: str
    relation: ItemRelation
    spelled: Spelled
    typed: dict[str, None] = field(default_factory=dict)  # folded names, in order
    raw: dict[str, str] = field(default_factory=dict)  # by folded name, the column's

    def __post_init__(self) -> None:
        twins: dict[str, list[Field]] = {}
        for known in self.relation.fields:
            twins.setdefault(fold(known.name), []).append(known)
        chosen = {name: self._chosen(name, fitting) for name, fitting in twins.items()}
        self.ambiguous = frozenset(name for name, known in chosen.items() if known is None)
        self.fields = {name: known or twins[name][0] for name, known in chosen.items()}
        # Whether the folded names are all that there are.
        self.lists_fields = 0 < len(twins) == len(self.relation.fields)
        constants = {name: f"{literal(value)}::text" for name, value in self.relation.headers.items()}
        own = {HEADER + name: sql for name, sql in (HEADERS | constants).items()}
        self.headers = {fold(name): sql for name, sql in own.items() if fold(name) not in self.fields}
        self.spellings = {
            fold(name): name for name in (*own, *(known.name for known in self.fields.values()))
        }

    def _chosen(self, name: str, fitting: list[Field]) -> Field | None:
        """The one field that a folded name means; None where several differ by case and no quotes tell."""
        if len(fitting) == 1:
            return fitting[0]
        meant = self.spelled.columns.get(name) if name in self.spelled.exact else None
        return next((known for known in fitting if known.name == meant), None)

    @property
    def has_schema(self) -> bool:
        return bool(self.relation.fields)

    @property
    def names(self) -> list[str]:
        """Folded names of the fields in the schema's order."""
        return list(dict.fromkeys(fold(known.name) for known in self.relation.fields))

    def knows(self, name: str) -> bool:
        """Whether `name` (folded) is a column, without guessing."""
        return (
            name in (WHOLE, DOCUMENTID) or name in self.fields or name in self.headers or name in self.typed
        )

    def guess(self) -> Guess:
        """Names that were taken for properties, with nothing to tell whether there are such."""
        known = {WHOLE, DOCUMENTID, *self.headers}
        asked = {**self.typed, **self.raw}
        names = [name for name in asked if name not in known and not self._is_key(name)]
        written = {} if self.has_schema else {name: self._property(name) for name in names}
        return Guess(
            self.alias, self.relation.collection_id, written, self.spelled.exact.intersection(written)
        )

    def as_held(self, name: str) -> str:
        """The column beside that of a folded name which gives the value as the item holds it."""
        return self.raw.setdefault(name, f"{RAW}{len(self.raw)}")

    def build(self) -> ast.SelectStmt:
        """The subselect with the columns asked for."""
        columns = [f"{self._typed(name)} AS {identifier(name)}" for name in self.typed]
        columns += [f"{self._raw(name)} AS {identifier(column)}" for name, column in self.raw.items()]
        sql = _SUBSELECT.format(
            columns=", ".join(columns),
            schema=SCHEMA,
            documents=DOCUMENTS,
            collection_id=int(self.relation.collection_id),
        )
        return cast("ast.SelectStmt", parse_sql(sql)[0].stmt)

    def _typed(self, name: str) -> str:
        if name == WHOLE:
            key = literal(self.relation.key)
            return f"(pg_catalog.jsonb_build_object({key}, d.documentid) || d.properties)"
        if name in self.headers:
            return self.headers[name]
        if name == DOCUMENTID and name not in self.fields:
            return "d.documentid"
        kind = self.fields[name].type.lower() if name in self.fields else ""
        form = _CONVERTED.get(_SAME_AS.get(kind, kind), "({value} #>> '{{}}')")
        return form.format(value=self._value(name))

    def _raw(self, name: str) -> str:
        if name in self.headers or (name in (WHOLE, DOCUMENTID) and name not in self.fields):
            return self._typed(name)
        return self._value(name)

    def _value(self, name: str) -> str:
        """The property as JSON: by its exact name, else (without schema and quotes) whatever its case."""
        exact = f"(d.properties -> {literal(self._property(name))})"
        if self._is_key(name):
            return f"COALESCE({exact}, pg_catalog.to_jsonb(d.documentid))"
        if self.has_schema or name in self.spelled.exact:
            return exact
        other = f"{SCHEMA}.property(d.properties, {literal(name)})"
        return f"COALESCE({exact}, {other})"

    def _property(self, name: str) -> str:
        """The property that a folded name means, as far as this query and the schema tell."""
        return self.fields[name].name if name in self.fields else self.spelled.columns.get(name, name)

    def _is_key(self, name: str) -> bool:
        key = self.relation.key
        # A twin of the key is none, where it is meant exactly.
        is_exact = name in self.spelled.exact and not self.lists_fields
        return self._property(name) == key if is_exact else name == fold(key)


def identifier(name: str) -> str:
    """A name as SQL, whatever is in it."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(value: str) -> str:
    """A text as SQL, whatever is in it; needs standard_conforming_strings."""
    return "'{}'".format(value.replace("'", "''"))
