"""An object that is being written: at once when it is small, in parts when it is not."""

from contextlib import suppress

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from shared.storage.bucket_faults import bucket_faults
from shared.storage.writing import CountingWriter

# S3 takes ten thousand parts of an object: enough for 78 GiB. So much of an upload is in memory, and twice
# as much on its way.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2


class BucketWriter(CountingWriter):
    """Ends with `finish` or `abandon`."""

    def __init__(self, bucket: S3Store, key: str) -> None:
        super().__init__(key)
        self._file = obstore.open_writer(bucket, key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def finish(self) -> None:
        """Make it an object."""
        with bucket_faults("store"):
            self._file.close()

    def abandon(self, error: BaseException) -> None:
        """Let S3 forget the parts. What it cannot be told now, the sweep tells it."""
        with suppress(BaseError, OSError):
            self._file.__exit__(type(error), error, error.__traceback__)

    def _put(self, chunk: bytes) -> None:
        with bucket_faults("store"):
            self._file.write(chunk)
