"""Which SQL is let through, what it becomes, and how hostile SQL is turned away without a word too many."""

import pytest

from shared.db.queries.checking import LONGEST_SQL, check_query
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.relations import Field, ItemRelation

MOVIE = ItemRelation(71, [Field("name"), Field("year", "int"), Field("accountId")], key="accountId")
NOTE = ItemRelation(72)
RELATIONS = {"movie": MOVIE, "demo_entity_movie": MOVIE, "note": NOTE}


def check(sql: str):
    return check_query(sql, RELATIONS)


REFUSED = {
    # Not one SELECT
    "nothing": "",
    "only a comment": "-- SELECT 1",
    "two statements": "SELECT 1; SELECT 2",
    "a second statement behind a comment": "SELECT 1; /* */ DROP TABLE documents",
    "INSERT": "INSERT INTO movie VALUES (1)",
    "UPDATE": "UPDATE movie SET name = ''",
    "DELETE": "DELETE FROM movie",
    "MERGE": "MERGE INTO movie USING note ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE": "TRUNCATE documents",
    "DROP": "DROP TABLE documents",
    "CREATE TABLE AS": "CREATE TABLE t AS SELECT * FROM movie",
    "SELECT INTO": "SELECT name INTO t FROM movie",
    "COPY to a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY from a file": "COPY documents FROM '/etc/passwd'",
    "SET": "SET statement_timeout = 0",
    "SET ROLE": "SET ROLE postgres",
    "RESET ALL": "RESET ALL",
    "SHOW": "SHOW data_directory",
    "DO": "DO $$ BEGIN PERFORM 1; END $$",
    "CALL": "CALL p()",
    "EXPLAIN": "EXPLAIN SELECT 1",
    "PREPARE": "PREPARE p AS SELECT 1",
    "DECLARE": "DECLARE c CURSOR FOR SELECT 1",
    "COMMIT": "COMMIT",
    "LISTEN": "LISTEN x",
    "LOCK": "LOCK TABLE documents",
    "GRANT": "GRANT ALL ON documents TO PUBLIC",
    "a syntax error": "SELECT FROM WHERE",
    "a NUL": "SELECT 1\0; DROP TABLE documents",
    "half a pair": "SELECT '\ud800'",
    # Writing or locking inside a SELECT
    "WITH that inserts": "WITH x AS (INSERT INTO movie VALUES (1) RETURNING 1) SELECT 1",
    "WITH that deletes": "WITH x AS (DELETE FROM documents RETURNING 1) SELECT * FROM x",
    "a nested WITH that updates": "SELECT (WITH x AS (UPDATE movie SET name = '' RETURNING 1) SELECT 1)",
    "FOR UPDATE": "SELECT * FROM movie FOR UPDATE",
    "FOR KEY SHARE in a subquery": "SELECT * FROM (SELECT * FROM movie FOR KEY SHARE) x",
    # Relations
    "another item type": "SELECT * FROM secrets",
    "an item type of another community": "SELECT * FROM other_entity_movie",
    "the documents": "SELECT * FROM documents",
    "the documents with a schema": "SELECT * FROM public.documents",
    "our own view": "SELECT * FROM longshore_reader.documents",
    "our own view as a name": 'SELECT * FROM "longshore_reader.documents"',
    "an item type with a schema": "SELECT * FROM public.movie",
    "an item type with a database": "SELECT * FROM postgres.public.movie",
    "a catalog": "SELECT * FROM pg_class",
    "a catalog with its schema": "SELECT * FROM pg_catalog.pg_authid",
    "the information schema": "SELECT * FROM information_schema.tables",
    "sessions": "SELECT query FROM pg_stat_activity",
    "settings": "SELECT * FROM pg_settings",
    "TABLE": "TABLE users",
    "a relation in a subquery": "SELECT (SELECT count(*) FROM users)",
    "a relation in EXISTS": "SELECT 1 FROM movie WHERE EXISTS (SELECT 1 FROM users)",
    "a relation in IN": "SELECT 1 FROM movie WHERE name IN (SELECT email FROM users)",
    "a relation in a join": "SELECT 1 FROM movie JOIN users ON true",
    "a relation in a union": "SELECT name FROM movie UNION ALL SELECT email FROM users",
    "a relation in WITH": "WITH u AS (SELECT * FROM users) SELECT * FROM u",
    "a relation in LATERAL": "SELECT 1 FROM movie, LATERAL (SELECT * FROM users) u",
    "a relation in LIMIT": "SELECT 1 FROM movie LIMIT (SELECT count(*) FROM users)",
    "a relation in OFFSET of VALUES": "VALUES (1) OFFSET (SELECT count(*) FROM users)",
    "a relation in ORDER BY of VALUES": "VALUES (1) ORDER BY (SELECT count(*) FROM users)",
    "a relation in ORDER BY of a union": "SELECT 1 UNION SELECT 2 ORDER BY (SELECT 1 FROM movie)",
    "a relation in GROUP BY": "SELECT 1 FROM movie GROUP BY (SELECT max(id) FROM users)",
    "a relation in HAVING": "SELECT 1 FROM movie HAVING (SELECT true FROM users)",
    "a relation in DISTINCT ON": "SELECT DISTINCT ON ((SELECT 1 FROM users)) 1 FROM movie",
    "a relation in FILTER": "SELECT count(*) FILTER (WHERE (SELECT true FROM users)) FROM movie",
    "a relation in an aggregate's order": "SELECT array_agg(1 ORDER BY (SELECT 1 FROM users)) FROM movie",
    "a relation in a window": "SELECT rank() OVER (ORDER BY (SELECT 1 FROM users)) FROM movie",
    "a relation in a named window": "SELECT 1 FROM movie WINDOW w AS (ORDER BY (SELECT 1 FROM users))",
    "a relation in a frame": "SELECT sum(year) OVER (ROWS (SELECT 1 FROM users) PRECEDING) FROM movie",
    "a relation in an array": "SELECT ARRAY(SELECT email FROM users)",
    "a relation in VALUES": "SELECT * FROM (VALUES ((SELECT 1 FROM users))) v",
    "a relation in a call in FROM": "SELECT * FROM unnest(ARRAY(SELECT email FROM users)) u",
    "a WITH query outside its statement": "SELECT 1 FROM (WITH users AS (SELECT 1) SELECT 1) x, users",
    "a WITH query that is not there yet": "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    "a WITH query named after its schema": "WITH documents AS (SELECT 1) SELECT * FROM public.documents",
    "WITH RECURSIVE": "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r",
    "TABLESAMPLE": "SELECT * FROM movie TABLESAMPLE system (10)",
    "XMLTABLE": "SELECT * FROM XMLTABLE('/' PASSING '<a/>' COLUMNS a text)",
    "JSON_TABLE": "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a int PATH '$')) t",
    "NATURAL JOIN": "SELECT 1 FROM movie NATURAL JOIN note",
    "an alias of a join": "SELECT 1 FROM (movie CROSS JOIN note) j",
    "renamed columns of an item type": "SELECT a FROM movie AS m (a)",
    "a subquery without alias": "SELECT * FROM (SELECT 1)",
    # Columns
    "an unknown alias": "SELECT users.email FROM movie",
    "a star of an unknown alias": "SELECT users.* FROM movie",
    "a column with a schema": "SELECT public.movie.name FROM movie",
    "a system column": "SELECT movie.tableoid FROM movie",
    "a raw column of ours": 'SELECT movie."R:name" FROM movie',
    "a column that is not the subquery's": "SELECT x.name FROM (SELECT 1 AS a) x",
    "a call written as a column": "SELECT x.pg_typeof FROM (SELECT 1 AS a) x",
    "a call written as a field": "SELECT (x).row_to_json FROM (SELECT 1 AS a) x",
    "a call written as a field of a function": "SELECT e.pg_typeof FROM jsonb_each('{}') e",
    "all fields of a row": "SELECT (movie).* FROM movie",
    "a field of two item types": "SELECT title FROM note a, note b",
    "a parameter": "SELECT $1",
    # Functions
    "sleeping": "SELECT pg_sleep(100)",
    "sleeping with a schema": "SELECT pg_catalog.pg_sleep(100)",
    "sleeping in capitals": "SELECT PG_Sleep(100)",
    "sleeping in quotes": 'SELECT "pg_sleep"(100)',
    "sleeping in escapes": r'SELECT U&"\0070g_sleep"(100)',
    "sleeping with comments": "SELECT pg_sleep/**/(/**/100)",
    "sleeping in FROM": "SELECT * FROM pg_sleep(100)",
    "sleeping in LIMIT": "SELECT 1 LIMIT (SELECT 1 FROM pg_sleep(100))",
    "sleeping for long": "SELECT pg_sleep_for('1 day')",
    "changing a setting": "SELECT set_config('longshore.reads', '1', false)",
    "reading a setting": "SELECT current_setting('longshore.reads')",
    "reading a file": "SELECT pg_read_file('/etc/passwd')",
    "listing a folder": "SELECT * FROM pg_ls_dir('.')",
    "importing a file": "SELECT lo_import('/etc/passwd')",
    "writing a large object": "SELECT lo_from_bytea(0, 'x')",
    "another connection": "SELECT * FROM dblink('host=x', 'SELECT 1') AS t (a int)",
    "a query in a string": "SELECT query_to_xml('SELECT * FROM documents', true, true, '')",
    "a table as XML": "SELECT table_to_xml('documents', true, true, '')",
    "a cursor as XML": "SELECT cursor_to_xml('c', 1, true, true, '')",
    "the database as XML": "SELECT database_to_xml(true, true, '')",
    "ts_stat, which runs a query": "SELECT * FROM ts_stat('SELECT 1')",
    "ending sessions": "SELECT pg_terminate_backend(1)",
    "canceling queries": "SELECT pg_cancel_backend(1)",
    "reloading": "SELECT pg_reload_conf()",
    "an advisory lock": "SELECT pg_advisory_lock(1)",
    "notifying": "SELECT pg_notify('a', 'b')",
    "a sequence": "SELECT nextval('s')",
    "the size of the database": "SELECT pg_database_size('postgres')",
    "rights": "SELECT has_table_privilege('documents', 'SELECT')",
    "the version": "SELECT version()",
    "the server's address": "SELECT inet_server_addr()",
    "who we are": "SELECT current_user",
    "who logged in": "SELECT session_user",
    "where we are": "SELECT current_schema",
    "which database": "SELECT current_catalog",
    "the system's user": "SELECT SYSTEM_USER",
    "signing": "SELECT longshore_reader.signature('1')",
    "our own conversion": "SELECT longshore_reader.as_bigint('1')",
    "a function of the public schema": "SELECT public.f()",
    "an unknown function": "SELECT f()",
    "XML": "SELECT xmlelement(name a)",
    "COLLATION FOR": "SELECT COLLATION FOR ('a')",
    "an unknown collation": 'SELECT name COLLATE "public"."c" FROM movie',
    "a call in FROM with columns": "SELECT * FROM json_to_recordset('[]') AS x (a int)",
    "several calls in FROM": "SELECT * FROM ROWS FROM (unnest('{1}'::int[]), unnest('{1}'::int[])) x",
    # Types and operators
    "regclass": "SELECT 'documents'::regclass",
    "regproc": "SELECT 'pg_sleep'::regproc",
    "regrole": "SELECT 10::regrole",
    "oid": "SELECT 1::oid",
    "xml": "SELECT '<a/>'::xml",
    "the internal char": "SELECT 'a'::\"char\"",
    "a row type": "SELECT '(1)'::documents",
    "a type of a schema": "SELECT 1::public.t",
    "an array of regclass": "SELECT '{documents}'::regclass[]",
    "a type as a call": "SELECT regclass 'documents'",
    "an operator of a schema": "SELECT 1 OPERATOR(public.+) 1",
    "an unknown operator": "SELECT 1 <<| 1",
    "an unknown operator to sort by": "SELECT 1 ORDER BY 1 USING <<|",
    # Size
    "a huge series": "SELECT * FROM generate_series(1, 1000000000)",
    "an endless series": "SELECT * FROM generate_series(1, 10, 0)",
    "a series of unknown length": "SELECT generate_series(1, year) FROM movie",
    "a huge padding": "SELECT lpad('x', 1000000000)",
    "a padding of unknown length": "SELECT lpad(name, year::int) FROM movie",
    "a padding by a named argument": "SELECT lpad(length => 1000000000, string => 'x')",
    "a padding by a list of arguments": "SELECT rpad('x', VARIADIC ARRAY[1000000000])",
    "a huge char": "SELECT 'x'::char(10485760)",
    "a huge char with its schema": "SELECT CAST('x' AS pg_catalog.bpchar(10485760))",
    "a path that multiplies": "SELECT jsonb_path_query('[[1]]', '$[0,0,0,0,0,0][0,0,0,0,0,0,0,0]')",
    "a path that goes down again and again": "SELECT jsonb_path_query_array(data, '$.**.**.**') FROM movie",
    "a path behind an operator": "SELECT data @? '$.**.**' FROM movie",
    "a path in an array": "SELECT data @@ ANY ('{$.**.**}') FROM movie",
    "a path from a subquery": "SELECT data @@ ANY (SELECT '$.**.**') FROM movie",
    "a path that is made": "SELECT jsonb_path_query(data, ('$' || '.**.**')::text) FROM movie",
    "very many joins": "SELECT 1 FROM movie" + "".join(f" JOIN movie m{n} ON true" for n in range(40)),
    "very many functions in FROM": "SELECT 1 FROM "
    + ", ".join(f"unnest('{{1}}'::int[]) u{n}" for n in range(41)),
    "repeat": "SELECT repeat('x', 1000000000)",
    "format": "SELECT format('%1000000000s', 'x')",
    "a very long text": f"SELECT '{'x' * LONGEST_SQL}'",
    "many terms": "SELECT 1" + " + 1" * 1000,
    "more terms than a small stack can hold": "SELECT 1" + "+1" * 9000,
    "many levels": "SELECT * FROM " + "(SELECT * FROM " * 40 + "movie" + ") x" * 40,
    "many negations": "SELECT " + "NOT " * 2000 + "true",
}


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused(sql: str):
    with pytest.raises(QueryRefused):
        check(sql)


ALLOWED = {
    "as the clients write it": "SELECT * FROM Demo_entity_Movie m ORDER BY m.name LIMIT 250",
    "nothing but a value": "SELECT 1",
    "an end": "SELECT 1;",
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


def test_item_types_that_differ_in_case_only_cannot_be_told_apart():
    with pytest.raises(QueryRefused, match="not an item type"):
        check_query("SELECT * FROM movie", {"Movie": MOVIE, "movie": NOTE})


def test_columns_get_their_spelling_back():
    spellings = check('SELECT ACCOUNTID, upper("NAME") AS "Big Name" FROM movie').spellings

    assert spellings["accountid"] == "accountId"
    assert spellings["big name"] == "Big Name"


def test_a_property_without_schema_is_looked_up_as_it_is_written():
    assert "'postCode'" in check("SELECT n.postCode FROM note n").sql


def test_what_looks_like_sql_in_a_fields_name_stays_a_name():
    hostile = ItemRelation(71, [Field("a'); DROP TABLE documents; --"), Field('b" FROM documents; --')])

    checked = check_query("SELECT * FROM movie", {"movie": hostile})

    assert check_query("SELECT * FROM movie", {"movie": hostile}) == checked
    assert "'a''); DROP TABLE documents; --'" in checked.sql
