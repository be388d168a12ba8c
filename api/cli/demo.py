"""`longshore demo`: a tour of the whole service, real processes and all, that leaves nothing behind."""

import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

import click
from rich.console import Console

from api.cli import demo_batch, demo_records, terminal
from api.cli.client import ApiClient, Json
from api.cli.demo_batch import BatchClient
from api.cli.demo_places import Place, own_stack, running_service
from api.cli.importing import FileImport, Outcome
from api.cli.options import json_option
from api.cli.signals import StopRequested, StopSignals
from api.cli.watching import OUTCOMES, applied
from shared.errors import LongshoreError
from shared.lifecycle import Status

_INTERRUPTED = 130
_AIRPORT = "SFO"


class DemoFailed(LongshoreError):
    """An import of the demo did not end as it must."""


@click.command()
@click.option("--url", help="A running service to take the tour through, which the environment names, too.")
@json_option
def demo(*, url: str | None, as_json: bool) -> int:
    """Start everything in a temporary folder, import real and generated records, look at them, clean up.

    Nothing is left running and nothing is kept. It takes about ten seconds. With --url nothing is started:
    the records go into that service's default data service, and stay there.

    \b
    Example, with DATABASE_URL, REDIS_URL and STORAGE_URL of the service:
      longshore demo --url https://longshore.example
    """
    started_at = time.monotonic()
    console = Console(quiet=True) if as_json else terminal.out()
    try:
        with StopSignals() as signals, tempfile.TemporaryDirectory(prefix="longshore-demo-") as folder:
            totals = _Tour(console, Path(folder), is_quiet=as_json).take(url, signals)
    except StopRequested:
        terminal.err().print("Stopped early." + ("" if url else " Nothing is left running."))
        return _INTERRUPTED
    seconds = time.monotonic() - started_at
    if as_json:
        terminal.print_json({**totals, "seconds": round(seconds, 1)})
    else:
        _say_goodbye(console, totals, seconds, is_kept=url is not None)
    return 0


class _Tour:
    """The stations of the demo, in order."""

    def __init__(self, console: Console, folder: Path, *, is_quiet: bool) -> None:
        self._console = console
        self._folder = folder
        self._is_quiet = is_quiet
        self._number = 0
        self._totals = dict.fromkeys(("lines", *OUTCOMES), 0)

    def take(self, url: str | None, signals: StopSignals) -> dict[str, int]:
        """Everything from start to stop; returns the totals of all imports."""
        with self._place(url, signals) as place:
            self._say(f"{place.url} answers.")
            if place.pids:
                self._say(f"Process ids: {_spell_pids(place.pids)}")
            client = ApiClient(place.url, place.token)
            try:
                self._import_airports(place, client)
                self._import_readings(place, client)
                self._update_one(place, client)
            finally:
                client.close()
            self._run_batch_jobs(place)
            if place.pids:
                self._station("Everything stops")
        return self._totals

    def _place(self, url: str | None, signals: StopSignals) -> AbstractContextManager[Place]:
        if url is not None:
            self._say(f"Longshore: a tour through {url}. What is imported stays there.", "bold")
            self._station("The service is there already")
            return running_service(url, signals)
        self._say("Longshore: a tour. Everything runs on this machine, and nothing stays behind.", "bold")
        self._station("The whole service comes up, each part a process of its own")
        return own_stack(self._folder / "data", signals, is_quiet=self._is_quiet)

    def _import_airports(self, place: Place, client: ApiClient) -> None:
        path = self._folder / "airports.ndjson"
        count = demo_records.write_airports(path)
        self._station(f"{count:,} real airports are imported, and a line that somebody broke")
        outcome = self._import(place, client, path, "/airports")
        [rejection] = outcome.rejections
        where = Path(outcome.place(rejection["blockid"], rejection["line"])).name
        self._say("The broken line is rejected, the others are in:")
        self._say(f"{where}  {rejection['code']}: {rejection['reason']}", "yellow")

    def _import_readings(self, place: Place, client: ApiClient) -> None:
        path = self._folder / "readings.ndjson"
        demo_records.write_readings(path)
        self._station(f"{demo_records.READINGS:,} generated documents follow")
        self._import(place, client, path, "/readings")
        first_two = client.get("/readings?page[size]=2")["data"]
        self._say("GET /readings?page[size]=2", "bold")
        for document in first_two:
            self._show(document)

    def _update_one(self, place: Place, client: ApiClient) -> None:
        self._station("An update names what changes and leaves the rest")
        path = self._folder / "visit.ndjson"
        demo_records.write_visit(path, _AIRPORT)
        self._import(place, client, path, "/airports", strategies=["update"])
        self._say(f"GET /airports/{_AIRPORT}", "bold")
        self._show(client.get(f"/airports/{_AIRPORT}"))

    def _run_batch_jobs(self, place: Place) -> None:
        self._station("The same engine behind another API: batch jobs of Liquid Decisions")
        client = BatchClient(place.url, place.service, place.login, place.pause)
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
        place: Place,
        client: ApiClient,
        path: Path,
        collection: str,
        strategies: list[str] | None = None,
    ) -> Outcome:
        job = FileImport(client, is_quiet=self._is_quiet)
        configuration = {"strategy": strategies or ["create", "update"], "collection": collection}
        outcome = job.run([str(path)], configuration, place.pause)
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


def _spell_pids(pids: dict[str, list[int]]) -> str:
    return ", ".join(f"{role} {' '.join(map(str, found))}" for role, found in pids.items())


def _say_goodbye(console: Console, totals: dict[str, int], seconds: float, *, is_kept: bool) -> None:
    rest = "what was imported is kept" if is_kept else "nothing is left running, nothing is kept"
    console.print(f"   All of it in {terminal.spell_seconds(seconds)}; {rest}.")
    console.print("\nTotals of 2, 3 and 4", style="bold")
    for name, count in totals.items():
        if count or name != "deleted":
            console.print(f"   {name:<9}{count:>10,}")
    if not is_kept:
        console.print("\nTo have it stay: make up", style="bold")
