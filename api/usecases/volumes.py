"""The mark by which the volume of blocks is told from a bare mount point, or from another volume."""

from shared.db import volumes
from shared.db.database import Database
from shared.errors import StorageUnmarked
from shared.storage.contract import BlockStorage

# Blocks of an installation that is older than marks. All must be there: a bare mount point may have some.
_KEYS = 20


def mark_storage(database: Database, storage: BlockStorage) -> None:
    """Mark block storage the first time, as long as nothing speaks against its being the right one.

    Safe to call again. Raises StorageUnmarked where the mark, or a block of before there were marks, should
    be there and is not, and StorageFault where storage cannot be reached or has another database's mark.
    """
    with database.begin() as session:
        volume = volumes.lock(session)
        if not storage.is_marked():
            keys = volumes.newest_keys(session, _KEYS)
            if volume.marked_at is not None or not all(map(storage.holds, keys)):
                raise StorageUnmarked(str(volume.id))
            storage.mark()
        volumes.note_marked(volume)
