"""What was measured, shown and kept."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from shared.embedded.postgres import find_programs


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value beside what it should reach, if anything."""

    case: str
    value: float
    unit: str
    at_least: float | None = None
    below: float | None = None
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    """What else is to be seen beside it, by heading; the same headings in all figures of a group."""

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"below {self.below:g}" if self.below is not None else ""

    @property
    def is_reached(self) -> bool:
        """Also where there is nothing to reach."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.below is None or self.value < self.below


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores{_model()}, {memory:.0f} GB, {platform.system()},"
        f" Python {platform.python_version()}, {_postgres()}"
    )


def _model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return f" ({value.strip()})"
    return ""


def _postgres() -> str:
    command = [find_programs() / "postgres", "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True)
    return version.stdout.strip().replace("postgres (PostgreSQL)", "Postgres")


def median_ratio(values: Sequence[float], beside: Sequence[float]) -> float:
    """Of each value to the one measured right before it: the machine has other things to do, too."""
    return statistics.median(value / other for value, other in zip(values, beside, strict=True))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the others do not exceed; of at least two."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def show(console: Console, title: str, figures: list[Figure]) -> None:
    table = Table(title=title)
    for heading in ("case", "measured", "target", "", "note", *figures[0].columns):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    for figure in figures:
        mark = "[green]reached" if figure.is_reached else "[red]missed"
        measured = f"{figure.value:,.2f} {figure.unit}"
        table.add_row(
            figure.case,
            measured,
            figure.target,
            mark if figure.target else "",
            figure.note,
            *figure.columns.values(),
        )
    console.print(table)


def save(figures: dict[str, list[Figure]], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "groups": {
            group: [asdict(figure) | {"target": figure.target} for figure in found]
            for group, found in figures.items()
        },
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
