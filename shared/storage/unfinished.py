"""Uploads in parts that nobody will finish: S3 keeps their parts, and bills them, in no listing of objects.

A writer that fails takes its own back (`shared.storage.bucket_writer`); a killed process cannot. The client
library has no call for these two requests, and gives nobody the credentials of a role. So without keys in
the environment it is left to a rule of the bucket (AbortIncompleteMultipartUpload).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import httpx
import obstore
from obstore.store import S3Store

from shared.errors import StorageFault
from shared.storage.access import BucketAccess
from shared.storage.bucket_faults import bucket_faults
from shared.storage.signing import sign

_TIMEOUT_SECONDS = 10.0
_PROBE = "x"
_COULD_NOT = "Block storage could not remove parts of uploads:"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that has not ended; `key` is the whole one, the storage's prefix included."""

    key: str
    upload_id: str


class UnfinishedUploads:
    """Those under the storage's prefix."""

    def __init__(self, bucket: S3Store, prefix: str, access: BucketAccess) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._access = access
        self._looked_at = -float("inf")

    def remove(self, older_than_seconds: float, still_comes: Callable[[str], bool]) -> None:
        """Abort those that were begun before that long, a thousand at a time. Raises StorageFault.

        Those of a group of which `still_comes` is true are let alone.
        """
        # The sweep asks every other second, and listing is not free of charge.
        if time.monotonic() < self._looked_at + older_than_seconds / 100:
            return
        self._looked_at = time.monotonic()
        if self._access.access_key_id is None:
            return
        listing = self._send("GET", "", {"prefix": self._prefix, "uploads": ""})
        before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        for upload in begun_before(before, listing):
            group, _, _ = upload.key.removeprefix(self._prefix).partition("/")
            if not still_comes(group):
                self._send("DELETE", upload.key, {"uploadId": upload.upload_id})

    def _send(self, method: str, key: str, query: dict[str, str]) -> bytes:
        address, region = self._where()
        canonical = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))
        request = httpx.Request(method, f"{address}{quote(key)}?{canonical}")
        sign(request, self._access, region=region, at=datetime.now(UTC))
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
                answer = client.send(request)
        except httpx.HTTPError as error:
            raise StorageFault(
                "Block storage could not remove the parts: the bucket does not answer."
            ) from error
        # 404: somebody else was quicker.
        if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
            raise StorageFault(f"{_COULD_NOT} the bucket answers {answer.status_code}.")
        return answer.content

    def _where(self) -> tuple[str, str]:
        """The bucket's address, with a slash at its end, and its region, as the client library has them."""
        with bucket_faults("reach"):
            signed = obstore.sign(self._bucket, "GET", _PROBE, timedelta(seconds=1))
        parts = urlsplit(signed)
        _, _, region, _ = parse_qs(parts.query)["X-Amz-Credential"][0].split("/", 3)
        path = parts.path.removesuffix(quote(f"{self._prefix}{_PROBE}"))
        return f"{parts.scheme}://{parts.netloc}{path}", region


def begun_before(moment: datetime, listing: bytes) -> list[Upload]:
    """Of what an answer to ListMultipartUploads lists, what was begun before that moment."""
    root = ElementTree.fromstring(listing)  # noqa: S314 - the bucket's own answer
    namespace = root.tag.removesuffix("ListMultipartUploadsResult")
    return [
        Upload(upload.findtext(f"{namespace}Key", ""), upload.findtext(f"{namespace}UploadId", ""))
        for upload in root.iter(f"{namespace}Upload")
        if datetime.fromisoformat(upload.findtext(f"{namespace}Initiated", "")) < moment
    ]
