"""Which SQL is let through, what it becomes, and how hostile SQL is turned away without a word too many."""

import pytest

from shared.db.queries.checking import check_query
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import Field, ItemRelation
from tests.hostile_sql import HOSTILE

MOVIE = ItemRelation(71, [Field("name"), Field("year", "int"), Field("accountId")], key="accountId")
NOTE = ItemRelation(72)
RELATIONS = {"movie": MOVIE, "demo_entity_movie": MOVIE, "note": NOTE}


def check(sql: str):
    return check_query(sql, RELATIONS.items())


@pytest.mark.parametrize("sql", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused(sql: str):
    with pytest.raises(QueryRefused):
        check(sql)


ALLOWED = {
    "as the clients write it": "SELECT * FROM Demo_entity_Movie m ORDER BY m.name LIMIT 250",
    "nothing but a value": "SELECT 1",
    "an end": "SELECT 1;",
    "TABLE": "TABLE movie",
    "TABLE behind a blank": " TABLE movie",
    "TABLE behind a comment": "/* all */ SELECT name FROM (TABLE movie) m",
    "comments": "SELECT /* a */ 1 -- ; DROP TABLE documents",
    "a text that looks dangerous": "SELECT '; DROP TABLE documents --', $$ pg_sleep(1) $$",
    "a WITH query named like a table": "WITH documents AS (SELECT 1 AS a) SELECT a FROM documents",
    "a WITH query named like an item type": "WITH movie AS (SELECT name FROM movie) SELECT * FROM movie",
    "two item types": "SELECT m.name, n.title FROM movie m LEFT JOIN note n ON n.movie = m.name",
    "aggregates": "SELECT year, count(*) FILTER (WHERE true) FROM movie GROUP BY year HAVING count(*) > 1",
    "grouping sets": "SELECT year, name FROM movie GROUP BY GROUPING SETS ((year), (name), ())",
    "windows": "SELECT rank() OVER w, lag(name, 1) OVER w FROM movie WINDOW w AS (ORDER BY name)",
    "sets": "SELECT name FROM movie UNION ALL (SELECT title FROM note EXCEPT SELECT 'x') ORDER BY 1",
    "times": "SELECT extract(year FROM now() AT TIME ZONE 'UTC'), CURRENT_DATE - interval '1 day'",
    "named arguments": "SELECT make_interval(days => 3)",
    "texts": "SELECT trim(both 'x' from 'y'), substring('y' from 1 for 2), position('a' in 'b')",
    "patterns": "SELECT name FROM movie WHERE name ILIKE 'a%' OR name SIMILAR TO 'b' OR name ~ 'c'",
    "casts": "SELECT year::numeric(10, 2), CAST(name AS varchar(3)), '{1}'::int[] FROM movie",
    "cases": "SELECT CASE WHEN year > 1 THEN 'a' ELSE nullif(name, 'b') END, greatest(1, 2) FROM movie",
    "JSON": "SELECT data->>'name', data#>>'{a,b}', data['x'], data @> '{}' FROM movie",
    "paths": "SELECT jsonb_path_query(data, '$.cast[*].actor') FROM movie",
    "LATERAL": "SELECT e.value FROM movie m CROSS JOIN LATERAL jsonb_array_elements(m.data->'x') AS e",
    "ordinality": "SELECT a.place FROM movie, string_to_table(name, ' ') WITH ORDINALITY AS a (word, place)",
    "a subquery that looks outside": "SELECT (SELECT n.title FROM note n WHERE n.id = m.name) FROM movie m",
    "ANY": "SELECT name FROM movie WHERE name = ANY (SELECT title FROM note)",
    "a small series": "SELECT * FROM generate_series(-5, 5, 2) AS n",
    "a small padding": "SELECT lpad(name, 10, '0') FROM movie",
    "replacements one after the other": "SELECT replace(replace(replace(replace(name, '&', '&amp;'), '<', '&lt;'),"
    " '>', '&gt;'), '\"', '&quot;') FROM movie",
    "JSON in JSON": "SELECT json_build_object('film', json_build_object('name', name, 'year', year,"
    " 'tags', json_build_array(name, concat_ws(', ', name, year, to_char(now(), 'YYYY'))))) FROM movie",
    "a replacement by a column": "SELECT replace(lower(name), '{id}', accountId) FROM movie",
    "WITH queries that build on each other": "WITH a AS (SELECT name, CASE WHEN year > 2000 THEN year - 2000"
    " ELSE year - 1900 END AS y FROM movie), b AS (SELECT name, CASE WHEN y > 50 THEN y * y ELSE y + y + 1 END AS y"
    " FROM a), c AS (SELECT name, y / 10 AS decade, y % 10 AS rest, y + y AS twice FROM b)"
    " SELECT c.*, decade + rest + twice FROM c WHERE decade > rest ORDER BY twice",
    "a collation": 'SELECT name FROM movie ORDER BY name COLLATE "C", name COLLATE "de-x-icu"',
    "USING": "SELECT * FROM movie JOIN note USING (accountId)",
}


@pytest.mark.parametrize("sql", ALLOWED.values(), ids=ALLOWED.keys())
def test_it_is_allowed_and_what_it_became_is_read_the_same_again(sql: str):
    assert check(sql) == check(sql)


SECRETS = ("documents", "other_entity_movie", "signing_secrets", "pg_authid")


@pytest.mark.parametrize("name", SECRETS)
def test_a_name_that_exists_is_refused_like_one_that_does_not(name: str):
    def reason(relation: str) -> str:
        with pytest.raises(QueryRefused) as refusal:
            check(f"SELECT * FROM {relation}")
        return str(refusal.value)

    assert reason(name) == reason("nonsense").replace("nonsense", name)


def test_what_cannot_be_read_is_shown_by_its_place():
    with pytest.raises(QueryRefused, match=r'error at or near "y" \(character 17\)\.$'):
        check_query('SELECT "\u00e9" AS x y', [])


def test_a_reason_names_what_is_not_allowed():
    with pytest.raises(QueryRefused, match="The function pg_sleep cannot be used"):
        check("SELECT name, pg_sleep(1) FROM movie")


def test_a_query_reads_the_collections_that_it_names_and_no_others():
    assert check("SELECT 1").collection_ids == frozenset()
    assert check("SELECT * FROM MOVIE").collection_ids == {71}
    assert check("SELECT * FROM movie WHERE name IN (SELECT title FROM Note)").collection_ids == {71, 72}


@pytest.mark.parametrize("name", ["demo_entity_movie", "Demo_Entity_MOVIE", '"Demo_entity_Movie"'])
def test_relations_match_whatever_their_case(name: str):
    assert check(f"SELECT * FROM {name} AS m") == check("SELECT * FROM demo_entity_movie AS m")


LIKE = [("Movie", ItemRelation(1)), ("movie", ItemRelation(2)), ("my-list", ItemRelation(3))]
LIKE += [
    ("my_list", ItemRelation(4)),
    ("My-Shop_entity_Movie", ItemRelation(1)),
    ("films/42/cast", ItemRelation(5)),
]


@pytest.mark.parametrize("name", ["movie", "Movie", "MOVIE", '"MOVIE"', "my_list", '"my/list"', '"My_List"'])
def test_a_name_that_fits_several_item_types_is_ambiguous(name: str):
    with pytest.raises(QueryRefused) as refusal:
        check_query(f"SELECT * FROM {name}", LIKE)

    given = name.strip('"') if name.startswith('"') else name.lower()
    assert str(refusal.value) == (
        f"{given!r} is ambiguous: several item types are called so, but for case or signs."
        " Write the name of one in double quotes, exactly."
    )


@pytest.mark.parametrize(
    ("name", "collection_id"),
    [
        ('"Movie"', 1),
        ('"movie"', 2),
        ('U&"\\006dovie"', 2),
        ('"my-list"', 3),
        ('"my_list"', 4),
        ("my_shop_entity_movie", 1),
        ("My_Shop_Entity_MOVIE", 1),
        ('"my-shop_entity_movie"', 1),
        ("films_42_cast", 5),
        ('"films/42/cast"', 5),
    ],
)
def test_quotes_tell_item_types_apart_and_signs_are_underscores(name: str, collection_id: int):
    assert check_query(f"SELECT * FROM {name} AS m", LIKE).collection_ids == {collection_id}
    assert check_query(f"WITH w AS (TABLE {name}) SELECT * FROM w", LIKE).collection_ids == {collection_id}


def test_long_item_types_are_told_apart_by_all_of_their_names():
    relations = [("x" * 63 + end, ItemRelation(number)) for number, end in enumerate("abc")]

    assert check_query(f'SELECT * FROM "{"x" * 63}b"', relations).collection_ids == {1}


def test_columns_that_differ_in_what_sql_does_not_keep_are_refused():
    first, second = "x" * 63 + "a", "x" * 63 + "b"

    with pytest.raises(QueryRefused, match=f"^'{first}' and '{second}' begin with the same 63 bytes"):
        check(f'SELECT "{first}", "{second}" FROM note')


def test_item_types_of_the_same_name_are_ambiguous_in_quotes_too():
    with pytest.raises(QueryRefused, match="'Movie' is ambiguous"):
        check_query('SELECT * FROM "Movie"', [("Movie", ItemRelation(1)), ("Movie", ItemRelation(2))])


TWINS = [("thing", ItemRelation(1, [Field("name"), Field("Name"), Field("zip")], key="Name"))]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM thing",
        "SELECT Name FROM thing",
        'SELECT "NAME" FROM thing',
        'SELECT "name", "Name" FROM thing',
        'SELECT "name" FROM thing ORDER BY name',
        "SELECT zip FROM thing t WHERE t.name = 'x'",
        "SELECT * FROM thing JOIN thing AS other USING (name)",
    ],
)
def test_a_field_with_a_twin_is_ambiguous_unless_it_is_spelled_exactly(sql: str):
    with pytest.raises(QueryRefused, match="'name' is ambiguous"):
        check_query(sql, TWINS)


@pytest.mark.parametrize("name", ["name", "Name"])
def test_quotes_tell_fields_apart(name: str):
    checked = check_query(f'SELECT t."{name}" FROM thing t ORDER BY "{name}"', TWINS)

    assert f"-> '{name}'" in checked.sql
    assert checked.spellings["name"] == name
    assert ("to_jsonb(d.documentid)" in checked.sql) == (name == "Name")


def test_columns_get_their_spelling_back():
    spellings = check('SELECT ACCOUNTID, upper("NAME") AS "Big Name" FROM movie').spellings

    assert spellings["accountid"] == "accountId"
    assert spellings["big name"] == "Big Name"


def test_a_property_without_schema_is_looked_up_as_it_is_written():
    assert "'postCode'" in check("SELECT n.postCode FROM note n").sql


def test_what_looks_like_sql_in_a_fields_name_stays_a_name():
    hostile = ItemRelation(71, [Field("a'); DROP TABLE documents; --"), Field('b" FROM documents; --')])

    checked = check_query("SELECT * FROM movie", [("movie", hostile)])

    assert check_query("SELECT * FROM movie", [("movie", hostile)]) == checked
    assert "'a''); DROP TABLE documents; --'" in checked.sql
