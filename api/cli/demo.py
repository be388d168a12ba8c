"""`longshore demo`: a tour of the whole service, real processes and all, that leaves nothing behind."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from api.cli import demo_batch, demo_records, terminal
from api.cli.client import ApiClient, Json
from api.cli.demo_batch import BatchClient
from api.cli.importing import FileImport, Outcome
from api.cli.options import json_option
from api.cli.signals import StopRequested, StopSignals
from api.cli.stack import Stack, StackOptions, running_stack
from api.cli.stack_services import URLS
from api.cli.watching import OUTCOMES, applied
from api.usecases.collections import add_collection
from api.usecases.services import find_service
from shared.errors import LongshoreError
from shared.ground import Ground
from shared.lifecycle import Status

_INTERRUPTED = 130
_AIRPORT = "SFO"


class DemoFailed(LongshoreError):
    """An import of the demo did not end as it must."""


@click.command()
@json_option
def demo(*, as_json: bool) -> int:
    """Start everything in a temporary folder, import real and generated records, look at them, clean up.

    Nothing is left running and nothing is kept. It takes about ten seconds.
    """
    started_at = time.monotonic()
    console = Console(quiet=True) if as_json else terminal.out()
    try:
        with StopSignals() as signals, tempfile.TemporaryDirectory(prefix="longshore-demo-") as folder:
            totals = _Tour(console, Path(folder), is_quiet=as_json).take(signals)
    except StopRequested:
        terminal.err().print("Stopped early. Nothing is left running.")
        return _INTERRUPTED
    seconds = time.monotonic() - started_at
    if as_json:
        terminal.print_json({**totals, "seconds": round(seconds, 1)})
    else:
        _say_goodbye(console, totals, seconds)
    return 0


class _Tour:
    """The stations of the demo, in order."""

    def __init__(self, console: Console, folder: Path, *, is_quiet: bool) -> None:
        self._console = console
        self._folder = folder
        self._is_quiet = is_quiet
        self._number = 0
        self._totals = dict.fromkeys(("lines", *OUTCOMES), 0)

    def take(self, signals: StopSignals) -> dict[str, int]:
        """Everything from start to stop; returns the totals of all imports."""
        self._say("Longshore: a tour. Everything runs on this machine, and nothing stays behind.", "bold")
        self._station("The whole service comes up, each part a process of its own")
        with self._stack(signals) as stack:
            client = ApiClient(stack.description.url, stack.description.token)
            try:
                self._import_airports(stack, client)
                self._import_readings(stack, client)
                self._update_one(stack, client)
            finally:
                client.close()
            self._run_batch_jobs(stack)
            self._station("Everything stops")
        return self._totals

    @contextmanager
    def _stack(self, signals: StopSignals) -> Iterator[Stack]:
        options = StackOptions(folder=self._folder / "data")
        environment = {name: value for name, value in os.environ.items() if name not in URLS}
        with (
            terminal.Steps(terminal.err(), is_quiet=self._is_quiet) as steps,
            running_stack(options, environment, signals, steps.report) as stack,
        ):
            steps.finish()
            self._say(f"{stack.description.url} answers. Process ids:")
            self._say(_spell_pids(stack.description.pids))
            _prepare(stack, environment)
            yield stack

    def _import_airports(self, stack: Stack, client: ApiClient) -> None:
        path = self._folder / "airports.ndjson"
        count = demo_records.write_airports(path)
        self._station(f"{count:,} real airports are imported, and a line that somebody broke")
        outcome = self._import(stack, client, path, "/airports")
        [rejection] = outcome.rejections
        where = Path(outcome.place(rejection["blockid"], rejection["line"])).name
        self._say("The broken line is rejected, the others are in:")
        self._say(f"{where}  {rejection['code']}: {rejection['reason']}", "yellow")

    def _import_readings(self, stack: Stack, client: ApiClient) -> None:
        path = self._folder / "readings.ndjson"
        demo_records.write_readings(path)
        self._station(f"{demo_records.READINGS:,} generated documents follow")
        self._import(stack, client, path, "/readings")
        first_two = client.get("/readings?page[size]=2")["data"]
        self._say("GET /readings?page[size]=2", "bold")
        for document in first_two:
            self._show(document)

    def _update_one(self, stack: Stack, client: ApiClient) -> None:
        self._station("An update names what changes and leaves the rest")
        path = self._folder / "visit.ndjson"
        demo_records.write_visit(path, _AIRPORT)
        self._import(stack, client, path, "/airports", strategies=["update"])
        self._say(f"GET /airports/{_AIRPORT}", "bold")
        self._show(client.get(f"/airports/{_AIRPORT}"))

    def _run_batch_jobs(self, stack: Stack) -> None:
        self._station("The same engine behind another API: batch jobs of Liquid Decisions")
        client = BatchClient(stack.description.url, stack.description.service, stack.pause)
        try:
            for item in demo_batch.SHIPS:
                self._show(item)
            self._say(f"POST {demo_batch.IMPORT}, these two in a file", "bold")
            self._tell_end(client.import_ships())
            self._say(f"POST {demo_batch.EXPORT}, as a table with a header row", "bold")
            job = client.export_ships()
            self._tell_end(job)
            [link] = job["links"]
            self._say(f"GET {link}", "bold")
            for line in client.follow(link).splitlines():
                self._say(line)
            self._say("Such a link needs no login, is good for a week, and is in the mail about the job.")
        finally:
            client.close()

    def _tell_end(self, job: Json) -> None:
        self._say(f"{job['status']}: {job['reason']}")

    def _import(
        self,
        stack: Stack,
        client: ApiClient,
        path: Path,
        collection: str,
        strategies: list[str] | None = None,
    ) -> Outcome:
        job = FileImport(client, is_quiet=self._is_quiet)
        configuration = {"strategy": strategies or ["create", "update"], "collection": collection}
        outcome = job.run([str(path)], configuration, stack.pause)
        if outcome.found["status"] != Status.COMPLETE:
            raise DemoFailed(f"The import of {path.name} is {outcome.found['status']}.")
        self._add_up(outcome.found)
        return outcome

    def _add_up(self, found: Json) -> None:
        self._totals["lines"] += applied(found)
        for outcome in OUTCOMES:
            self._totals[outcome] += found[f"{outcome}Documents"]

    def _station(self, title: str) -> None:
        self._number += 1
        self._console.print(f"\n{self._number}. {title}", style="bold cyan")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(f"   {text}" if self._number else text, style=style)

    def _show(self, document: Json) -> None:
        self._console.print("   ", end="")
        self._console.print_json(data=document, indent=None, ensure_ascii=False)


def _prepare(stack: Stack, environment: dict[str, str]) -> None:
    ground = Ground.open(stack.settings(environment))
    try:
        service = find_service(ground, stack.description.service)
        for path in ("/airports", "/readings"):
            add_collection(ground, service, path)
        demo_batch.prepare(ground, service.name)
    finally:
        ground.close()


def _spell_pids(pids: dict[str, list[int]]) -> str:
    return ", ".join(f"{role} {' '.join(map(str, found))}" for role, found in pids.items())


def _say_goodbye(console: Console, totals: dict[str, int], seconds: float) -> None:
    console.print(
        f"   All of it in {terminal.spell_seconds(seconds)}; nothing is left running, nothing is kept."
    )
    console.print("\nTotals of 2, 3 and 4", style="bold")
    for name, count in totals.items():
        if count or name != "deleted":
            console.print(f"   {name:<9}{count:>10,}")
    console.print("\nTo have it stay: make up", style="bold")
