"""The table of what was tried and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from tests.faults.outcome import Differences
from tests.faults.storm import Felt

_HEAD = ("fault", "times", "held s", "recovered s", "lost", "doubled", "counters off", "rejections off")


@dataclass
class Line:
    """One fault over all rounds. What a round lost is told beside each fault of it."""

    times: int = 0
    held: list[float] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    counters: int = 0
    rejections: int = 0

    def add(self, felt: Felt, differences: Differences) -> None:
        self.times += 1
        self.held.append(felt.planned.hold_seconds)
        if felt.recovered_seconds is not None:
            self.recovered.append(felt.recovered_seconds)
        self.lost += differences.lost
        self.doubled += differences.doubled
        self.counters += differences.counters
        self.rejections += differences.rejections

    def cells(self, name: str) -> tuple[str, ...]:
        numbers = (self.lost, self.doubled, self.counters, self.rejections)
        return name, str(self.times), _span(self.held), _span(self.recovered), *map(str, numbers)


class Report:
    """Collects rounds."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def add(self, felt: Iterable[Felt], differences: Differences) -> None:
        for one in felt:
            self._lines.setdefault(one.planned.fault.name, Line()).add(one, differences)

    def table(self) -> Table:
        """One row a fault."""
        table = Table(*_HEAD, box=box.MARKDOWN)
        for name, line in sorted(self._lines.items()):
            table.add_row(*line.cells(name))
        return table


def _span(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return least if least == most else f"{least} to {most}"
