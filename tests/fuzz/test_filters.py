"""Any text of `filters` is what PostgreSQL can be asked for, or refused."""

from hypothesis import given
from hypothesis import strategies as st

from api.liquid.filters import filters_of
from api.usecases.collections import find_collection
from api.usecases.exports import Filters
from api.usecases.jobs import JobRefused
from api.usecases.services import Service
from shared.db import exports, selecting
from shared.db.selecting import Selection
from shared.ground import Ground
from tests.fuzz.fuzzing import fuzzed, of_pieces

PIECES = r"""
    { } [ ] ( ) : , ' " u' U" b' f' r' ''' \ \x00 \u0000 \ud800 \U0010ffff \U00110000 \N{BELL} \n \'
    True False None true null nan inf 0 -1 1.5 1e9 1e999 0x1 1_0 1L 1j 'a' "a" 'a': 'a':'b' {'a':'b'} {'a':[
    /Workflow/processStatus[Editing] /a[]/b[c] a.b a\.b __import__('os') lambda: *[] **{} # #{}
"""
TEXTS = of_pieces([*PIECES.split(), " ", "\n", "\0", "\u2028"])


def understood(text: str) -> Filters | None:
    try:
        return filters_of(text)
    except JobRefused:
        return None


@fuzzed
@given(TEXTS | TEXTS.map(lambda text: f"{{'a':{text}}}") | TEXTS.map(lambda text: f"{{'{text}':'b'}}"))
def test_what_is_understood_can_be_asked_for(ground: Ground, text: str) -> None:
    filters = understood(text)

    with ground.database.begin() as session:
        assert selecting.count(session, Selection(-1, "id", filters or {})) == 0


@fuzzed
@given(st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2).map(str))
def test_what_is_understood_can_be_kept(ground: Ground, service: Service, text: str) -> None:
    selection = {"kind": "filters", "filters": understood(text)}
    collection_id = find_collection(ground, service, "/contacts")

    with ground.database.begin() as session:
        row = exports.add(
            session, service_id=service.id, collection_id=collection_id, selection=selection, rendering={}
        )
        assert row.selection == selection
        session.rollback()
