"""What a data service has stored: as the database counts it, and counted again from the rows."""

from sqlalchemy import text

from api.usecases.services import Service
from shared.db import quotas
from shared.ground import Ground

RECOUNT = """
SELECT coalesce(sum(size_bytes), 0)
  FROM (SELECT b.size_bytes FROM blocks b JOIN imports i ON i.id = b.import_id
         WHERE i.service_id = :service_id AND i.bytes_removed_at IS NULL
        UNION ALL
        SELECT f.size_bytes FROM export_files f JOIN exports e ON e.id = f.export_id
         WHERE e.service_id = :service_id) stored
"""


def counted(ground: Ground, service: Service) -> int:
    """Bytes, as the quota sees them."""
    with ground.database.begin() as session:
        return quotas.stored_bytes(session, service.id)


def counted_again(ground: Ground, service: Service) -> int:
    """Bytes of every row whose bytes are kept."""
    with ground.database.begin() as session:
        return int(session.execute(text(RECOUNT), {"service_id": service.id}).scalar_one())
