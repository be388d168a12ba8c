"""Progress to watch: bars on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

_LINE_SECONDS = 2.0


class _Note(ProgressColumn):
    """What was last said about the task."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["note"]), style="cyan")


class ProgressBars:
    """One bar an activity, in the order they begin."""

    def __init__(self, console: Console, *, is_quiet: bool = False) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._bars = Progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            _Note(),
            console=console,
            disable=is_quiet or not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, name: str, total: int | None) -> "Activity":
        """Begin an activity of `total` units; None where that is not known."""
        task = self._bars.add_task(name, total=total, note="")
        plain = None if self._is_quiet or self._console.is_terminal else self._console
        return Activity(self._bars, task, plain, name)


class Activity:
    """One thing that makes progress. Its methods may be called from several threads."""

    def __init__(self, bars: Progress, task: TaskID, plain: Console | None, name: str) -> None:
        self._bars = bars
        self._task = task
        self._plain = plain
        self._name = name
        self._said_at = time.monotonic()

    def advance(self, units: int) -> None:
        """So many more are done."""
        self._bars.advance(self._task, units)

    def show(self, done: int, note: str) -> None:
        """So many are done in all."""
        self._bars.update(self._task, completed=done, note=note)
        if time.monotonic() - self._said_at > _LINE_SECONDS:
            self._say(note)

    def finish(self, note: str, total: int) -> None:
        """Everything is done, which turned out to be `total`."""
        self._bars.update(self._task, completed=total, total=total, note=note)
        self._say(note)

    def _say(self, note: str) -> None:
        self._said_at = time.monotonic()
        if self._plain is not None:
            self._plain.print(f"{self._name}: {note}")
