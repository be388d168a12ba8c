"""`make chaos`: rounds of faults drawn from seeds, on a fleet of real processes, and the table of them."""

import sys
import time
from argparse import ArgumentParser, Namespace

from rich.console import Console

from tests.faults.chaos import Judgement, Terms, a_console, judge
from tests.faults.fleet import DEFAULT, QUICK
from tests.faults.plan import FAULTS
from tests.faults.recovery import RECOVERY_SECONDS
from tests.faults.report import Report


def main(arguments: list[str]) -> int:
    """0 when nothing was lost, doubled or late, and each fault met something once at least."""
    given, console = _parse(arguments), a_console()
    if given.list:
        console.print("\n".join(sorted(FAULTS)))
        return 0
    began = time.monotonic()
    terms = Terms(DEFAULT if given.defaults else QUICK, given.recovery_seconds, given.fault)
    console.print(f"{terms} {_rounds(given.jobs)} at once.")
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    judged = judge(terms, [seeds[first :: given.jobs] for first in range(given.jobs)])
    report = _reported(judged)
    _tell(console, report, judged, terms)
    console.print(f"{(time.monotonic() - began) / len(seeds):.0f} s a round.")
    return any(one.wrong for one in judged) or bool(report.never_met())


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _reported(judged: list[Judgement]) -> Report:
    report = Report()
    for one in judged:
        report.add(one.felt, one.differences, one.caught)
    return report


def _tell(console: Console, report: Report, judged: list[Judgement], terms: Terms) -> None:
    console.print(report.table(str(terms)))
    console.print(f"Of the end of the last of overlapping faults: {report.slowest()}.")
    console.print(report.shown())
    if missed := report.never_met():
        console.print(f"Nothing ran into these, and nothing is shown of them: {', '.join(missed)}.")
    if wrong := sorted(one.seed for one in judged if one.wrong):
        console.print(f"Not as in peace: seeds {', '.join(map(str, wrong))}.")
        console.print(f'Again: make chaos SEEDS=1 ARGS="--first-seed {wrong[0]}"')


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
    parser.add_argument(
        "--recovery-seconds",
        type=float,
        default=RECOVERY_SECONDS,
        help="after faults, work that goes on later is late; default: %(default)g",
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many rounds at once, each on its own fleet")
    parser.add_argument("--list", action="store_true", help="print the faults' names")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
