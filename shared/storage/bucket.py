"""Block storage in a bucket of S3, or of whatever speaks its language."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, NoReturn, cast
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store

from shared.errors import BlockDamaged
from shared.storage.bucket_faults import bucket_faults
from shared.storage.bucket_mark import BucketMark
from shared.storage.bucket_writer import BucketWriter
from shared.storage.fetched import FetchedFile
from shared.storage.mark import VolumeId
from shared.storage.marked import MarkedStorage
from shared.storage.unfinished import UnfinishedUploads

_READ_BUFFER_BYTES = 1 << 18


class BucketStorage(MarkedStorage):
    """One object a block under `<prefix>/<import id>/`; S3 shows it when it is whole, and durable."""

    def __init__(self, bucket: S3Store, unfinished: UnfinishedUploads, volume_id: VolumeId) -> None:
        super().__init__(BucketMark(bucket, volume_id))
        self._bucket = bucket
        self._unfinished = unfinished

    @contextmanager
    def create(self, group: str) -> Iterator[BucketWriter]:
        """A writer under a new key of `group`; durable at the end, nothing where the body raises."""
        key = f"{group}/{uuid4().hex}"
        self._mark.require()
        writer = BucketWriter(self._bucket, key)
        try:
            yield writer
            writer.finish()
            # The bucket may have been emptied meanwhile, or be another one under the same address.
            self._mark.require()
        except BaseException as error:
            writer.abandon(error)
            with suppress(BaseError, OSError):
                obstore.delete(self._bucket, key)
            raise

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        """The bytes under `key` from `offset` on, to be closed by the caller."""
        with bucket_faults("read"):
            try:
                found = obstore.head(self._bucket, key)
            except FileNotFoundError as error:
                self._tell_lost(error)
        file = FetchedFile(found["size"], partial(self._piece, key, found["e_tag"]), again=again)
        file.seek(offset)
        return cast("BinaryIO", io.BufferedReader(file, _READ_BUFFER_BYTES))

    def remove(self, key: str) -> None:
        """Remove one key; absent is fine."""
        self._mark.require()
        with bucket_faults("remove"):
            obstore.delete(self._bucket, key)

    def remove_group(self, group: str, look: Callable[[], None] = lambda: None) -> None:
        """Remove every key of the group; absent is fine."""
        self._mark.require()
        with bucket_faults("remove"):
            for found in obstore.list(self._bucket, f"{group}/"):
                look()
                obstore.delete(self._bucket, [entry["path"] for entry in found])

    def remove_unfinished(self, older_than_seconds: float, still_comes: Callable[[str], bool]) -> None:
        """Remove what writers that died left behind, where it was begun before that long."""
        self._mark.require()
        self._unfinished.remove(older_than_seconds, still_comes)

    def check(self) -> None:
        """Raises StorageFault unless the bucket answers and is the right one.

        Whether it may be written to has been seen when it was marked: probing would cost each time.
        """
        self._mark.require()

    def free_bytes(self) -> int | None:
        """None: a bucket does not tell."""
        return None

    def holds(self, key: str) -> bool:
        """Whether there are bytes under `key`, with or without a mark."""
        with bucket_faults("reach"):
            try:
                obstore.head(self._bucket, key)
            except FileNotFoundError:
                return False
        return True

    def _piece(self, key: str, e_tag: str | None, start: int, end: int) -> bytes:
        with bucket_faults("read"):
            try:
                found = obstore.get(self._bucket, key, options={"range": (start, end), "if_match": e_tag})
                return bytes(found.bytes())
            except PreconditionError as error:
                raise BlockDamaged("Block storage gave other bytes than it was given.") from error
            except FileNotFoundError as error:
                self._tell_lost(error)

    def _tell_lost(self, error: FileNotFoundError) -> NoReturn:
        self._mark.require()
        raise BlockDamaged("Block storage has lost the bytes.") from error
