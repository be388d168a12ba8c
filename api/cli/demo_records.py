"""What the demo imports: real airports from the vega_datasets package, and generated readings."""

import csv
import json
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shared.embedded.process import CannotStart

AIRPORTS_BEFORE_BROKEN_LINE = 1234
READINGS = 200_000

_NUMBERS = ("latitude", "longitude")
_STATIONS = ("harbour", "pier", "lighthouse", "breakwater")


def write_airports(path: Path) -> int:
    """One airport a line, and among them one line that breaks off; returns how many lines are good."""
    found = list(airports())
    lines = [json.dumps(airport, ensure_ascii=False) for airport in found]
    lines.insert(AIRPORTS_BEFORE_BROKEN_LINE, lines[0][:40])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(found)


def write_readings(path: Path, count: int = READINGS) -> None:
    """Generated documents of about 200 bytes, the same ones each time."""
    chance = random.Random(7)  # noqa: S311 - not a secret
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps(_reading(number, chance)) + "\n")


def write_visit(path: Path, airport: str) -> None:
    """One line that adds a property to one airport."""
    path.write_text(json.dumps({"documentid": airport, "visited": True}) + "\n")


def airports() -> Iterator[dict[str, Any]]:
    """Real records, ids among them. Raises CannotStart without the package."""
    # The file is read where it lies: importing the package would load pandas first.
    package = find_spec("vega_datasets")
    if package is None or not package.submodule_search_locations:
        raise CannotStart("The demo's records are not here: install the extra `longshore[embedded]`.")
    source = Path(package.submodule_search_locations[0], "_data", "airports.csv")
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            airport: dict[str, Any] = {"documentid": row.pop("iata"), **row}
            yield airport | {name: float(airport[name]) for name in _NUMBERS}


def _reading(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "documentid": f"r{number:06}",
        "station": chance.choice(_STATIONS),
        "taken": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        "temperature": round(chance.gauss(11, 6), 2),
        "wind": {"knots": chance.randrange(40), "from": chance.choice("NESW")},
        "remarks": "generated for the demo",
    }
