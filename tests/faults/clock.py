"""The clock of some members, where this machine has libfaketime."""

from pathlib import Path


class Clock:
    """A clock that may be set."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self._library = library
        self.set(0)

    def set(self, seconds_ahead: int) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{seconds_ahead:+d}s\n")
        unfinished.chmod(0o644)
        unfinished.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # A clock that is set does not touch the monotonic one.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def a_clock(folder: Path) -> Clock | None:
    """None where the library is not installed."""
    for library in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return Clock(folder, library)
    return None
