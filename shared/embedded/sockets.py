"""A private folder for Unix sockets whose path can be that of one.

The kernel takes 107 bytes for a socket's path (103 on macOS), and Postgres and its clients read one with a
comma as several. A data directory of another path gets a temporary folder instead, and a link to it, by which
the next run finds and removes what a killed one left.
"""

import os
import shutil
import tempfile
from pathlib import Path

from shared.embedded.process import CannotStart

LIMIT_BYTES = 103
_LONGEST_NAME = "postgres/.s.PGSQL.5432.lock"
_ENTER_ONLY = 0o711  # others may pass through to a socket that itself admits only its owner


def make_socket_folder(folder: Path) -> Path:
    """An empty folder for sockets: `folder` itself where its path will do."""
    remove_socket_folder(folder)
    if _will_do(folder):
        folder.mkdir()
        folder.chmod(_ENTER_ONLY)
        return folder
    shorter = _make_short_folder()
    folder.symlink_to(shorter)
    return shorter


def remove_socket_folder(folder: Path) -> None:
    """Remove it and what it links to; absent is fine."""
    if folder.is_symlink():
        target = folder.readlink()
        folder.unlink()
        # Someone else may have made a folder of this name since: only our own is removed.
        if target.is_dir() and target.stat().st_uid == os.geteuid():
            shutil.rmtree(target)
    elif folder.exists():
        shutil.rmtree(folder)


def _will_do(folder: Path) -> bool:
    path = os.fsencode(folder / _LONGEST_NAME)
    return len(path) <= LIMIT_BYTES and b"," not in path


def _make_short_folder() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes a private folder in it
        if _will_do(Path(parent, "longshore-12345678")):
            folder = Path(tempfile.mkdtemp(prefix="longshore-", dir=parent))
            folder.chmod(_ENTER_ONLY)
            return folder
    raise CannotStart(
        f"No folder will do for Unix sockets, which may have {LIMIT_BYTES} bytes of path without a comma: "
        "choose a shorter --data-dir."
    )
