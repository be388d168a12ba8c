"""Measure and print; write what was measured to build/bench.json."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.benchmarks.batch_jobs import batch_job_figures
from tests.benchmarks.controls import control_figures
from tests.benchmarks.curves import curve_figures
from tests.benchmarks.environment import NotAvailable
from tests.benchmarks.figures import Figure, machine, save, show
from tests.benchmarks.imports import import_figures
from tests.benchmarks.large import large_figures
from tests.benchmarks.latency import latency_figures, queue_figures
from tests.benchmarks.memory import memory_figures
from tests.benchmarks.parallel import parallel_figures, short_behind_long
from tests.benchmarks.peers import peer_figures
from tests.benchmarks.uploads import upload_figures

DOCUMENTS = 200_000
REPEATS = 3
RESULTS = Path("build/bench.json")

# In the order in which they are measured.
GROUPS: dict[str, Callable[..., list[Figure]]] = {
    "imports": import_figures,
    "parallel": parallel_figures,
    "short": short_behind_long,
    "large": large_figures,
    "uploads": upload_figures,
    "jobs": batch_job_figures,
    "latency": latency_figures,
    "queue": queue_figures,
    "controls": control_figures,
    "memory": memory_figures,
    "peers": peer_figures,
    "curves": curve_figures,
}
# What is repeated within these, or not at all, their notes tell.
MEASURED_ONCE = {"short", "latency", "queue", "controls", "memory", "curves"}


def main() -> int:
    asked = _arguments()
    console = Console() if sys.stdout.isatty() else Console(width=200)
    found: dict[str, list[Figure]] = {}
    for group in asked.only or GROUPS:
        try:
            with console.status(f"Measuring: {group}"):
                found[group] = GROUPS[group](documents=asked.documents, repeats=asked.repeats)
        except NotAvailable as reason:
            console.print(f"{group}: left out. {reason}")
            continue
        repeated = "" if group in MEASURED_ONCE else f", medians of {asked.repeats}"
        show(console, f"{group}: Longshore on {machine()}{repeated}", found[group])
    save(found, RESULTS)
    console.print(f"Written to {RESULTS}.")
    return 0 if all(figure.is_reached for figures in found.values() for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="groups to measure; all without it")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="documents of an import")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often each figure is measured")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
