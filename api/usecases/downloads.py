"""Files of exports, given to whoever has a link."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

from shared.db import jobs
from shared.db.database import Session
from shared.db.models import Export, ExportFile
from shared.errors import LongshoreError
from shared.ground import Ground
from shared.links import Link, make_key


class DownloadNotFound(LongshoreError):
    """Nothing is there, or the link was not made by us; which of the two is not told."""

    code = "download_not_found"


class DownloadExpired(LongshoreError):
    """The link was good, and its time is over."""

    code = "download_expired"


@dataclass(frozen=True, slots=True)
class Download:
    """A file that never changes."""

    name: str
    media_type: str
    size_bytes: int
    written_at: datetime
    etag: str
    body: BinaryIO  # to be closed by the caller


def open_download(ground: Ground, token: str) -> Download:
    """The file that the token of a link names. Raises DownloadNotFound, DownloadExpired, StorageFault."""
    link = Link.read(token)
    if link is None:
        raise DownloadNotFound(_NOT_FOUND)
    with ground.database.begin() as session:
        export, file = _found(session, link)
        if link.expires_at <= jobs.now(session):
            raise DownloadExpired("The link has expired. Export again to get a new one.")
    if file is None or export.ended_at is None:
        raise DownloadNotFound(_NOT_FOUND)
    return Download(
        name=file.name,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        written_at=export.ended_at,
        etag=sha256(file.storage_key.encode()).hexdigest()[:32],
        body=ground.storage.open(file.storage_key),
    )


_NOT_FOUND = "There is no such file. The link may be incomplete, or its job deleted."


def _found(session: Session, link: Link) -> tuple[Export, ExportFile | None]:
    export = session.get(Export, link.export_id)
    # Also where there is no export: whether there is one is not to be told from the time this takes.
    is_genuine = link.is_genuine(make_key() if export is None else export.link_key)
    if export is None or not is_genuine:
        raise DownloadNotFound(_NOT_FOUND)
    return export, session.get(ExportFile, (link.export_id, link.file_number))
