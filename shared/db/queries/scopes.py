"""Which names a query can see at some place in it, and what a column's name means there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.db.queries.columns import Items
from shared.db.queries.hints import hint
from shared.db.queries.refusals import QueryRefused, ambiguous

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Derived:
    """A subquery, a WITH query or a function in FROM: something whose columns we know and do not make."""

    alias: str
    columns: Columns
    size: int = 1  # of the largest of these columns, see `rewriting`

    def knows(self, name: str) -> bool:
        return name in self.columns


Source = Items | Derived


@dataclass
class Scope:
    """The FROM clause around a name, and what lies around that."""

    outer: "Scope | None" = None
    withs: Mapping[str, Derived] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    # Names of the select list's columns, where a clause may mean them.
    output: frozenset[str] = frozenset()

    def called(self, alias: str) -> Source | None:
        """The nearest source with this alias."""
        for source in self.sources:
            if source.alias == alias:
                return source
        return self.outer.called(alias) if self.outer else None

    def meant_by(self, name: str) -> list[Source]:
        """The sources that a name without alias may mean; more than one where it is ambiguous.

        Nearer scopes first. An item type without a schema has any property, if nothing else fits.
        """
        known = [source for source in self.sources if source.knows(name) or source.alias == name]
        if known or name in self.output:
            return known
        open_ended = [
            source for source in self.sources if isinstance(source, Items) and not source.has_schema
        ]
        if len(open_ended) > 1:
            raise QueryRefused(f"{name!r} may be a field of several item types: put an alias before it.")
        return list(open_ended) or (self.outer.meant_by(name) if self.outer else [])

    def ask(self, source: Source, name: str) -> None:
        """Have `source` make the column. Raises QueryRefused where it has none of this name."""
        if isinstance(source, Items) and name in source.ambiguous:
            raise QueryRefused(ambiguous(name, source.alias))
        if isinstance(source, Items) and (source.knows(name) or not source.has_schema):
            source.typed[name] = None
        elif not source.knows(name):
            meant = hint(name, _columns_of(source))
            raise QueryRefused(f"{name!r} is not a column of {source.alias}.{meant}")

    def hint(self, name: str) -> str:
        """What may be meant by a name that no source has."""
        near = hint(name, (known for source in self.sources for known in _columns_of(source)))
        return near or (self.outer.hint(name) if self.outer else "")


def _columns_of(source: Source) -> Iterable[str]:
    return source.spellings.values() if isinstance(source, Items) else source.columns
