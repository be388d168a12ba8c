"""Where the tests' blocks lie: the environment's STORAGE says it, once for the session.

`folder` is the default. `s3` is a bucket of the session's own server: tests that look at files are skipped.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

KINDS = ("folder", "s3")


def choose_storage(environment: Mapping[str, str]) -> str:
    """What the environment asks for. Raises pytest.UsageError."""
    kind = environment.get("STORAGE") or "folder"
    if kind not in KINDS:
        raise pytest.UsageError(f"STORAGE is {kind!r}; expected is one of: {', '.join(KINDS)}.")
    return kind


def folder_of(storage_url: str) -> Path:
    """The folder that is the storage; the test is skipped where it is none."""
    parts = urlsplit(storage_url)
    if parts.scheme != "file":
        pytest.skip("looks at the files of a folder")
    return Path(parts.path)
