"""Domain errors: what a caller did that cannot be, or what the world withheld, each with a stable code.

A door turns them into its own bodies; nothing here knows HTTP. A wrong line is not an error but a
`Rejection` (see `shared.instructions`).
"""

from datetime import datetime
from typing import ClassVar


class LongshoreError(Exception):
    """Base of all domain errors; `code` is stable and may be shown to clients."""

    code: ClassVar[str] = "error"


class SettingsInvalid(LongshoreError):
    """The environment holds an unknown, missing or unusable setting; the message names each."""

    code = "settings_invalid"


class TryLater(LongshoreError):
    """What was asked for is refused for now, and may be asked for again after a while."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class ServiceNotFound(LongshoreError):
    """No data service has this name."""

    code = "service_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"No data service is called {name!r}.")
        self.name = name


class CollectionNotFound(LongshoreError):
    """The data service has no collection at this path."""

    code = "collection_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(f"The collection {path!r} does not exist in this data service.")
        self.path = path


class ImportNotFound(LongshoreError):
    """The data service has no such import."""

    code = "import_not_found"


class BlockNotFound(LongshoreError):
    """The import has no such block."""

    code = "block_not_found"


class BlockGone(LongshoreError):
    """The import's blocks were kept for the time that the settings give, and are not stored any longer."""

    code = "block_gone"

    def __init__(self, removed_at: datetime) -> None:
        super().__init__(
            f"The import's blocks were removed at {removed_at:%Y-%m-%d %H:%M} UTC, as the service keeps them"
            " for a limited time after the import's end."
        )


class DocumentNotFound(LongshoreError):
    """The collection has no such document."""

    code = "document_not_found"


class NameRefused(LongshoreError):
    """A name or path breaks the rules for names; the message tells which rule."""

    code = "name_refused"


class NameTaken(LongshoreError):
    """A data service or collection of this name exists already."""

    code = "name_taken"


class StatusRefused(LongshoreError):
    """The import's status does not allow the move asked for."""

    code = "status_refused"

    def __init__(self, current: str, asked: str) -> None:
        super().__init__(f"An import that is {current} cannot be set to {asked}.")
        self.current = current
        self.asked = asked


class ImportClosed(LongshoreError):
    """Configuration and blocks may change only while an import is configuring."""

    code = "import_closed"

    def __init__(self, what: str, current: str) -> None:
        super().__init__(f"{what} only while the import is configuring, and it is {current}.")
        self.current = current


class BlockEmpty(LongshoreError):
    """A block's body has no bytes."""

    code = "block_empty"


class BlockTooLarge(LongshoreError):
    """A block is larger than the limit, counted after decompression."""

    code = "block_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"Import block size must not exceed {limit_bytes // (1024 * 1024)}MB")
        self.limit_bytes = limit_bytes


class QuotaReached(LongshoreError):
    """There is as much of something as there may be; the message tells of what, and what to do."""


class TooManyOpenImports(QuotaReached):
    """The data service has as many imports that have not ended as it may have at a time."""

    code = "too_many_open_imports"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} imports have not ended, the most there may be at a time: wait for some to end, or"
            " cancel some."
        )


class TooManyJobs(TryLater):
    """The data service was given as many batch jobs within an hour as it may be."""

    code = "too_many_jobs"

    def __init__(self, limit: int, retry_seconds: int) -> None:
        super().__init__(
            f"{limit} jobs were submitted within an hour, the most there may be: try again in"
            f" {retry_seconds} s.",
            retry_seconds,
        )


class TooManyStoredBytes(QuotaReached):
    """The data service has as many bytes stored as it may have."""

    code = "too_many_stored_bytes"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"With this, more than {limit_bytes} bytes would be stored, the most there may be: delete imports"
            " that are no longer needed, or wait until files of ended jobs have expired."
        )


class TooManyBlocks(QuotaReached):
    """The import holds as many blocks as an import may."""

    code = "too_many_blocks"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An import takes up to {limit} blocks: go on in another import.")


class StorageFault(LongshoreError):
    """Block storage cannot give or take the bytes: missing, altered, unreadable or full."""

    code = "storage_fault"


class StorageAway(StorageFault):
    """What is at the storage's place is not the volume that the database's blocks are in."""

    code = "storage_away"

    def __init__(self) -> None:
        super().__init__(
            "The volume of blocks is not there: what is in its place has not its mark. It must be back, or"
            " marked by longshore migrate; trying again will work then."
        )


class StorageUnmarked(StorageFault):
    """Block storage has not the mark that it should have, and is not given another one."""

    code = "storage_unmarked"

    def __init__(self, volume_id: str) -> None:
        super().__init__(
            "STORAGE_URL names a folder or bucket without the mark, or without the blocks, of this database's"
            " volume: mount or name that one. If it is the right one all the same (restored, or new because"
            f" all is lost), write the line {volume_id} into the file or object .longshore-volume there."
        )


class BlockDamaged(StorageFault):
    """Block storage works, but not for these bytes: they are missing or not the ones that were stored."""

    code = "block_damaged"


class DatabaseUnavailable(LongshoreError):
    """The database is gone, overloaded or refuses connections; trying again later may work."""

    code = "database_unavailable"


class DatabaseUnusable(LongshoreError):
    """The database answers, but its version or settings will not do; the message tells which would."""

    code = "database_unusable"


class SchemaBusy(LongshoreError):
    """A migration did not get the locks that it needs, for as long as it tried."""

    code = "schema_busy"

    def __init__(self, version: str, oldest_transactions: list[str]) -> None:
        super().__init__(
            f"Version {version} of the schema needs a table that others kept in use all the time. It is as it"
            " was before this version, and may be migrated again at any time. The transactions that have run"
            f" longest: {', '.join(oldest_transactions) or 'none now'}."
        )


class ConflictOfTransactions(LongshoreError):
    """The transaction had to give way to another one (deadlock, serialization, a lock that is not let go).

    Trying again will work, as soon as the other one has ended.
    """

    code = "conflict_of_transactions"


class BatchRefused(LongshoreError):
    """The database refuses something in a batch, whatever it is; the message is the database's own reason."""

    code = "batch_refused"


class LeaseLost(LongshoreError):
    """The block's epoch moved on or the import no longer runs: this worker may commit nothing more."""

    code = "lease_lost"
