"""How cost grows with documents, updates, blocks, imports and workers: measured, kept as JSON, and drawn."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.environment import run_module
from tests.benchmarks.figures import Figure, machine
from tests.benchmarks.growth import documents_grow, updates_grow
from tests.benchmarks.jobs_growth import blocks_grow, imports_grow, workers_grow
from tests.benchmarks.pictures import Picture, Point

FOLDER = Path("build/curves")
PICTURES: tuple[Callable[[int], Picture], ...] = (
    documents_grow,
    updates_grow,
    blocks_grow,
    imports_grow,
    workers_grow,
)


def curve_figures(*, documents: int, repeats: int) -> list[Figure]:
    """Each curve's end beside its beginning; the curves themselves are in build/curves."""
    del repeats
    pictures = [measure(documents) for measure in PICTURES]
    _draw(pictures)
    return [
        _last_beside_first(f"{picture.name}: {panel.quantity}, {curve}", panel.unit, points)
        for picture in pictures
        for panel in picture.panels
        for curve, points in panel.curves.items()
        if len(points) > 1
    ]


def _last_beside_first(case: str, unit: str, points: list[Point]) -> Figure:
    (few, first), (many, last) = points[0], points[-1]
    return Figure(
        case=case,
        value=last / first,
        unit="times as much",
        note=f"{last:,.4g} {unit} at {many:,.0f} beside {first:,.4g} at {few:,.0f}",
    )


def _draw(pictures: list[Picture]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "pictures": [asdict(picture) for picture in pictures],
    }
    file = FOLDER / "curves.json"
    file.write_text(json.dumps(content, indent=1) + "\n")
    run_module("tests.benchmarks.drawing", str(file), str(FOLDER))
