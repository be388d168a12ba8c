"""What a power cut leaves as it is."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def begin_to_make_durable(file: BinaryIO, offset: int, size_bytes: int) -> None:
    """Let the disk begin with these bytes, for which `make_file_durable` would wait."""
    file.flush()
    if sys.platform == "linux":
        # What is not on disk yet is sent there and stays in memory, the first to go where that is short. Not
        # every file system takes advice.
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), offset, size_bytes, os.POSIX_FADV_DONTNEED)


def make_file_durable(file: BinaryIO) -> None:
    """Have its content on disk."""
    file.flush()
    os.fsync(file.fileno())


def make_names_durable(folder: Path) -> None:
    """Have the names of its files on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
