"""A small disk of its own for a folder, which can be filled up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MIB = 1 << 20
NO_SPACE = "No space left on device"  # what is said of a full one


class Disk:
    """A folder on a file system of limited size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave not one byte."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(MIB))
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def relieve(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)

    @property
    def free_bytes(self) -> int:
        return os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize


@contextmanager
def a_disk(folder: Path, size_mib: int) -> Iterator[Disk | None]:
    """A disk mounted at `folder`; None where this machine does not let us mount one."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "longshore-test", folder],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
