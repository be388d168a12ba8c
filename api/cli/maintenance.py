"""`longshore maintenance`: everything that runs stands still, and goes on afterwards."""

from datetime import UTC, datetime
from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import connected
from api.cli.options import data_dir_option, json_option
from api.usecases import maintenance as verbs
from api.usecases.maintenance import MaintenanceView

WAIT_SECONDS = 30


@click.group()
def maintenance() -> None:
    """Let everything that runs stand still, for an upgrade or a repair.

    Imports that run are paused and go on at their checkpoints afterwards; exports begin anew. The API goes on
    answering and taking blocks and files; what is started meanwhile waits.
    """


@maintenance.command("on")
@click.option("--reason", help="What it is for, shown by status.")
@click.option(
    "--wait", "wait_seconds", type=click.FloatRange(0), default=WAIT_SECONDS, show_default=True,
    help="Seconds to wait until no worker holds anything.",
)  # fmt: skip
@data_dir_option
@json_option
def on(*, reason: str | None, wait_seconds: float, data_dir: Path | None, as_json: bool) -> int:
    """Pause everything that runs, and wait until workers have let go. Safe to repeat.

    Exit status: 0 when nothing is being applied or written any longer, 1 when workers hold something still;
    maintenance is on then, too.

    \b
    Example:
      longshore maintenance on --reason 'new disks' && systemctl restart postgresql
    """
    with connected(data_dir) as ground:
        has_begun = verbs.begin_maintenance(ground, reason)
        view = verbs.wait_for_workers(ground, seconds=wait_seconds)
    if as_json:
        terminal.print_json(_as_json(view, has_changed=has_begun))
    else:
        terminal.out().print(f"Maintenance is on{'' if has_begun else ' already'}.")
        _print_tally(view)
    if view.at_work and not as_json:
        terminal.err().print("Workers hold something still: look again with longshore maintenance status.")
    return 1 if view.at_work else 0


@maintenance.command("off")
@data_dir_option
@json_option
def off(*, data_dir: Path | None, as_json: bool) -> None:
    """Resume what maintenance paused. What its owner paused stays paused. Safe to repeat."""
    with connected(data_dir) as ground:
        resumed = verbs.end_maintenance(ground)
        view = verbs.look_at_maintenance(ground)
    if as_json:
        changed = _as_json(view, has_changed=resumed is not None)
        terminal.print_json({**changed, "resumedImports": resumed or 0})
    elif resumed is None:
        terminal.out().print("There was no maintenance.")
    else:
        terminal.out().print(f"Maintenance is off. Resumed {_spell(resumed, 'import')}.")


@maintenance.command("status")
@data_dir_option
@json_option
def status(*, data_dir: Path | None, as_json: bool) -> None:
    """Tell since when and why there is maintenance, and what waits."""
    with connected(data_dir) as ground:
        view = verbs.look_at_maintenance(ground)
    if as_json:
        terminal.print_json(_as_json(view))
    elif view.began_at is None:
        terminal.out().print("Maintenance is off.")
    else:
        reason = f": {view.reason}" if view.reason else ""
        terminal.out().print(f"Maintenance is on since {_spell_moment(view.began_at, view.now)}{reason}")
        _print_tally(view)


def _print_tally(view: MaintenanceView) -> None:
    rows = {
        "paused": _spell(view.paused_imports, "import"),
        "waiting": _spell(view.waiting_jobs, "job"),
        "at work": _spell(view.at_work, "worker"),
    }
    for name, told in rows.items():
        terminal.out().print(f"  {name:<8}{told}")


def _as_json(view: MaintenanceView, *, has_changed: bool | None = None) -> dict[str, object]:
    told: dict[str, object] = {
        "maintenance": "off" if view.began_at is None else "on",
        "since": None if view.began_at is None else view.began_at.isoformat(),
        "reason": view.reason,
        "pausedImports": view.paused_imports,
        "waitingJobs": view.waiting_jobs,
        "atWork": view.at_work,
    }
    return told if has_changed is None else told | {"changed": has_changed}


def _spell(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _spell_moment(moment: datetime, now: datetime) -> str:
    ago = terminal.spell_seconds(max(0.0, (now - moment).total_seconds()))
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({ago})"
