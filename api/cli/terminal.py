"""What the commands print: data on standard output, everything else on standard error.

Colours, spinners and bars only where a person looks at a terminal.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text


def print_json(value: Mapping[str, object]) -> None:
    """One line of JSON on standard output, at once also into a pipe."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def out() -> Console:
    """Standard output. Text is printed as it is: no markup, no emoji codes, no cutting of long lines."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error, likewise."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


class Steps:
    """Tells what is being started: a spinner on a terminal, a line each elsewhere, or nothing.

    Once finished, what it is told is news and printed as it comes.
    """

    def __init__(self, console: Console, *, is_quiet: bool = False) -> None:
        self._console = console
        self._is_starting = True
        self._is_quiet = is_quiet
        self._spinner = console.status("Starting") if console.is_terminal and not is_quiet else None

    def __enter__(self) -> Self:
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finish()

    def report(self, text: str) -> None:
        """The next step, or once finished a piece of news."""
        if not self._is_starting:
            self._console.print(text)
        elif self._spinner is not None:
            self._spinner.update(Text(f"Starting: {text}"))
        elif not self._is_quiet:
            self._console.print(f"Starting: {text}")

    def finish(self) -> None:
        """Everything has started."""
        self._is_starting = False
        if self._spinner is not None:
            self._spinner.stop()


def command_name() -> str:
    """How the person can call this program again: by its name where PATH leads to it."""
    program = Path(sys.argv[0])
    if shutil.which(program.name) == str(program.absolute()) or not program.exists():
        return "longshore"
    relative = os.path.relpath(program)
    return relative if len(relative) < len(str(program)) else str(program)


def spell_bytes(size_bytes: int) -> str:
    """A size for people: `812 bytes`, `3.4 KiB`, `1,204.0 MiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} bytes"
    if size_bytes < 1024 * 1024:
        return f"{size_bytes / 1024:.1f} KiB"
    return f"{size_bytes / 1024 / 1024:,.1f} MiB"


def spell_seconds(seconds: float) -> str:
    """A duration for people: `0.4 s`, `75 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
