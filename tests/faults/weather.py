"""How the database feels: slow on purpose, or making transactions give way to others that are not there.

A table says it and triggers obey, so that changing it needs no lock that work under way could hold.
"""

from sqlalchemy import text

from shared.ground import Ground

# Of mails, only until they are handed over: what becomes of one whose sender dies later cannot be known.
TABLES = {"documents": "", "imports": "", "blocks": "", "exports": "", "notifications": " OF due_at"}

INSTALL = """
CREATE TABLE test_weather (pace_seconds float NOT NULL, conflict_chance float NOT NULL);
INSERT INTO test_weather VALUES (0, 0);
CREATE SEQUENCE test_conflicts;
CREATE FUNCTION test_feel_weather() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE weather test_weather;
BEGIN
    SELECT * INTO weather FROM test_weather;
    IF TG_TABLE_NAME IN ('documents', 'exports', 'notifications') AND weather.pace_seconds > 0 THEN
        PERFORM pg_sleep(weather.pace_seconds * CASE TG_TABLE_NAME WHEN 'exports' THEN 4 ELSE 1 END);
    END IF;
    IF random() < weather.conflict_chance THEN
        PERFORM nextval('test_conflicts');
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$
"""
FEEL = """
CREATE TRIGGER test_weather BEFORE INSERT OR UPDATE{columns} ON {table} FOR EACH STATEMENT
EXECUTE FUNCTION test_feel_weather()
"""


def install(ground: Ground) -> None:
    """Fair weather, for now."""
    with ground.database.begin() as session:
        session.execute(text(INSTALL))
        for table, columns in TABLES.items():
            session.execute(text(FEEL.format(table=table, columns=columns)))


def set_pace(ground: Ground, seconds: float) -> None:
    """Each statement that writes documents or a mail's progress takes so long at least.

    An export's, which are few, take four times as long.
    """
    with ground.database.begin() as session:
        session.execute(text("UPDATE test_weather SET pace_seconds = :seconds"), {"seconds": seconds})


def set_conflicts(ground: Ground, chance: float) -> None:
    """That a statement is told to begin its transaction again."""
    with ground.database.begin() as session:
        session.execute(text("UPDATE test_weather SET conflict_chance = :chance"), {"chance": chance})


def conflicts(ground: Ground) -> int:
    """How many statements were told so."""
    with ground.database.begin() as session:
        told = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM test_conflicts"
        return int(session.execute(text(told)).scalar_one())
