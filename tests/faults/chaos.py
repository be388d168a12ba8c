"""Rounds of faults drawn from seeds, each compared with the same in peace; several at once, if wanted."""

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from shared.logs import warnings_only
from tests.faults.comparison import check_calm, compare
from tests.faults.controls import caught
from tests.faults.fleet import Fleet, Tempo, a_fleet
from tests.faults.orders import Workload, a_workload
from tests.faults.outcome import Differences
from tests.faults.plan import FAULTS, Felt, Planned, a_plan
from tests.faults.round import RoundBroken, run_round
from tests.faults.round_outcome import RoundOutcome
from tests.faults.storm import Storm

TABLE_WIDTH = 160
WORKLOADS = 5  # different ones; each is run in peace once


@dataclass(frozen=True)
class Terms:
    """What is the same in all rounds."""

    tempo: Tempo
    recovery_seconds: float  # later is late
    names: list[str]  # of the only faults there are; empty: all

    def __str__(self) -> str:
        return f"{self.tempo} Whatever goes on more than {self.recovery_seconds:g} s after a fault is late."


@dataclass(frozen=True)
class Judgement:
    """What came of one round."""

    seed: int
    wrong: list[str]  # in words
    felt: list[Felt]
    differences: Differences
    caught: Counter[str]  # controls that met work under way
    notes: list[str]  # on what stood for long, whether it was wrong or not


def judge(terms: Terms, lots: list[range]) -> list[Judgement]:
    """Each lot of seeds has a process and a fleet of its own."""
    # Spawned, so that the fleets inherit nothing of each other.
    with ProcessPoolExecutor(len(lots), mp_context=get_context("spawn")) as processes:
        return list(chain.from_iterable(processes.map(partial(_rage, terms), lots)))


def _rage(terms: Terms, seeds: range) -> list[Judgement]:
    if not seeds:
        return []
    with (
        warnings_only(),
        tempfile.TemporaryDirectory() as folder,
        a_fleet(Path(folder) / "fleet", terms.tempo) as fleet,
    ):
        chaos = Chaos(fleet, terms, a_console())
        return [chaos.judge(seed) for seed in seeds]


def a_console() -> Console:
    """Wide enough for the table where no terminal says how wide it is."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else TABLE_WIDTH)


class Chaos:
    """Rounds on one fleet."""

    def __init__(self, fleet: Fleet, terms: Terms, console: Console) -> None:
        self._console = console
        self._fleet = fleet
        self._terms = terms
        self._calm: dict[int, RoundOutcome] = {}
        if impossible := [fault.name for fault in FAULTS.values() if not fault.needs(self._fleet)]:
            self._console.print(f"Left out, for this machine does not allow them: {', '.join(impossible)}.")

    def judge(self, seed: int) -> Judgement:
        """Let one round happen, and say what came of it."""
        plan, began = a_plan(seed, self._fleet, self._terms.names), time.monotonic()
        judgement = self._round(seed, plan)
        seconds = time.monotonic() - began
        lines = [f"seed {seed}: {', '.join(map(_spell, plan))}; over after {seconds:.0f} s"]
        lines += [
            f"  {felt.name}: missed, nothing ran into it" for felt in judgement.felt if not felt.was_met
        ]
        lines += [f"  {what}" for what in judgement.wrong]
        lines += [f"    {note}" for note in judgement.notes]
        # At once: others print, too.
        self._console.print("\n".join(lines))
        return judgement

    def _round(self, seed: int, plan: list[Planned]) -> Judgement:
        workload = a_workload(seed % WORKLOADS)
        try:
            calm = self._in_peace(seed % WORKLOADS, workload)
            limit = self._terms.recovery_seconds
            found = run_round(self._fleet, workload, seed=seed, plan=plan, recovery_seconds=limit)
        except RoundBroken as broken:
            return Judgement(seed, [str(broken)], broken.felt, Differences(), Counter(), broken.notes)
        differences, met = compare(workload, found, calm), caught(workload, found)
        storm = found.storm
        return Judgement(seed, _in_words(differences, storm), storm.felt, differences, met, storm.notes)

    def _in_peace(self, number: int, workload: Workload) -> RoundOutcome:
        if number not in self._calm:
            calm = run_round(self._fleet, workload)
            if wrong := check_calm(workload, calm):
                raise RoundBroken(AssertionError(f"in peace: {wrong}"), [])
            self._calm[number] = calm
        return self._calm[number]


def _in_words(differences: Differences, storm: Storm) -> list[str]:
    """What was not as in peace."""
    unmet = [f"{name}: it never began" for name in storm.unmet]
    told = [*differences.notes, *storm.late, *storm.unrefused, *unmet]
    return told or (["documents or rejections are others"] if differences else [])


def _spell(planned: Planned) -> str:
    return f"{planned.fault.name} at {planned.at:.0%}"
