"""The bucket of the fleet's own store, for fleet.sh.

`make` makes it unless it is there. `save` writes its objects as a tar to standard output, the storage's mark
among them; `load` puts those of a tar from standard input there.
"""

import os
import shutil
import sys
import tarfile
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

import httpx
import obstore
from obstore.store import ObjectStore

from shared.storage.access import BucketAccess
from shared.storage.opening_bucket import open_objects
from shared.storage.signing import sign

RETRIES = 7  # each after twice the time of the one before: a minute for the store to come up
ANSWER_SECONDS = 60
PIECE_BYTES = 8 << 20


def make(name: str, access: BucketAccess) -> None:
    """Safe to call again. Raises httpx.HTTPError."""
    request = httpx.Request("PUT", f"{access.endpoint}/{name}")
    sign(request, access, region=access.region or "us-east-1", at=datetime.now(UTC))
    with httpx.Client(transport=httpx.HTTPTransport(retries=RETRIES), timeout=ANSWER_SECONDS) as client:
        answer = client.send(request)
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


def save(objects: ObjectStore, to: BinaryIO) -> None:
    """Those that there are now, one by one; without what is removed meanwhile, while it is read, too.

    A tar begins with its member's size, and takes nothing back: what is larger than a piece is read into a
    temporary file first.
    """
    with tarfile.open(fileobj=to, mode="w|") as tar:
        for listed in objects.list():
            for found in listed:
                with SpooledTemporaryFile[bytes](PIECE_BYTES) as copy:
                    if read_whole(objects, found["path"], copy):
                        _add(tar, found["path"], copy)


def read_whole(objects: ObjectStore, path: str, copy: IO[bytes]) -> bool:
    """Whether it was there to the end."""
    try:
        shutil.copyfileobj(obstore.open_reader(objects, path, buffer_size=PIECE_BYTES), copy, PIECE_BYTES)
    except FileNotFoundError:
        return False
    return True


def _add(tar: tarfile.TarFile, path: str, copy: IO[bytes]) -> None:
    member = tarfile.TarInfo(path)
    member.size = copy.tell()
    copy.seek(0)
    tar.addfile(member, copy)


def load(objects: ObjectStore, given: BinaryIO) -> None:
    """Safe to call again."""
    with tarfile.open(fileobj=given, mode="r|") as tar:
        for member in tar:
            content = cast("IO[bytes]", tar.extractfile(member))  # there are only files
            with obstore.open_writer(objects, member.name, buffer_size=PIECE_BYTES) as stored:
                shutil.copyfileobj(content, stored, PIECE_BYTES)


def main(command: str) -> None:
    bucket, access = urlsplit(os.environ["STORAGE_URL"]).netloc, BucketAccess.read(os.environ)
    if command == "make":
        make(bucket, access)
    elif command == "save":
        save(open_objects(bucket, "", access), sys.stdout.buffer)
    else:
        load(open_objects(bucket, "", access), sys.stdin.buffer)


if __name__ == "__main__":
    main(sys.argv[1])
