"""What a power cut leaves as it is."""

import os
from pathlib import Path
from typing import BinaryIO


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
