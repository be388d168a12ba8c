"""Which PostgreSQL servers and databases will do."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import DatabaseUnusable

# The oldest that the tests have passed on. Clients' SQL may use functions that came with it.
OLDEST_MAJOR = 15
ENCODING = "UTF8"

SERVER = """
SELECT CAST(current_setting('server_version_num') AS integer) / 10000 AS major,
       current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding
"""


def require_usable_server(session: Session) -> None:
    """Raises DatabaseUnusable where the schema could not be made or would not do what it should."""
    found = session.execute(text(SERVER)).one()
    if found.major < OLDEST_MAJOR:
        raise DatabaseUnusable(
            f"The server is PostgreSQL {found.version}; expected is {OLDEST_MAJOR} or newer: "
            "upgrade it, or name another server in DATABASE_URL."
        )
    if found.encoding != ENCODING:
        raise DatabaseUnusable(
            f"The database keeps text as {found.encoding}; expected is {ENCODING}: "
            f"make one with ENCODING '{ENCODING}' and name it in DATABASE_URL."
        )
