"""The mark of a bucket."""

import obstore
from obstore.store import S3Store

from shared.storage.bucket_faults import bucket_faults
from shared.storage.mark import MARK, Mark, VolumeId


class BucketMark(Mark):
    """An object under the bucket's prefix."""

    def __init__(self, bucket: S3Store, volume_id: VolumeId) -> None:
        super().__init__(volume_id)
        self._bucket = bucket

    def _read(self) -> bytes | None:
        with bucket_faults("reach"):
            try:
                return bytes(obstore.get(self._bucket, MARK).bytes())
            except FileNotFoundError:
                return None

    def _write(self, content: bytes) -> None:
        with bucket_faults("mark"):
            obstore.put(self._bucket, MARK, content)
