"""How the database feels: slow on purpose, or making transactions give way to others that are not there.

A table says it and triggers obey, so that changing it needs no lock that work under way could hold.
"""

from sqlalchemy import text

from shared.ground import Ground

TABLES = ("documents", "imports", "blocks", "exports")

INSTALL = """
CREATE TABLE test_weather (pace_seconds float NOT NULL, conflict_chance float NOT NULL);
INSERT INTO test_weather VALUES (0, 0);
CREATE FUNCTION test_feel_weather() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE weather test_weather;
BEGIN
    SELECT * INTO weather FROM test_weather;
    IF TG_TABLE_NAME = 'documents' AND weather.pace_seconds > 0 THEN
        PERFORM pg_sleep(weather.pace_seconds);
    END IF;
    IF random() < weather.conflict_chance THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$
"""
FEEL = """
CREATE TRIGGER test_weather BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT
EXECUTE FUNCTION test_feel_weather()
"""


def install(ground: Ground) -> None:
    """Fair weather, for now."""
    with ground.database.begin() as session:
        session.execute(text(INSTALL))
        for table in TABLES:
            session.execute(text(FEEL.format(table=table)))


def set_pace(ground: Ground, seconds: float) -> None:
    """Each statement that writes documents takes so long at least."""
    with ground.database.begin() as session:
        session.execute(text("UPDATE test_weather SET pace_seconds = :seconds"), {"seconds": seconds})


def set_conflicts(ground: Ground, chance: float) -> None:
    """That a statement is told to begin its transaction again."""
    with ground.database.begin() as session:
        session.execute(text("UPDATE test_weather SET conflict_chance = :chance"), {"chance": chance})
