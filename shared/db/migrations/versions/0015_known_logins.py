"""Which accounts have logged in from where, and how many logins have been judged."""

from alembic import op

revision = "0015"
down_revision = "0014"

TABLE = """
CREATE TABLE known_logins (
    place bytea NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT pk_known_logins PRIMARY KEY (place)
);
CREATE INDEX ix_known_logins_last_at ON known_logins (last_at)
"""

DECIDED = "ALTER TABLE login_failures ADD COLUMN decided integer NOT NULL DEFAULT 0"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(DECIDED)
