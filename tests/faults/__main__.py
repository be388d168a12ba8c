"""`make chaos`: rounds of faults drawn from seeds, on a fleet of real processes, and the table of them."""

import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console

from shared.logs import warnings_only
from tests.faults.comparison import compare
from tests.faults.fleet import DEFAULT, QUICK, Fleet, a_fleet
from tests.faults.orders import Workload, a_workload
from tests.faults.plan import FAULTS, Planned, a_plan
from tests.faults.recovery import late_recoveries
from tests.faults.report import Report
from tests.faults.round import RoundOutcome, run_round
from tests.faults.waiting import NotInTime

TABLE_WIDTH = 160
WORKLOADS = 5  # different ones; each is run in peace once


def main(arguments: list[str]) -> int:
    """0 when nothing was lost, doubled or late."""
    given, console = _parse(arguments), _console()
    if given.list:
        console.print("\n".join(sorted(FAULTS)))
        return 0
    tempo = DEFAULT if given.defaults else QUICK
    with (
        warnings_only(),
        tempfile.TemporaryDirectory() as folder,
        a_fleet(Path(folder) / "fleet", tempo) as fleet,
    ):
        return Chaos(fleet, given.fault, console).run(range(given.first_seed, given.first_seed + given.seeds))


class Chaos:
    """Rounds on one fleet."""

    def __init__(self, fleet: Fleet, names: list[str], console: Console) -> None:
        self._console = console
        self._fleet = fleet
        self._names = names
        self._report = Report()
        self._calm: dict[int, RoundOutcome] = {}

    def run(self, seeds: range) -> int:
        began = time.monotonic()
        self._console.print(str(self._fleet.tempo))
        if impossible := [fault.name for fault in FAULTS.values() if not fault.needs(self._fleet)]:
            self._console.print(f"Left out, for this machine does not allow them: {', '.join(impossible)}.")
        wrong = [seed for seed in seeds if not self._is_right(seed)]
        self._console.print(self._report.table())
        self._console.print(f"Of the end of the last of overlapping faults: {self._report.slowest()}.")
        self._console.print(f"{(time.monotonic() - began) / len(seeds):.0f} s a round.")
        if wrong:
            self._console.print(f"Not as in peace: seeds {', '.join(map(str, wrong))}")
        return bool(wrong)

    def _is_right(self, seed: int) -> bool:
        workload = a_workload(seed % WORKLOADS)
        calm = self._in_peace(seed % WORKLOADS, workload)
        plan = a_plan(seed, self._fleet, self._names)
        began = time.monotonic()
        self._console.print(f"seed {seed}: {', '.join(map(_spell, plan))}")
        try:
            wrong = self._differences(workload, calm, run_round(self._fleet, workload, seed=seed, plan=plan))
        except NotInTime as late:
            wrong = [str(late)]
        for what in wrong:
            self._console.print(f"  {what}")
        self._console.print(f"  over after {time.monotonic() - began:.0f} s")
        return not wrong

    def _differences(self, workload: Workload, calm: RoundOutcome, found: RoundOutcome) -> list[str]:
        """What was not as in peace, in words."""
        differences = compare(workload, found, calm)
        self._report.add(found.storm.felt, differences)
        unmet = [f"{name}: it never began" for name in found.storm.unmet]
        for name in found.storm.missed:
            self._console.print(f"  {name}: missed, nothing ran into it")
        told = [*differences.notes, *late_recoveries(found.storm.felt), *unmet]
        return told or (["documents or rejections are others"] if differences else [])

    def _in_peace(self, number: int, workload: Workload) -> RoundOutcome:
        if number not in self._calm:
            self._calm[number] = run_round(self._fleet, workload)
        return self._calm[number]


def _console() -> Console:
    """Wide enough for the table where no terminal says how wide it is."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else TABLE_WIDTH)


def _spell(planned: Planned) -> str:
    return f"{planned.fault.name} at {planned.at:.0%}"


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many rounds")
    parser.add_argument("--first-seed", type=int, default=1, help="replays a round by its number")
    parser.add_argument(
        "--fault", action="append", default=[], choices=sorted(FAULTS), help="only this one; repeatable"
    )
    parser.add_argument(
        "--defaults", action="store_true", help="leases, sweeps and retries as the settings have them"
    )
    parser.add_argument("--list", action="store_true", help="print the faults' names")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
