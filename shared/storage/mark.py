"""The file by which a volume of blocks is told from its bare mount point, and from other volumes."""

from collections.abc import Callable
from pathlib import Path

from shared.errors import StorageAway, StorageFault
from shared.storage.durable import make_file_durable, make_names_durable
from shared.storage.faults import storage_faults

MARK = ".longshore-volume"

# Asked for only when it is needed: the database knows it.
VolumeId = Callable[[], str]


class Mark:
    """The mark of the volume at `root`."""

    def __init__(self, root: Path, volume_id: VolumeId) -> None:
        self._root = root
        self._path = root / MARK
        self._volume_id = volume_id

    def is_there(self) -> bool:
        """Raises StorageFault where that cannot be known."""
        return self._found() == self._volume_id()

    def require(self) -> None:
        """Raises StorageAway where it is not there."""
        if not self.is_there():
            raise StorageAway

    def make(self) -> None:
        """Mark the volume for good, and make its folder. Raises StorageFault where it has another mark."""
        if self._found() not in (None, self._volume_id()):
            raise StorageFault("STORAGE_URL names the volume of another database: name a folder of its own.")
        unfinished = self._path.with_suffix(".part")
        with storage_faults("mark"):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(f"{self._volume_id()}\n".encode())
                make_file_durable(file)
            unfinished.rename(self._path)
            make_names_durable(self._root)

    def _found(self) -> str | None:
        with storage_faults("reach"):
            try:
                return self._path.read_text("utf-8", errors="replace").strip()
            except (FileNotFoundError, NotADirectoryError):
                return None
