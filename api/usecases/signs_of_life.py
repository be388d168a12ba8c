"""The signs of life that a file gives while it comes in; its row (`shared.db.uploads`) tells of the last."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from api.usecases.services import Service
from shared.db import jobs, quotas, uploads
from shared.db.database import Session
from shared.errors import ConflictOfTransactions, DatabaseUnavailable, TooManyStoredBytes, TryLater
from shared.ground import Ground
from shared.heartbeat import Heartbeat

NOT_NOW = (DatabaseUnavailable, ConflictOfTransactions)

# Silent clients are given up after 15 seconds: for longer, only block storage keeps a file from moving on.
# What hangs there may hang for ever, and would keep the jobId for as long.
STUCK_SECONDS = 900.0


class UploadGivenUp(TryLater):
    """Nothing was heard of the upload for long: another one has its jobId, or nobody knows of its bytes."""

    code = "upload_given_up"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was heard of this upload for so long that it was given up: send it again.", 1
        )


class SignsOfLife:
    """Those of one upload, whose row is there. `has_job`: its job is there, too."""

    def __init__(
        self,
        ground: Ground,
        service: Service,
        import_id: int,
        *,
        has_job: bool,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives seconds since whenever."""
        self._ground = ground
        self._service = service
        self._import_id = import_id
        self._has_job = has_job
        self._clock = clock
        self._moved_at = clock()
        self._size_bytes = 0  # stored by now
        self._is_kept = True

    @contextmanager
    def while_taking(self, chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
        """Gives the chunks for the body to take, and signs of life until it is done with them, but none once
        nothing has moved for STUCK_SECONDS.

        Raises what `give` does at the next chunk, or where the body raises.
        """
        with Heartbeat(self._beat, self._ground.settings.lease_seconds / 3) as heartbeat:
            yield self._watched(chunks, heartbeat.check)

    def pass_over(self, chunks: Iterable[bytes]) -> None:
        """Take what is left of a file of which nothing is kept, and give signs of life meanwhile.

        Raises UploadGivenUp.
        """
        self._is_kept = False
        self._size_bytes = 0
        self.give()  # at once: others may have the room
        with self.while_taking(chunks) as passing:
            for _ in passing:
                pass

    def give(self) -> None:
        """Say that the file comes in, and how much has come; nothing where the database does not let us.

        Raises UploadGivenUp, and TooManyStoredBytes where there is no room for it and the files before it.
        """
        with suppress(*NOT_NOW):
            with self._ground.database.begin() as session:
                is_ours = uploads.keep_alive(session, self._import_id, size_bytes=self._size_bytes)
                has_job = not self._has_job or jobs.of_import(session, self._import_id) is not None
                has_room = not self._is_kept or self._has_room(session)
            if not (is_ours and has_job):
                raise UploadGivenUp
            if not has_room:
                raise TooManyStoredBytes(self._ground.settings.stored_bytes)

    def _has_room(self, session: Session) -> bool:
        settings = self._ground.settings
        # Nobody keeps an id for longer either.
        silence = timedelta(seconds=settings.lease_seconds)
        return quotas.has_room_for_upload(
            session, self._service.id, self._import_id, settings.stored_bytes, silence=silence
        )

    def _beat(self) -> None:
        if self._clock() < self._moved_at + STUCK_SECONDS:
            self.give()

    def _watched(self, chunks: Iterable[bytes], look: Callable[[], None]) -> Iterator[bytes]:
        for chunk in chunks:
            look()
            self._moved_at = self._clock()
            if self._is_kept:
                self._size_bytes += len(chunk)
            yield chunk
