"""Clients' SQL on real documents: what comes out, typed and untyped, and what is too much."""

import json
import tracemalloc
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db.queries.checking import check_query
from shared.db.queries.reader import Reader
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import Field, ItemRelation
from shared.db.queries.running import DECLARE, QueryLimits, open_query
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from tests.integration.querying import a_collection, ask, ask_texts, prepared_reader

PIECE = 1 << 15

MOVIES = {
    "1": '{"name": "Jaws", "year": 1975, "price": 12345678901234567890.10, "seen": true,'
    ' "releasedAt": "1975-06-20T05:00:00+0000", "cast": [{"actor": "Roy"}, {"actor": "Lee"}]}',
    "2": {"name": "alien", "year": "1979", "price": "7.50", "seen": "TRUE", "releasedAt": "1979-05-25"},
    "3": {"name": None, "year": 12.5, "price": "cheap", "seen": "maybe", "releasedAt": "1975-02-31"},
}
RATINGS = {
    "a": {"movieId": "1", "Stars": 5, "tags": {"mood": "tense"}},
    "b": {"movieId": "1", "Stars": 3},
    "c": {"movieId": "2", "Stars": 4},
}
FIELDS = [
    Field("movieId"),
    Field("name"),
    Field("year", "int"),
    Field("price", "decimal"),
    Field("seen", "boolean"),
    Field("releasedAt", "datetime"),
    Field("cast", "list"),
]


@pytest.fixture
def reader(ground: Ground) -> Reader:
    return prepared_reader(ground)


@pytest.fixture
def relations(ground: Ground, service: Service, reader: Reader) -> Mapping[str, ItemRelation]:
    """Movies, which have a schema, and ratings, which have none."""
    headers = {"type": "Movie", "category": "entity", "community": "Demo"}
    movies = ItemRelation(a_collection(ground, service, "/Movie", MOVIES), FIELDS, "movieId", headers)
    ratings = ItemRelation(a_collection(ground, service, "/Rating", RATINGS), headers={"type": "Rating"})
    return {"demo_entity_movie": movies, "movie": movies, "rating": ratings}


ANSWERS: dict[str, tuple[str, list[Any]]] = {
    "as the clients write it": (
        "SELECT m.name FROM Demo_entity_Movie m ORDER BY m.name LIMIT 250",
        [{"name": "Jaws"}, {"name": "alien"}, {"name": None}],
    ),
    "a column for each array": (
        "SELECT x, y FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS t (x, y) ORDER BY x",
        [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
    ),
    "names in any case": (
        'SELECT MOVIEID, "NAME", RelEASEDat FROM MOVIE WHERE "Year" = 1979',
        [{"movieId": "2", "name": "alien", "releasedAt": "1979-05-25"}],
    ),
    "names in any case without a schema": (
        'SELECT r.movieid, STARS, r."Stars" AS "Number of Stars" FROM rating r WHERE MOVIEID = \'2\'',
        [{"movieid": "2", "Stars": 4, "Number of Stars": 4}],
    ),
    "typed": (
        "SELECT year + 1 AS y, price * 2 AS p, NOT seen AS s, releasedAt < '1976-01-01' AS r"
        " FROM movie ORDER BY y",
        [
            {"y": 1976, "p": Decimal("24691357802469135780.20"), "s": False, "r": True},
            {"y": 1980, "p": 15, "s": False, "r": False},
            {"y": None, "p": None, "s": None, "r": None},
        ],
    ),
    "nested values": (
        "SELECT m.cast, m.cast->0->>'actor' AS first FROM movie m WHERE movieid = '1'",
        [{"cast": [{"actor": "Roy"}, {"actor": "Lee"}], "first": "Roy"}],
    ),
    "the whole item": (
        "SELECT data FROM rating WHERE stars = '3'",
        [{"data": {"documentid": "b", **RATINGS["b"]}}],
    ),
    "joins by quoted names and keywords, and an order by an operator": (
        'SELECT movieId FROM movie JOIN movie m USING ("movieId", Name, YEAR) ORDER BY movieId USING >, 1',
        [{"movieId": "2"}, {"movieId": "1"}],
    ),
    "the row is the item": (
        "SELECT r, to_jsonb(r) = r.data AS same FROM rating r WHERE documentid = 'b'",
        [{"r": {"documentid": "b", **RATINGS["b"]}, "same": True}],
    ),
    "all of an item without a schema": (
        "SELECT * FROM rating ORDER BY documentid LIMIT 1",
        [{"documentid": "a", **RATINGS["a"]}],
    ),
    "all of it and more": (
        "SELECT r.*, upper(tags->>'mood') AS mood FROM rating r CROSS JOIN LATERAL"
        " (SELECT r.data->'tags' AS tags) t WHERE documentid = 'a'",
        [{"documentid": "a", **RATINGS["a"], "mood": "TENSE"}],
    ),
    "a join of two item types": (
        "SELECT m.name, r.Stars FROM movie m JOIN rating r ON r.movieId = m.movieId ORDER BY r.Stars DESC",
        [{"name": "Jaws", "Stars": 5}, {"name": "alien", "Stars": 4}, {"name": "Jaws", "Stars": 3}],
    ),
    "a join by the same name": (
        "SELECT name, movieId, r.stars FROM movie JOIN rating r USING (movieId) WHERE r.stars::int > 4",
        [{"name": "Jaws", "movieId": "1", "stars": 5}],
    ),
    "WITH queries of long names": (
        f'WITH {"v" * 62} AS (SELECT 1 AS a), "{"W" * 63}" AS (SELECT a + 1 AS b FROM {"v" * 62})'
        f' SELECT b FROM "{"W" * 63}" w',
        [{"b": 2}],
    ),
    "a WITH query in the place of one around it": (
        "WITH w AS (SELECT 1 AS a) SELECT a, (WITH w AS (SELECT a + 1 AS a FROM w) SELECT a FROM w) AS b,"
        " (SELECT a FROM w) AS c FROM w",
        [{"a": 1, "b": 2, "c": 1}],
    ),
    "rows without a partner": (
        "SELECT m.movieId, r.* FROM movie m LEFT JOIN rating r ON r.movieId = m.movieId"
        " WHERE r.movieId IS NULL",
        [{"movieId": "3"}],
    ),
    "groups": (
        "SELECT movieId, count(*), avg(stars::int)::numeric(3, 1) AS mean FROM rating GROUP BY movieId"
        " HAVING count(*) > 1 ORDER BY count(*) DESC",
        [{"movieId": "1", "count": 2, "mean": 4.0}],
    ),
    "groups by the name of a column": (
        "SELECT left(movieId, 1) AS initial, count(*) FROM rating GROUP BY initial ORDER BY initial",
        [{"initial": "1", "count": 2}, {"initial": "2", "count": 1}],
    ),
    "collections of values": (
        "SELECT movieId, array_agg(stars ORDER BY stars) FILTER (WHERE stars <> '5') AS a,"
        " string_agg(DISTINCT stars, ', ') AS b, jsonb_object_agg(documentid, data->'Stars') AS c,"
        " json_agg(NULLIF(stars, '5')) AS e FROM rating GROUP BY movieId ORDER BY 1",
        [
            {
                "movieId": "1",
                "a": ["3"],
                "b": "3, 5",
                "c": {"a": 5, "b": 3},
                "e": [None, "3"],
            },
            {"movieId": "2", "a": ["4"], "b": "4", "c": {"c": 4}, "e": ["4"]},
        ],
    ),
    "a collection that grows": (
        "SELECT documentid AS d, array_agg(stars) OVER (ORDER BY documentid) AS a FROM rating ORDER BY d LIMIT 2",
        [{"d": "a", "a": ["5"]}, {"d": "b", "a": ["5", "3"]}],
    ),
    "windows": (
        "SELECT documentid AS d, rank() OVER (PARTITION BY movieId ORDER BY stars DESC) FROM rating"
        " ORDER BY d",
        [{"d": "a", "rank": 1}, {"d": "b", "rank": 2}, {"d": "c", "rank": 1}],
    ),
    "WITH": (
        "WITH best AS (SELECT movieId, max(stars) AS stars FROM rating GROUP BY movieId),"
        " documents AS (SELECT 7 AS n)"
        " SELECT m.name, best.*, n FROM movie m JOIN best USING (movieId), documents ORDER BY m.name",
        [
            {"name": "Jaws", "movieId": "1", "stars": "5", "n": 7},
            {"name": "alien", "movieId": "2", "stars": "4", "n": 7},
        ],
    ),
    "sets": (
        "SELECT name FROM movie WHERE name IS NOT NULL UNION SELECT movieId FROM rating ORDER BY 1 LIMIT 2",
        [{"name": "1"}, {"name": "2"}],
    ),
    "a subquery that looks outside": (
        "SELECT name FROM movie m WHERE (SELECT count(*) FROM rating r WHERE r.movieId = m.movieId) = 2",
        [{"name": "Jaws"}],
    ),
    "values taken apart": (
        "SELECT c.value->>'actor' AS actor FROM movie m, jsonb_array_elements(m.cast) AS c ORDER BY actor",
        [{"actor": "Lee"}, {"actor": "Roy"}],
    ),
    "sorted by what it is, not as it is written": (
        "SELECT year FROM movie ORDER BY year NULLS FIRST",
        [{"year": 12.5}, {"year": 1975}, {"year": "1979"}],
    ),
    "sorted by place": (
        "SELECT year AS y FROM movie ORDER BY 1 DESC NULLS LAST LIMIT 1",
        [{"y": "1979"}],
    ),
    "a name twice": (
        "SELECT name, name FROM movie WHERE movieId = '1'",
        [{"name": "Jaws", "name_2": "Jaws"}],
    ),
    "headers": (
        "SELECT h_id, m.h_type, H_CATEGORY, h_community, h_processedAt <= now() AS is_past FROM movie m"
        " WHERE h_processedAt > '2020-01-01' AND m.h_id = '1'",
        [{"h_id": "1", "h_type": "Movie", "h_category": "entity", "h_community": "Demo", "is_past": True}],
    ),
    "headers without a schema": (
        "SELECT h_type, count(h_processedAt) FROM rating GROUP BY h_type",
        [{"h_type": "Rating", "count": 3}],
    ),
    "nothing": ("SELECT name FROM movie WHERE false", []),
    "names that look like SQL and like ours": (
        'SELECT 1 AS "a"") FROM x; --", 2 AS "S:0", 3 AS "R:name", 4 AS "s:0"',
        [{'a") FROM x; --': 1, "S:0": 2, "R:name": 3, "S:0_2": 4}],
    ),
    "no item type": (
        "SELECT 1 AS one, 'a%b' AS text, ARRAY[1, 2] AS list",
        [{"one": 1, "text": "a%b", "list": [1, 2]}],
    ),
}


@pytest.mark.parametrize(("sql", "rows"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_query_answers(ground: Ground, relations: Mapping[str, ItemRelation], sql: str, rows: list[Any]):
    texts = ask_texts(ground, sql, relations)

    assert [json.loads(row, parse_float=Decimal) for row in texts] == rows


def test_a_star_gives_the_fields_as_the_item_holds_them(
    ground: Ground, relations: Mapping[str, ItemRelation]
):
    (row,) = ask_texts(ground, "SELECT * FROM movie WHERE year = 1975", relations)

    assert row == (
        b'{"movieId":"1","name":"Jaws","year":1975,"price":12345678901234567890.10,"seen":true,'
        b'"releasedAt":"1975-06-20T05:00:00+0000","cast":[{"actor": "Roy"}, {"actor": "Lee"}]}'
    )


def test_columns_are_known_before_the_rows(
    ground: Ground, reader: Reader, relations: Mapping[str, ItemRelation]
):
    def columns(sql: str) -> tuple[str, ...] | None:
        with open_query(
            ground.database, reader.url, check_query(sql, relations.items()), QueryLimits()
        ) as rows:
            return rows.columns

    assert columns("SELECT *, 1 AS one FROM movie LIMIT 0") == (*(field.name for field in FIELDS), "one")
    assert columns("SELECT * FROM rating") is None


def test_a_field_wins_over_a_header_of_its_name(ground: Ground, service: Service, reader: Reader):
    collection_id = a_collection(ground, service, "/thing", {"1": {"h_id": "its own"}})
    thing = ItemRelation(collection_id, [Field("h_id")])

    assert ask(ground, "SELECT h_id FROM thing", {"thing": thing}) == [{"h_id": "its own"}]


TWINS = {"1": {"name": "a", "Name": "A"}, "2": {"name": "b"}, "3": {"Name": "C", "Other": 1}}


@pytest.fixture(params=[[], [Field("name"), Field("Name"), Field("Other")]], ids=["no schema", "a schema"])
def twins(
    ground: Ground, service: Service, reader: Reader, request: pytest.FixtureRequest
) -> Mapping[str, ItemRelation]:
    """Items whose properties differ by case only."""
    return {"thing": ItemRelation(a_collection(ground, service, "/thing", TWINS), request.param)}


@pytest.mark.parametrize(("name", "found"), [("name", ["a", "b", None]), ("Name", ["A", None, "C"])])
def test_quotes_tell_properties_apart(
    ground: Ground, twins: Mapping[str, ItemRelation], name: str, found: list[str | None]
):
    rows = ask(ground, f'SELECT "{name}" FROM thing t ORDER BY t.documentid', twins)

    assert rows == [{name: value} for value in found]


@pytest.mark.parametrize("column", ["name", "Name", "t.NAME", "upper(name)"])
def test_a_property_that_several_fit_is_ambiguous(
    ground: Ground, twins: Mapping[str, ItemRelation], column: str
):
    with pytest.raises(QueryRefused, match=r"(?i)^'name' is ambiguous: several properties of t "):
        ask(ground, f"SELECT {column} FROM thing t", twins)


def test_a_twin_behind_the_first_hundred_items_is_the_same_column(
    ground: Ground, service: Service, reader: Reader
):
    items = {f"{number:03}": {"name": "x"} for number in range(150)} | {"999": {"Name": "y"}}
    things = {"thing": ItemRelation(a_collection(ground, service, "/thing", items))}

    assert ask(ground, "SELECT count(name) FROM thing WHERE name IN ('x', 'y')", things) == [{"count": 151}]


def test_all_of_an_item_has_both(ground: Ground, twins: Mapping[str, ItemRelation]):
    rows = ask(ground, "SELECT * FROM thing ORDER BY documentid LIMIT 1", twins)

    assert rows == [{"documentid": "1", **TWINS["1"]}]


def test_in_quotes_a_property_without_schema_is_meant_exactly(
    ground: Ground, relations: Mapping[str, ItemRelation]
):
    with pytest.raises(QueryRefused, match=r"No item of r has a property 'STARS'\. Did you mean Stars"):
        ask(ground, 'SELECT "STARS" FROM rating r', relations)


LONG = "Would you tell a friend of yours that they ought to stay with us "  # more than SQL keeps of a name
ANSWERED = {LONG + "?": "yes", LONG + "again?": 3, "x" * 62: "62"}


@pytest.mark.parametrize("fields", [[], [Field(name) for name in ANSWERED]], ids=["no schema", "a schema"])
@pytest.mark.parametrize("name", ANSWERED)
def test_names_may_be_longer_than_sql_keeps(
    ground: Ground, service: Service, reader: Reader, fields: list[Field], name: str
):
    things = {"thing": ItemRelation(a_collection(ground, service, "/thing", {"1": ANSWERED}), fields)}

    rows = ask(ground, f'SELECT t."{name}", 1 AS "L:0" FROM thing t WHERE "{name}" > \'\' ORDER BY 1', things)
    whole = ask(ground, f'SELECT t.*, count("{name}") OVER () FROM thing t', things)
    joined = ask(ground, f'SELECT count(*) FROM thing t JOIN thing u USING ("{name}")', things)

    assert rows == [{name: ANSWERED[name], "L:0_2": 1}]
    assert [ANSWERED.items() <= row.items() for row in whole] == [True]
    assert joined == [{"count": 1}]


@pytest.fixture
def notes(ground: Ground, service: Service, reader: Reader) -> Mapping[str, ItemRelation]:
    """So many items that a short look does not reach the last one, which alone has an author."""
    items = {f"{number:03}": {"title": "x"} for number in range(150)} | {"999": {"Author": "Roy"}}
    return {"note": ItemRelation(a_collection(ground, service, "/note", items))}


def test_a_property_of_one_item_is_found(ground: Ground, notes: Mapping[str, ItemRelation]):
    rows = ask(ground, "SELECT author FROM note WHERE author IS NOT NULL", notes)

    assert rows == [{"author": "Roy"}]


def test_a_look_for_properties_ends_in_time_and_says_how_to_go_on(
    ground: Ground, notes: Mapping[str, ItemRelation]
):
    hurried = QueryLimits(look_seconds=0)

    with pytest.raises(QueryRefused) as refusal:
        ask(ground, "SELECT author FROM note n", notes, hurried)

    assert str(refusal.value) == (
        "None of the first 100 items of n has a property 'author'."
        " If others may have it, write n.data->>'author'."
    )
    advised = "SELECT n.data->>'Author' AS author FROM note n WHERE n.data->>'Author' IS NOT NULL"
    assert ask(ground, advised, notes, hurried) == [{"author": "Roy"}]


def test_with_no_items_any_name_will_do(ground: Ground, service: Service, reader: Reader):
    empty = ItemRelation(a_collection(ground, service, "/thing", {}))

    assert ask(ground, "SELECT name FROM thing", {"thing": empty}) == []


# A million characters.
LARGE = "replace(lpad('x', 1000, 'x'), 'x', lpad('é', 1000, 'é'))"

FAILURES = {
    "an unknown column": (
        "SELECT nonsense FROM movie",
        "'nonsense' is not a column of anything in this FROM",
    ),
    "an unknown column of an alias": (
        "SELECT m.nam FROM movie m",
        r"not a column of m\. Did you mean name\?",
    ),
    "an unknown property": (
        "SELECT star FROM rating",
        r"No item .* a property 'star'\. Did you mean Stars\?",
    ),
    "an unknown property of an alias": (
        "SELECT count(*) FROM rating r JOIN movie m USING (movieId) WHERE r.Moood = 'tense'",
        r"No item of r has a property 'Moood'\.$",
    ),
    "a name that is meant for the query around it": (
        "SELECT name FROM movie m WHERE EXISTS (SELECT 1 FROM rating r WHERE r.movieId = name)",
        "No item of r has a property 'name'",
    ),
    "a header that is not kept": ("SELECT h_createdAt FROM movie", "'h_createdat' is not a column"),
    "a header that is not kept, without a schema": (
        "SELECT h_createdAt FROM rating",
        "a property 'h_createdAt'",
    ),
    "types that do not fit": ("SELECT name + 1 FROM movie", r"operator does not exist: text \+ integer"),
    "a number beside a property without a schema": (
        "SELECT stars FROM rating WHERE stars = 5",
        r"text = integer\. What no schema gives another type is text: cast it, as in \(\.\.\.\)::numeric, or put",
    ),
    "a sum of a property without a schema": ("SELECT sum(stars) FROM rating", r"sum\(text\).*\. What no"),
    "a time beside a number": ("SELECT year FROM movie WHERE releasedAt = 5", r"integer\.$"),
    "two WITH queries of one name": (
        "WITH w AS (SELECT 1 AS a), W AS (SELECT 2 AS a) SELECT a FROM w",
        "There are two WITH queries 'w'",
    ),
    "more names than a WITH query has columns": (
        "WITH w (a, b) AS (SELECT 1) SELECT a FROM w",
        "'w' is given 2 names of columns, and has 1",
    ),
    "no group": ("SELECT name, count(*) FROM movie", "must appear in the GROUP BY clause"),
    "a division by zero": ("SELECT 1 / 0 FROM movie", "division by zero"),
    "a value that cannot be cast": ("SELECT name::int FROM movie", "invalid text representation"),
    "an ambiguous column": ("SELECT name FROM movie a, movie b", "is ambiguous"),
    "more rows than one": ("SELECT (SELECT name FROM movie)", "more than one row"),
    "too many values held": (
        "SELECT count(a) FROM (SELECT array_agg(lpad('x', 1000)) AS a FROM generate_series(1, 9999) n,"
        " generate_series(1, 9999) m GROUP BY n) x",
        "more memory or space",
    ),
    "too many values held by several": (
        "SELECT jsonb_agg(lpad('x', 900)), array_agg(n), json_object_agg(n, lpad('y', 900))"
        " FROM generate_series(1, 9999) n, generate_series(1, 9999) m",
        "more memory or space",
    ),
    "too much memory": (
        "SELECT string_agg(lpad('x', 1000), '') FROM generate_series(1, 9999) a, generate_series(1, 9999) b",
        "more memory or space|takes too long",
    ),
}


@pytest.mark.parametrize(("sql", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_what_the_database_refuses_is_refused_with_a_reason_free_of_contents(
    ground: Ground, relations: Mapping[str, ItemRelation], sql: str, reason: str
):
    with pytest.raises(QueryRefused, match=reason) as refusal:
        ask(ground, sql, relations, QueryLimits(seconds=20))

    assert not any(word in str(refusal.value) for word in ("Jaws", "alien", "documents", "longshore"))


ENDLESS = "SELECT count(*) FROM generate_series(1, 9999) a, generate_series(1, 9999) b"


def test_long_rows_come_whole_between_short_ones(ground: Ground, reader: Reader):
    sql = f"SELECT n, CASE WHEN n % 2 = 0 THEN {LARGE} END AS a FROM generate_series(1, 5) n ORDER BY n DESC"

    rows = ask(ground, sql, {})

    assert [(row["n"], row["a"] and len(row["a"])) for row in rows] == [
        (5, None), (4, 1_000_000), (3, None), (2, 1_000_000), (1, None)
    ]  # fmt: skip
    assert set(rows[1]["a"]) == {"é"}


def test_large_rows_behind_many_small_ones_do_not_fill_our_memory(ground: Ground, reader: Reader):
    sql = f"SELECT CASE WHEN n > 600 THEN {LARGE} END AS a FROM generate_series(1, 700) n"
    query = check_query(sql, [])
    tracemalloc.start()

    with open_query(ground.database, reader.url, query, QueryLimits()) as rows:
        sizes = [len(row) for row in rows]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(sizes) > 200_000_000
    assert peak_bytes < 100_000_000


def test_a_long_row_is_cut_out_of_its_bytes(ground: Ground):
    """To find a character the server counts all those before it: a row took twelve times as long as others."""
    query = f"SELECT CASE WHEN n = 2 THEN {LARGE} ELSE 'é' END AS a FROM generate_series(1, 2) n"
    declared = DECLARE.format(row="row_to_json(r.*)", longest=1 << 24, query=query, names="", piece=PIECE)

    with ground.database.begin() as session:
        session.execute(text(declared))
        short, *pieces = session.execute(text("FETCH ALL FROM rows")).all()

    assert tuple(short) == (0, '{"a":"é"}', None)
    assert [(number, whole) for number, whole, _ in pieces] == [(n, None) for n in range(len(pieces))]
    assert all(type(piece) is memoryview and len(piece) <= PIECE for _, _, piece in pieces)
    assert json.loads(b"".join(piece for _, _, piece in pieces)) == {"a": "é" * 1_000_000}


LIMITS = {
    "time": (ENDLESS, QueryLimits(seconds=0.3)),
    "rows": ("SELECT * FROM generate_series(1, 101) n", QueryLimits(rows=100)),
    "bytes": ("SELECT lpad('', 999) FROM generate_series(1, 9999) n", QueryLimits(size_bytes=100_000)),
    "one row": ("SELECT lpad('', 1000) AS a", QueryLimits(row_characters=100)),
}


@pytest.mark.parametrize(("sql", "limits"), LIMITS.values(), ids=LIMITS.keys())
@pytest.mark.usefixtures("reader")
def test_too_much_is_refused(ground: Ground, sql: str, limits: QueryLimits):
    with pytest.raises(QueryRefused, match=r"too long|more than"):
        ask(ground, sql, {}, limits)


@pytest.mark.usefixtures("reader")
def test_as_much_as_is_allowed_is_given(ground: Ground):
    rows = ask(ground, "SELECT * FROM generate_series(1, 5000) n", {}, QueryLimits(rows=5000))

    assert [row["n"] for row in rows] == list(range(1, 5001))


def test_a_reader_that_cannot_log_in_is_a_database_out_of_reach(ground: Ground, reader: Reader):
    nobody = reader.url.replace(reader.role, "nobody_of_this_name")

    with (
        pytest.raises(DatabaseUnavailable),
        open_query(ground.database, nobody, check_query("SELECT 1", []), QueryLimits()),
    ):
        pass


class GivenUp(Exception):
    """What a caller raises who does not want to wait any longer."""


def test_whoever_waits_may_give_up(ground: Ground, reader: Reader):
    def give_up() -> None:
        raise GivenUp

    endless = check_query(ENDLESS, [])

    with (
        pytest.raises(GivenUp),
        open_query(ground.database, reader.url, endless, QueryLimits(), waiting=give_up) as rows,
    ):
        list(rows)


def test_a_query_sees_one_moment(ground: Ground, service: Service, reader: Reader):
    things = {str(number): {"n": number} for number in range(50)}
    collection_id = a_collection(ground, service, "/thing", things)
    query = check_query("SELECT n FROM thing", [("thing", ItemRelation(collection_id))])

    with open_query(ground.database, reader.url, query, QueryLimits()) as rows:
        reading = iter(rows)
        next(reading)
        with ground.database.begin() as session:
            session.execute(text("DELETE FROM documents WHERE collection_id = :id"), {"id": collection_id})
        rest = list(reading)

    assert len(rest) == 49
