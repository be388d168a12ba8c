"""The table of what was tried and what came of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from tests.faults.outcome import Differences
from tests.faults.plan import Felt
from tests.faults.recovery import KINDS

_DAMAGE = ("lost", "doubled", "counters off", "rejections off")
_HEAD = ("fault", "times", "missed", "held s", *(f"{kind} after s" for kind in KINDS), *_DAMAGE)


@dataclass
class Line:
    """One fault over all rounds. What a round lost is told beside each fault of it."""

    times: int = 0
    missed: int = 0  # of these; nothing of ours ran into it
    held: list[float] = field(default_factory=list)
    recovered: dict[str, list[float]] = field(default_factory=dict)  # by kind of work
    lost: int = 0
    doubled: int = 0
    counters: int = 0
    rejections: int = 0

    def add(self, felt: Felt, differences: Differences) -> None:
        self.times += 1
        self.held.append(felt.held_seconds)
        self.missed += not felt.was_met
        for kind, seconds in felt.recovered_seconds.items():
            self.recovered.setdefault(kind, []).append(seconds)
        self.lost += differences.lost
        self.doubled += differences.doubled
        self.counters += differences.counters
        self.rejections += differences.rejections

    def cells(self, name: str) -> tuple[str, ...]:
        numbers = (self.lost, self.doubled, self.counters, self.rejections)
        recovered = (_span(self.recovered.get(kind, [])) for kind in KINDS)
        return name, str(self.times), str(self.missed), _span(self.held), *recovered, *map(str, numbers)


class Report:
    """Collects rounds."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._caught: Counter[str] = Counter()
        self._drains_alone: list[bool] = []
        self._refused: list[bool] = []  # of workers that came back to what was another's

    def add(self, felt: Iterable[Felt], differences: Differences, caught: Counter[str]) -> None:
        for one in felt:
            self._lines.setdefault(one.name, Line()).add(one, differences)
            if one.ends_within is not None:
                self._drains_alone.append(one.was_alone)
            if one.was_refused is not None:
                self._refused.append(one.was_refused)
        self._caught.update(caught)

    def shown(self) -> str:
        """How often what is promised of controls, drains and fences could be seen."""
        caught = ", ".join(f"{count} {control}" for control, count in self._caught.items())
        alone = f"{sum(self._drains_alone)} of {len(self._drains_alone)}"
        refused = f"{sum(self._refused)} of {len(self._refused)}"
        return (
            f"Controls that met work under way: {caught or 'none'}. Drains with nothing beside: {alone}."
            f" Stale workers that came back and were refused: {refused}."
        )

    def never_met(self) -> list[str]:
        """Faults that nothing ran into in any round: of these nothing is shown."""
        return sorted(name for name, line in self._lines.items() if line.missed == line.times)

    def slowest(self) -> str:
        """How long work waited at most after the faults were over."""
        every = [line.recovered for line in self._lines.values()]
        longest = {
            kind: max((s for found in every for s in found.get(kind, [])), default=0.0) for kind in KINDS
        }
        return ", ".join(f"{kind} within {seconds:.1f} s" for kind, seconds in longest.items())

    def table(self, title: str) -> Table:
        """One row a fault."""
        table = Table(*_HEAD, box=box.MARKDOWN, title=title)
        for name, line in sorted(self._lines.items()):
            table.add_row(*line.cells(name))
        return table


def _span(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    least, most = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return least if least == most else f"{least} to {most}"
