"""What a client may have meant by a name that means nothing."""

from collections.abc import Iterable
from difflib import get_close_matches

from shared.db.queries.relations import fold

_LIKENESS = 0.7
_MOST_NAMES = 1000


def hint(name: str, known: Iterable[str]) -> str:
    """ " Did you mean ...?" with a leading blank, or nothing where no known name is near."""
    spelled = {fold(other): other for other in list(known)[:_MOST_NAMES]}
    near = get_close_matches(fold(name), spelled, n=1, cutoff=_LIKENESS)
    return f" Did you mean {spelled[near[0]]}?" if near else ""
