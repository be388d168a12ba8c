"""What was measured, shown and kept."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured value beside what it should reach."""

    case: str
    value: float
    unit: str
    target: str
    reached: bool
    note: str


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def show(console: Console, figures: list[Figure], *, repeats: int) -> None:
    table = Table(title=f"Longshore on {machine()}, medians of {repeats}")
    for heading in ("case", "measured", "target", "", "note"):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    for figure in figures:
        mark = "[green]reached" if figure.reached else "[red]missed"
        measured = f"{figure.value:,.2f} {figure.unit}"
        table.add_row(figure.case, measured, figure.target, mark if figure.target else "", figure.note)
    console.print(table)


def save(figures: list[Figure], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
