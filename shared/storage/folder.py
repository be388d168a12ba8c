"""Block storage in a folder, local or on a volume that APIs and workers share."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from shared.errors import BlockDamaged, StorageFault
from shared.storage.durable import begin_to_make_durable, make_file_durable, make_names_durable
from shared.storage.faults import storage_faults
from shared.storage.mark import FolderMark, VolumeId
from shared.storage.marked import MarkedStorage
from shared.storage.writing import CountingWriter

_OWNER_ONLY = 0o700
_UNFINISHED = ".part"
_READ_BUFFER_BYTES = 1 << 18
# So many are sent to disk while more of them come. To wait for all of them at the end took 0.1 s for 240 MB
# (two cores, a virtual disk, 2026-11-26).
_WRITTEN_OUT_BYTES = 8 << 20


class FolderStorage(MarkedStorage):
    """One file a block under `<root>/<import id>/`; under its final name it is whole and durable."""

    def __init__(self, root: Path, volume_id: VolumeId) -> None:
        super().__init__(FolderMark(root, volume_id))
        self._root = root

    @contextmanager
    def create(self, group: str) -> Iterator["FolderWriter"]:
        """A writer under a new key of `group`; durable at the end, nothing where the body raises."""
        path = self._root / group / uuid4().hex
        unfinished = path.with_suffix(_UNFINISHED)
        self._mark.require()
        with storage_faults("store"):
            path.parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
            file = unfinished.open("xb")
        writer = FolderWriter(f"{group}/{path.name}", file)
        try:
            yield writer
            writer.finish()
            with storage_faults("store"):
                unfinished.rename(path)
                make_names_durable(path.parent)
                make_names_durable(self._root)
            # It may have gone away meanwhile, and what is in its place have taken the bytes.
            self._mark.require()
        except BaseException:
            for undo in (file.close, unfinished.unlink, path.unlink):
                with suppress(OSError):  # a full disk refuses what is still buffered, too
                    undo()
            raise

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        """The bytes under `key` from `offset` on, to be closed by the caller."""
        path = self._root / key
        with storage_faults("read"):
            try:
                file = path.open("rb", buffering=_READ_BUFFER_BYTES)
            except FileNotFoundError as error:
                self._mark.require()
                raise BlockDamaged("Block storage has lost the bytes.") from error
            file.seek(offset)
        return file

    def remove(self, key: str) -> None:
        """Remove one key; absent is fine."""
        self._mark.require()
        with storage_faults("remove"):
            (self._root / key).unlink(missing_ok=True)

    def remove_group(self, group: str, look: Callable[[], None] = lambda: None) -> None:
        """Remove every key of the group; absent is fine."""
        folder = self._root / group
        self._mark.require()
        with storage_faults("remove"), suppress(FileNotFoundError):
            with os.scandir(folder) as found:
                entries = list(found)
            for entry in entries:
                look()
                _remove_entry(entry)
            folder.rmdir()

    def remove_unfinished(self, older_than_seconds: float, still_comes: Callable[[str], bool]) -> None:
        """Remove what writers that died left behind, where it has not grown for that long."""
        self._mark.require()
        with storage_faults("remove"):
            for path in self._root.glob(f"*/*{_UNFINISHED}"):
                with suppress(FileNotFoundError):  # its writer was done meanwhile
                    is_old = time.time() - path.stat().st_mtime > older_than_seconds
                    if is_old and not still_comes(path.parent.name):
                        path.unlink()

    def check(self) -> None:
        """Raises StorageFault unless bytes can be stored now."""
        self._mark.require()
        with storage_faults("reach"):
            if not os.access(self._root, os.W_OK | os.X_OK):
                raise StorageFault("Block storage is not writable.")

    def free_bytes(self) -> int | None:
        """How much more the file system would take."""
        with storage_faults("reach"):
            return shutil.disk_usage(self._root).free

    def holds(self, key: str) -> bool:
        """Whether there are bytes under `key`, with or without a mark."""
        with storage_faults("reach"):
            return (self._root / key).is_file()


class FolderWriter(CountingWriter):
    """A file that is being written."""

    def __init__(self, key: str, file: BinaryIO) -> None:
        super().__init__(key)
        self._file = file
        self._written_out_bytes = 0

    def finish(self) -> None:
        """Make it durable."""
        with storage_faults("store"):
            make_file_durable(self._file)
            self._file.close()

    def _put(self, chunk: bytes) -> None:
        with storage_faults("store"):
            self._file.write(chunk)
            coming = self.size_bytes + len(chunk) - self._written_out_bytes
            if coming >= _WRITTEN_OUT_BYTES:
                begin_to_make_durable(self._file, self._written_out_bytes, coming)
                self._written_out_bytes += coming


def _remove_entry(entry: os.DirEntry[str]) -> None:
    with suppress(FileNotFoundError):  # somebody else removes the same, and was faster
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
