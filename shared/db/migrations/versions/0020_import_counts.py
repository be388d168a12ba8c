"""How many imports there are in each range of ids, counted by the database itself: to find a page by.

Whatever adds or removes an import counts, processes of the release before included.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLE = """
CREATE TABLE import_counts (
    service_id integer NOT NULL,
    id_range bigint NOT NULL,
    imports integer NOT NULL,
    CONSTRAINT pk_import_counts PRIMARY KEY (service_id, id_range),
    CONSTRAINT fk_import_counts_service_id FOREIGN KEY (service_id)
        REFERENCES data_services (id) ON DELETE CASCADE
) WITH (fillfactor = 50)
"""

TRIGGERS = """
CREATE FUNCTION count_added_imports() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO import_counts AS n (service_id, id_range, imports)
    SELECT service_id, id >> 12, count(*) FROM changed WHERE reading IS NULL
     GROUP BY service_id, id >> 12 ORDER BY service_id, id >> 12
        ON CONFLICT (service_id, id_range) DO UPDATE SET imports = n.imports + EXCLUDED.imports;
    RETURN NULL;
END $body$;

CREATE FUNCTION count_removed_imports() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE import_counts n SET imports = n.imports - r.imports
      FROM (SELECT service_id, id >> 12 AS id_range, count(*) AS imports FROM changed WHERE reading IS NULL
             GROUP BY service_id, id >> 12) r
     WHERE n.service_id = r.service_id AND n.id_range = r.id_range;
    RETURN NULL;
END $body$;

CREATE TRIGGER count_added AFTER INSERT ON imports REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_imports();
CREATE TRIGGER count_removed AFTER DELETE ON imports REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_imports()
"""

# The triggers' locks are held by now: nobody adds or removes what is being counted.
FIRST_COUNT = """
INSERT INTO import_counts (service_id, id_range, imports)
SELECT service_id, id >> 12, count(*) FROM imports WHERE reading IS NULL GROUP BY service_id, id >> 12
"""


def upgrade() -> None:
    for statements in (TABLE, TRIGGERS, FIRST_COUNT):
        op.execute(statements)
