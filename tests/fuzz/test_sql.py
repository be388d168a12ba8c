"""Any SQL is a query that means the same when it is read again, or refused."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.db.queries.checking import check_query
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import CheckedQuery, Field, ItemRelation
from tests.fuzz.fuzzing import altered, fuzzed, of_pieces
from tests.hostile_sql import HOSTILE
from tests.unit.test_query_checking import ALLOWED

RELATIONS = {
    "movie": ItemRelation(71, [Field("name"), Field("year", "int"), Field("accountId")], key="accountId"),
    "note": ItemRelation(72),
    'a"b; --': ItemRelation(73, [Field("é\"'"), Field("$1")]),
}
SHORT = {name: sql for name, sql in (HOSTILE | ALLOWED).items() if len(sql) < 500}
WORDS = sorted({word for sql in SHORT.values() for word in re.findall(r"\w+|[^\w\s]+", sql)})
QUERIES = (
    altered({name: sql.encode(errors="replace") for name, sql in SHORT.items()}).map(
        lambda sql: sql.decode(errors="replace")
    )
    | of_pieces([f"{word} " for word in WORDS], most=15).map(lambda words: f"SELECT {words}")
    | st.lists(st.sampled_from(sorted(SHORT.values())), min_size=2, max_size=3).map(" ".join)
    | of_pieces([*WORDS, "\0", "\ufeff", "\ud800", 'U&"\\0041"', "$$", "E'\\'", "\U0001f600"])
)


def checked(sql: str) -> CheckedQuery | None:
    try:
        return check_query(sql, RELATIONS.items())
    except QueryRefused:
        return None


@fuzzed
@given(QUERIES)
def test_any_sql_is_a_query_or_refused(sql: str) -> None:
    query = checked(sql)

    assert query is None or query.collection_ids <= {71, 72, 73}
    assert query == checked(sql)
