"""`longshore up`: the whole stack on this machine, until told to stop."""

import os
import shlex
import time
from pathlib import Path

import click

from api.cli import terminal
from api.cli.options import json_option
from api.cli.signals import StopRequested, StopSignals
from api.cli.stack import StackOptions, running_stack
from api.cli.stack_folder import DEFAULT_FOLDER, RunningStack
from api.cli.stack_programs import PREFERRED_PORT


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Where the API listens; 0: any free port. [default: {PREFERRED_PORT}, or any where that is taken]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the API listens on.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Keeps the data between runs, and the logs.",
)
@json_option
def up(*, port: int | None, host: str, workers: int, data_dir: Path, as_json: bool) -> None:
    """Start Postgres, Redis, the API, workers and beat, and keep them running.

    Ctrl-C or SIGTERM stops everything. What dies is started again. Where DATABASE_URL, REDIS_URL or
    STORAGE_URL are set, these are used instead of starting one.

    \b
    Examples:
      longshore up
      longshore up --port 9000 --workers 4 --data-dir /srv/longshore
      longshore up --json        # one line of JSON once everything is ready
    """
    options = StackOptions(folder=data_dir, host=host, port=port, workers=workers)
    try:
        with StopSignals() as signals:
            _run(options, signals, as_json=as_json)
    except StopRequested:
        if not as_json:
            terminal.err().print("Stopped. The data is kept.")


def _run(options: StackOptions, signals: StopSignals, *, as_json: bool) -> None:
    started_at = time.monotonic()
    with (
        terminal.Steps(terminal.err(), is_quiet=as_json) as steps,
        running_stack(options, os.environ, signals, steps.report) as stack,
    ):
        steps.finish()
        if as_json:
            terminal.print_json(stack.description.as_json())
        else:
            _introduce(stack.description, options, time.monotonic() - started_at)
        stack.tend_until_stopped()


def _introduce(stack: RunningStack, options: StackOptions, seconds: float) -> None:
    console = terminal.out()
    longshore = terminal.command_name()
    here = "" if options.folder == DEFAULT_FOLDER else f" --data-dir {shlex.quote(str(options.folder))}"
    console.print(f"Longshore is up at {stack.url}", style="bold", end="")
    console.print(f"  (in {terminal.spell_seconds(seconds)})", style="dim")
    console.print()
    _print_facts(
        {
            "data service": stack.service,
            "data kept in": str(options.folder.absolute()),
            "mails": _spell_mails(options.folder),
            "documentation": f"{stack.url}/docs",
            "token": stack.token,
        }
    )
    console.print("Import a file (NDJSON: one JSON document a line):", style="bold")
    console.print(f"  {longshore} collections add /films{here}")
    console.print(f"  {longshore} import films.ndjson --collection /films{here}")
    console.print()
    console.print("Or speak to the API yourself:", style="bold")
    console.print(f"  curl -sS -H 'Authorization: Bearer {stack.token}' {stack.url}/__resources/imports")
    console.print()
    console.print("Ctrl-C stops everything and keeps the data.", style="dim")


def _spell_mails(folder: Path) -> str:
    if os.environ.get("SMTP_URL"):
        return "sent by SMTP_URL"
    return f"kept as .eml files in {folder.absolute() / 'mails'}"


def _print_facts(facts: dict[str, str]) -> None:
    console = terminal.out()
    for name, value in facts.items():
        console.print(f"  {name:<15}", style="dim", end="")
        console.print(value)
    console.print()
