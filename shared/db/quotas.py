"""What a data service may have at most, decided in the transaction that would take more.

Of several requests for one data service, each waits for those before it: no two take the last place.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import TooManyOpenImports

HOLD_SERVICE = "SELECT id FROM data_services WHERE id = :service_id FOR NO KEY UPDATE"

# Counts no further than the limit, in an index that has open imports only.
OPEN_IMPORTS = """
SELECT count(*) FROM (
    SELECT FROM imports WHERE service_id = :service_id AND ended_at IS NULL LIMIT :limit
) AS open
"""


def admit_import(session: Session, service_id: int, limit: int) -> None:
    """Let the caller's transaction add one import. Raises TooManyOpenImports."""
    given = {"service_id": service_id, "limit": limit}
    session.execute(text(HOLD_SERVICE), given)
    if session.execute(text(OPEN_IMPORTS), given).scalar_one() >= limit:
        raise TooManyOpenImports(limit)
