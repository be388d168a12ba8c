"""The wall clock of some members, where there is a C compiler to make one."""

import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """A clock that may be set."""

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self._library = library
        file.write_bytes(bytes(16))

    def set(self, seconds_ahead: int) -> None:
        # In place: the processes have mapped this very file.
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds_ahead))

    @property
    def looks(self) -> int:
        """How often the processes looked at it while it was not right."""
        _, looks = struct.unpack("=qq", self._file.read_bytes())
        return int(looks)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process go by this clock."""
        return {"LD_PRELOAD": str(self._library), "TEST_CLOCK": str(self._file)}


def a_clock(folder: Path) -> Clock | None:
    """None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE], check=True)
    return Clock(folder / "clock", library)
