"""What processes write to their logs from some moment on."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Hearing:
    """Listens from now on."""

    def __init__(self, logs: Iterable[Path]) -> None:
        self._said_bytes = {log: log.stat().st_size for log in sorted(set(logs))}

    def lines(self) -> Iterator[tuple[str, str]]:
        """The name of the log, and a line of it."""
        for log, said_bytes in self._said_bytes.items():
            with log.open("rb") as file:
                file.seek(said_bytes)
                for line in file:
                    yield log.name, line.decode(errors="replace")

    def has_heard(self, words: str) -> bool:
        """Whether a line has the words."""
        return any(words in line for _, line in self.lines())


def parsed(line: str) -> dict[str, Any]:
    """The event and fields of a line; nothing of one that is plain text, or not written to its end."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
