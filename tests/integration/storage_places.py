"""Empty storages of each kind, with a look, and a hand, behind their back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

import obstore
from obstore.store import S3Store

from shared.storage.access import BucketAccess
from shared.storage.contract import BlockStorage
from shared.storage.opening import open_storage
from tests.s3 import S3


class Place(Protocol):
    """What a storage keeps its bytes in."""

    storage: BlockStorage

    def keys(self) -> list[str]:
        """Everything that is there, the mark included."""

    def put(self, key: str, content: bytes) -> None:
        """Have other bytes there."""

    def delete(self, key: str) -> None:
        """Lose what is there."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder."""

    root: Path
    storage: BlockStorage

    def keys(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]

    def put(self, key: str, content: bytes) -> None:
        (self.root / key).write_bytes(content)

    def delete(self, key: str) -> None:
        (self.root / key).unlink()


@dataclass(frozen=True)
class BucketPlace:
    """A prefix of a bucket."""

    bucket: S3Store
    storage: BlockStorage

    def keys(self) -> list[str]:
        return [found["path"] for found in obstore.list(self.bucket).collect()]

    def put(self, key: str, content: bytes) -> None:
        obstore.put(self.bucket, key, content)

    def delete(self, key: str) -> None:
        obstore.delete(self.bucket, key)


def nothing_comes(_group: str) -> bool:
    """For `remove_unfinished`: every writer is dead."""
    return False


def folder_place(root: Path) -> FolderPlace:
    """A new storage in this folder."""
    return FolderPlace(root, marked(f"file://{quote(str(root))}", BucketAccess()))


def bucket_place(s3: S3, url: str) -> BucketPlace:
    """A new storage in the server's bucket."""
    bucket = s3.bucket(urlsplit(url).path.strip("/"))
    return BucketPlace(bucket, marked(url, BucketAccess.read(s3.environment)))


def marked(url: str, access: BucketAccess) -> BlockStorage:
    """The storage that is there, from now on with a mark."""
    opened = open_storage(url, lambda: "the volume", access)
    opened.mark()
    return opened
