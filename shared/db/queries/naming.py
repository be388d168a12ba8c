"""Item types by the names that a query may call them."""

from collections import defaultdict
from collections.abc import Iterable

from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import ItemRelation, fold

_AS_UNDERSCORE = str.maketrans("-/", "__")


class Catalog:
    """Finds an item type by its name in any case, with `_` for what cannot stand outside of quotes."""

    def __init__(self, named: Iterable[tuple[str, ItemRelation]]) -> None:
        self._named: defaultdict[str, list[tuple[str, ItemRelation]]] = defaultdict(list)
        for name, relation in named:
            self._named[loose(name)].append((name, relation))

    def find(self, name: str, quoted: str | None) -> ItemRelation:
        """The item type meant by `name`; `quoted` is the name where it stands in quotes, exactly.

        Raises QueryRefused where there is none, or more than one, and quotes do not tell which.
        """
        fitting = self._named.get(loose(name), [])
        exact = [(known, relation) for known, relation in fitting if known == quoted]
        for meant in (exact, fitting):
            if len({relation.collection_id for _, relation in meant}) == 1:
                return meant[0][1]
        if not fitting:
            raise QueryRefused(f"{quoted or name!r} is not an item type that this query may read.")
        raise QueryRefused(
            f"{quoted or name!r} is ambiguous: several item types are called so, but for case or signs. Write"
            " the name of one in double quotes, exactly."
        )


def loose(name: str) -> str:
    """The form in which names of item types are compared where quotes do not tell."""
    return fold(name.translate(_AS_UNDERSCORE))
