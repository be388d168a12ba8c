"""What every process stands on, opened once after it has forked."""

from dataclasses import dataclass
from functools import cache, partial

from shared.db.database import Database
from shared.db.volumes import id_of_volume
from shared.dispatch import Dispatcher
from shared.settings import Settings
from shared.storage.contract import BlockStorage
from shared.storage.opening import open_storage


@dataclass(frozen=True)
class Ground:
    """Settings and the three services behind them. Opening connects to nothing yet."""

    settings: Settings
    database: Database
    storage: BlockStorage
    dispatcher: Dispatcher

    @classmethod
    def open(cls, settings: Settings, process: str | None = None) -> "Ground":
        """`process` is what the database's own views call it; without one, by its process id."""
        database = Database(
            settings.database_url,
            pool_size=settings.database_pool,
            process=process,
            # Who is silent for longer than a lease has lost what it held, and who waits for longer than that
            # waits for somebody who is none of ours.
            silence_seconds=settings.lease_seconds,
            wait_seconds=settings.lease_seconds,
        )
        return cls(
            settings=settings,
            database=database,
            storage=open_storage(
                settings.storage_url, cache(partial(id_of_volume, database)), settings.bucket_access
            ),
            dispatcher=Dispatcher(settings.redis_url),
        )

    def close(self) -> None:
        self.dispatcher.close()
        self.database.close()
