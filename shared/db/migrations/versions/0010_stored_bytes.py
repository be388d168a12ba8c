"""How many bytes each data service has stored, counted by the database itself.

Whatever adds or removes a row counts, cascades and processes of the release before included. Triggers see a
statement's rows together: deleting an import of many blocks is one change of the count.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
CREATE TABLE service_usage (
    service_id integer NOT NULL,
    stored_bytes bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_service_usage PRIMARY KEY (service_id),
    CONSTRAINT fk_service_usage_service_id FOREIGN KEY (service_id)
        REFERENCES data_services (id) ON DELETE CASCADE
) WITH (fillfactor = 50)
"""

# In the order in which workers lock them: triggers of blocks before those of imports would meet one half-way.
LOCKS = "LOCK TABLE imports, blocks, exports, export_files IN SHARE ROW EXCLUSIVE MODE"

# Of a row whose parent is being deleted, the parent is gone already: it took its bytes along.
BLOCKS = """
CREATE FUNCTION count_added_blocks() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO service_usage AS u (service_id, stored_bytes)
    SELECT i.service_id, sum(c.size_bytes)
      FROM changed c JOIN imports i ON i.id = c.import_id AND i.bytes_removed_at IS NULL
     GROUP BY i.service_id ORDER BY i.service_id
        ON CONFLICT (service_id) DO UPDATE SET stored_bytes = u.stored_bytes + EXCLUDED.stored_bytes;
    RETURN NULL;
END $body$;

CREATE FUNCTION count_removed_blocks() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE service_usage u SET stored_bytes = u.stored_bytes - r.size_bytes
      FROM (SELECT i.service_id, sum(c.size_bytes) AS size_bytes
              FROM changed c JOIN imports i ON i.id = c.import_id AND i.bytes_removed_at IS NULL
             GROUP BY i.service_id) r
     WHERE u.service_id = r.service_id;
    RETURN NULL;
END $body$;

CREATE FUNCTION count_released_import() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE service_usage
       SET stored_bytes = stored_bytes
                        - (SELECT coalesce(sum(size_bytes), 0) FROM blocks WHERE import_id = OLD.id)
     WHERE service_id = OLD.service_id;
    RETURN OLD;
END $body$;

CREATE TRIGGER count_added AFTER INSERT ON blocks REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_blocks();
CREATE TRIGGER count_removed AFTER DELETE ON blocks REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_blocks();
CREATE TRIGGER count_deleted BEFORE DELETE ON imports
    FOR EACH ROW WHEN (OLD.bytes_removed_at IS NULL) EXECUTE FUNCTION count_released_import();
CREATE TRIGGER count_released AFTER UPDATE OF bytes_removed_at ON imports
    FOR EACH ROW WHEN (OLD.bytes_removed_at IS NULL AND NEW.bytes_removed_at IS NOT NULL)
    EXECUTE FUNCTION count_released_import()
"""

EXPORT_FILES = """
CREATE FUNCTION count_added_export_files() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO service_usage AS u (service_id, stored_bytes)
    SELECT e.service_id, sum(c.size_bytes) FROM changed c JOIN exports e ON e.id = c.export_id
     GROUP BY e.service_id ORDER BY e.service_id
        ON CONFLICT (service_id) DO UPDATE SET stored_bytes = u.stored_bytes + EXCLUDED.stored_bytes;
    RETURN NULL;
END $body$;

CREATE FUNCTION count_removed_export_files() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE service_usage u SET stored_bytes = u.stored_bytes - r.size_bytes
      FROM (SELECT e.service_id, sum(c.size_bytes) AS size_bytes
              FROM changed c JOIN exports e ON e.id = c.export_id GROUP BY e.service_id) r
     WHERE u.service_id = r.service_id;
    RETURN NULL;
END $body$;

CREATE FUNCTION count_deleted_export() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE service_usage
       SET stored_bytes = stored_bytes
                        - (SELECT coalesce(sum(size_bytes), 0) FROM export_files WHERE export_id = OLD.id)
     WHERE service_id = OLD.service_id;
    RETURN OLD;
END $body$;

CREATE TRIGGER count_added AFTER INSERT ON export_files REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_export_files();
CREATE TRIGGER count_removed AFTER DELETE ON export_files REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_export_files();
CREATE TRIGGER count_deleted BEFORE DELETE ON exports
    FOR EACH ROW EXECUTE FUNCTION count_deleted_export()
"""

# The triggers' locks are held by now: nobody adds or removes what is being counted.
FIRST_COUNT = """
INSERT INTO service_usage (service_id, stored_bytes)
SELECT service_id, sum(size_bytes)
  FROM (SELECT i.service_id, b.size_bytes
          FROM blocks b JOIN imports i ON i.id = b.import_id AND i.bytes_removed_at IS NULL
        UNION ALL
        SELECT e.service_id, f.size_bytes FROM export_files f JOIN exports e ON e.id = f.export_id) stored
 GROUP BY service_id
"""


def upgrade() -> None:
    for statements in (TABLES, LOCKS, BLOCKS, EXPORT_FILES, FIRST_COUNT):
        op.execute(statements)
