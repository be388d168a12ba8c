"""Follows an import to its end, and says how it went."""

import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console

from api.cli.client import ApiClient, Json
from api.cli.progress import Activity
from shared.lifecycle import FINAL, Status
from shared.work import WorkState

LOOK_SECONDS = 0.2
FEWEST_FOR_A_RATE = 1000
OUTCOMES = ("created", "updated", "deleted", "skipped", "rejected")


def watch(client: ApiClient, import_id: int, shown: Activity, pause: Callable[[float], None]) -> Json:
    """The import once it is final; `shown` follows it until then, with documents per second."""
    started_at = time.monotonic()
    while True:
        found = client.get_import(import_id)
        done = applied(found)
        if found["status"] in FINAL:
            shown.finish(", ".join([spell_lines(done), *spell_rates(found)]), 100)
            return found
        rate = done / max(time.monotonic() - started_at, 0.001)
        shown.show(found["percentComplete"], f"{spell_lines(done)}, {rate:,.0f} documents/s{remark(found)}")
        pause(LOOK_SECONDS)


def applied(found: Json) -> int:
    """Lines that have had their effect."""
    return sum(int(found[f"{outcome}Documents"]) for outcome in OUTCOMES)


def run_seconds(found: Json) -> float:
    """How long it ran, by the service's own clock; 0 when it never did."""
    if found["ranDatetime"] is None or found["endedDatetime"] is None:
        return 0.0
    ran, ended = (datetime.fromisoformat(found[f"{name}Datetime"]) for name in ("ran", "ended"))
    return (ended - ran).total_seconds()


def spell_rates(found: Json) -> list[str]:
    """Documents per second over the whole run; none of so few that it tells of the start alone."""
    done = applied(found)
    return [f"{done / max(run_seconds(found), 0.001):,.0f} documents/s"] if done >= FEWEST_FOR_A_RATE else []


def spell_lines(count: int) -> str:
    """A number of lines for people."""
    return f"{count:,} line{'s' * (count != 1)}"


def print_counters(console: Console, found: Json) -> None:
    """What became of the lines: every outcome that can be, deleted only if there are any."""
    for outcome in OUTCOMES:
        count = found[f"{outcome}Documents"]
        if count or outcome != "deleted":
            style = "red" if count and outcome == "rejected" else "bold" if count else "dim"
            console.print(f"  {outcome:<9}", end="", style="dim")
            console.print(f"{count:>12,}", style=style)


def remark(found: Json) -> str:
    """What is unusual about the import now; empty where nothing is."""
    state = found["work"]["state"]
    if state in (WorkState.SILENT, WorkState.RETRYING, WorkState.MAINTENANCE):
        return f" ({state})"
    is_usual = found["status"] in (Status.STARTED, Status.RUNNING)
    return "" if is_usual else f" ({found['status']})"
