"""The mark by which a volume of blocks is told from a bare mount point, an emptied bucket, or another volume.

What it is written on (a file, an object) is the storage's own matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from shared.errors import StorageAway, StorageFault
from shared.storage.durable import make_file_durable, make_names_durable
from shared.storage.faults import storage_faults

MARK = ".longshore-volume"

# Asked for only when it is needed: the database knows it.
VolumeId = Callable[[], str]


class Mark(ABC):
    """The mark of one volume."""

    def __init__(self, volume_id: VolumeId) -> None:
        self._volume_id = volume_id

    def is_there(self) -> bool:
        """Raises StorageFault where that cannot be known."""
        return self._found() == self._volume_id()

    def require(self) -> None:
        """Raises StorageAway where it is not there."""
        if not self.is_there():
            raise StorageAway

    def make(self) -> None:
        """Mark the volume for good. Raises StorageFault where it has another mark."""
        if self._found() not in (None, self._volume_id()):
            raise StorageFault(
                "STORAGE_URL names the volume of another database: name a folder, or a prefix, of its own."
            )
        self._write(f"{self._volume_id()}\n".encode())

    def _found(self) -> str | None:
        content = self._read()
        return None if content is None else content.decode("utf-8", errors="replace").strip()

    @abstractmethod
    def _read(self) -> bytes | None:
        """What the mark says; None without one. Raises StorageFault."""

    @abstractmethod
    def _write(self, content: bytes) -> None:
        """Write it durably, and all that is needed for it to be there. Raises StorageFault."""


class FolderMark(Mark):
    """A file in the volume's folder."""

    def __init__(self, root: Path, volume_id: VolumeId) -> None:
        super().__init__(volume_id)
        self._root = root
        self._path = root / MARK

    def _read(self) -> bytes | None:
        with storage_faults("reach"):
            try:
                return self._path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _write(self, content: bytes) -> None:
        unfinished = self._path.with_suffix(".part")
        with storage_faults("mark"):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(content)
                make_file_durable(file)
            unfinished.rename(self._path)
            make_names_durable(self._root)
