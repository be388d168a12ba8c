"""Every migration is one that workers of the release before survive, and are not held up by."""

import pytest
from alembic.script import ScriptDirectory

from shared.db.migrate import _config
from tests.migration_rules import refusals, statements_of

MIGRATIONS = list(ScriptDirectory.from_config(_config()).walk_revisions())[::-1]

# Contract steps, and what was made before the rules: nothing had been released then.
ALLOWED = {
    "0002": [
        "imports: constraint ck_imports_status is validated at once",
        "imports: constraint ck_imports_ended is validated at once",
        "index ix_imports_canceling holds up writers",
        "blocks.size_bytes: AT_AlterColumnType",
        "blocks.checkpoint_offset: AT_AlterColumnType",
    ],
}

REFUSED = {
    "a dropped column": ("ALTER TABLE t DROP COLUMN a", "t.a: AT_DropColumn"),
    "a dropped table": ("DROP TABLE t", "drop"),
    "a renamed column": ("ALTER TABLE t RENAME COLUMN a TO b", "rename of t"),
    "a renamed table": ("ALTER TABLE t RENAME TO u", "rename of t"),
    "another type": ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "t.a: AT_AlterColumnType"),
    "not null from now on": ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "t.a: AT_SetNotNull"),
    "no default any longer": ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT", "t.a loses its default"),
    "a column that must be given": (
        "ALTER TABLE t ADD COLUMN a integer NOT NULL",
        "t.a is NOT NULL without a default",
    ),
    "a default for each row": (
        "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()",
        "t.a has a default of its own for every row",
    ),
    "a column with a check": (
        "ALTER TABLE t ADD COLUMN a integer CHECK (a > 0)",
        "t.a has a constraint that looks at every row",
    ),
    "a constraint validated under the lock": (
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "t: constraint c is validated at once",
    ),
    "an index that holds up writers": ("CREATE INDEX i ON t (a)", "index i holds up writers"),
    "an index dropped under a lock": ("DROP INDEX i", "drop"),
    "rows rewritten": ("UPDATE t SET a = 1", "change of the rows of t"),
    "a column that an interrupted index brings twice": (
        "ALTER TABLE t ADD COLUMN a integer; CREATE INDEX CONCURRENTLY i ON t (a)",
        "t: beside an index, without IF NOT EXISTS",
    ),
}

ACCEPTED = {
    "a column with a constant": "ALTER TABLE t ADD COLUMN a integer NOT NULL DEFAULT 0, ADD COLUMN b text",
    "a column with one time for all": "ALTER TABLE t ADD COLUMN a timestamptz NOT NULL DEFAULT now()",
    "a constraint validated later": "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "the later validation": "ALTER TABLE t VALIDATE CONSTRAINT c",
    "a new table and its index": "CREATE TABLE t (a integer); CREATE INDEX i ON t (a)",
    "an index beside the writers": "CREATE INDEX CONCURRENTLY i ON t (a)",
    "an index and its column": (
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a integer; CREATE INDEX CONCURRENTLY i ON t (a)"
    ),
}


@pytest.mark.parametrize("script", MIGRATIONS, ids=lambda script: script.revision)
def test_a_migration_keeps_the_rules(script):
    assert refusals(statements_of(script)) == ALLOWED.get(script.revision, [])


@pytest.mark.parametrize(("sql", "refusal"), REFUSED.values(), ids=REFUSED.keys())
def test_the_rules_refuse(sql: str, refusal: str):
    assert refusals(sql) == [refusal]


@pytest.mark.parametrize("sql", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_the_rules_accept(sql: str):
    assert refusals(sql) == []


def test_revisions_are_numbers_of_four_digits_in_one_line():
    """Which of two versions is the later one is told by comparing them."""
    assert [script.revision for script in MIGRATIONS] == [f"{n:04}" for n in range(1, len(MIGRATIONS) + 1)]
