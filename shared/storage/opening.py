"""How a URL chooses a storage."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.errors import SettingsInvalid
from shared.storage.access import BucketAccess
from shared.storage.contract import BlockStorage
from shared.storage.folder import FolderStorage
from shared.storage.mark import VolumeId

_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
_BUCKET_URL = re.compile(f"s3://(?P<bucket>{_PART})(/(?P<prefix>{_PART}(/{_PART})*))?/?")


def open_storage(url: str, volume_id: VolumeId, access: BucketAccess) -> BlockStorage:
    """The storage that `url` names, marked with `volume_id`: `file:///folder` or `s3://bucket/prefix`.

    Raises SettingsInvalid for any other, and where `access` would send bytes that anybody can read.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return FolderStorage(Path(unquote(parts.path)), volume_id)
    if named := _BUCKET_URL.fullmatch(url):
        # What speaks to buckets is ten megabytes in each process, which folders do without.
        from shared.storage.opening_bucket import open_bucket  # noqa: PLC0415

        return open_bucket(named["bucket"], named["prefix"] or "", access, volume_id)
    raise SettingsInvalid(
        "STORAGE_URL: expected file:///an/absolute/folder, or s3://bucket/a/prefix of letters, digits, '.',"
        " '_' and '-'."
    )
