"""What the reader's role finds in the database: one view of documents, and nothing else.

The view shows the collections that `longshore.reads` lists, if the list is signed. The key is in a table
that the role cannot read and signing is not for it to do, so that even SQL that got past every check
shows no more than the collections it was sent for.
"""

from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.queries.refusals import ReaderRefused

INSTALL = """
DROP SCHEMA IF EXISTS longshore_reader CASCADE;
CREATE SCHEMA longshore_reader;

CREATE TABLE longshore_reader.signing_key (key bytea NOT NULL);
INSERT INTO longshore_reader.signing_key
SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

CREATE FUNCTION longshore_reader.signature(list text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $body$
    SELECT encode(sha256(key || sha256(key || convert_to(list, 'UTF8'))), 'hex')
      FROM longshore_reader.signing_key
$body$;
REVOKE EXECUTE ON FUNCTION longshore_reader.signature FROM PUBLIC;

CREATE FUNCTION longshore_reader.readable() RETURNS integer[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    SELECT CASE WHEN longshore_reader.signature(split_part(given, ':', 1)) = split_part(given, ':', 2)
                THEN string_to_array(split_part(given, ':', 1), ',')::integer[]
                ELSE '{}' END
      FROM current_setting('longshore.reads', true) AS given
$body$;

-- A barrier: no condition of a query sees a row before this one has let it pass.
CREATE VIEW longshore_reader.documents WITH (security_barrier) AS
SELECT collection_id, documentid, properties, updated_at
  FROM documents
 WHERE collection_id = ANY ((SELECT longshore_reader.readable())::integer[]);

-- Not STRICT: that and a CASE would have it called for each value instead of becoming part of the query.
CREATE FUNCTION longshore_reader.as_boolean(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT CASE lower(value #>> '{}') WHEN 'true' THEN true WHEN 'false' THEN false END
$body$;

CREATE FUNCTION longshore_reader.as_numeric(value jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric
                WHEN (value #>> '{}')
                     ~ '^\\s*[-+]?(\\d{1,200}(\\.\\d{0,200})?|\\.\\d{1,200})([eE][-+]?\\d{1,2})?\\s*$'
                THEN (value #>> '{}')::numeric END
$body$;

-- 18 digits always fit; of 19 most do, and ids are often as long.
CREATE FUNCTION longshore_reader.as_bigint(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT CASE WHEN (value #>> '{}') ~ '^\\s*[-+]?\\d{1,18}(\\.0*)?\\s*$'
                THEN (value #>> '{}')::numeric::bigint
                WHEN (value #>> '{}') ~ '^\\s*[-+]?\\d{19}(\\.0*)?\\s*$'
                THEN CASE WHEN (value #>> '{}')::numeric
                               BETWEEN -9223372036854775808 AND 9223372036854775807
                          THEN (value #>> '{}')::numeric::bigint END END
$body$;

-- Entering the inner block costs ten times the cast, so that it is only for days that may not exist.
CREATE FUNCTION longshore_reader.as_timestamptz(value jsonb) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    given text := value #>> '{}';
BEGIN
    IF given ~ '^[12]\\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])'
               '([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?'
               '(Z|[-+](0\\d|1[0-4]):?[0-5]\\d)?)?$' THEN
        RETURN given::timestamptz;
    ELSIF given ~ '^\\d{4}-\\d' THEN
        BEGIN
            RETURN given::timestamptz;
        EXCEPTION WHEN data_exception THEN
            RETURN NULL;
        END;
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION longshore_reader.property(properties jsonb, name text) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
    SELECT value FROM jsonb_each(properties) WHERE lower(key) = name ORDER BY key LIMIT 1
$body$;

-- Always true, and the end of a query whose aggregates collect more than a server can be expected to hold.
-- The weight is the transaction's, which is one query's. Each value takes some room beside its own bytes.
CREATE FUNCTION longshore_reader.weigh(bytes integer, times integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
    known text := current_setting('longshore.weight', true);
    weight bigint := COALESCE(NULLIF(known, ''), '0')::bigint + (bytes + 64)::bigint * times;
BEGIN
    IF weight > 536870912 THEN
        RAISE EXCEPTION 'aggregates collect too much' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM set_config('longshore.weight', weight::text, true);
    RETURN true;
END
$body$;

COMMENT ON SCHEMA longshore_reader IS '$mark'
"""

# Nothing, too, where everybody may sign: so a dump comes back that was restored without its privileges.
INSTALLED = """
SELECT obj_description(to_regnamespace('longshore_reader'), 'pg_namespace')
 WHERE NOT has_function_privilege('public', to_regprocedure('longshore_reader.signature(text)'), 'EXECUTE')
"""
SIGNATURE = "SELECT longshore_reader.signature(:list)"


def install(session: Session) -> None:
    """Make the schema as this release needs it; nothing where it is so already.

    Making it anew waits for queries that are running.
    """
    mark = sha256(INSTALL.encode()).hexdigest()
    if session.execute(text(INSTALLED)).scalar() != mark:
        session.connection().exec_driver_sql(INSTALL.replace("$mark", mark))


def require_installed(session: Session) -> None:
    """Raises ReaderRefused where there is no schema, or one in which everybody may sign."""
    if session.execute(text(INSTALLED)).scalar() is None:
        raise ReaderRefused("This database is not prepared for clients' SQL: run `longshore migrate`.")


def sign(session: Session, collection_ids: Iterable[int]) -> str:
    """The value of `longshore.reads` that shows these collections. Only the schema's owner can make one.

    Raises ReaderRefused where there is no schema, or no safe one.
    """
    require_installed(session)
    listed = ",".join(str(number) for number in sorted(collection_ids))
    return f"{listed}:{session.execute(text(SIGNATURE), {'list': listed}).scalar_one()}"
