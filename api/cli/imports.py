"""`longshore import`: files or standard input to an import, over the HTTP API alone."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.client import ApiClient
from api.cli.cutting import BLOCK_LIMIT_BYTES, MIB
from api.cli.importing import FileImport, Outcome
from api.cli.options import json_option, running_stack
from api.cli.signals import InterruptSignals, StopRequested
from api.cli.watching import applied, print_counters, run_seconds, spell_lines, spell_rates
from shared.lifecycle import Status

_SHOWN_REJECTIONS = 5
_INTERRUPTED = 130


class Strategies(click.ParamType[list[str]]):
    """`create`, `update`, or both with a comma between."""

    name = "strategy"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The operations in order, without repeats."""
        words = "create,update" if value == "both" else value
        found = list(dict.fromkeys(word.strip() for word in words.split(",")))
        if not set(found) <= {"create", "update"}:
            self.fail(f"{value!r}: expected create, update, or create,update.", param, ctx)
        return found


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--collection", required=True, help="Where the documents go, such as /films.")
@click.option(
    "--strategy", "strategies", type=Strategies(), multiple=True,
    help="create, update or create,update; may be repeated. [default: create,update]",
)  # fmt: skip
@click.option(
    "--ordered/--unordered", default=True, show_default=True,
    help="Apply blocks one by one, or by several workers at once, in any order.",
)  # fmt: skip
@click.option("--watch/--no-watch", default=True, show_default=True, help="Follow the import to its end.")
@click.option("--strict", is_flag=True, help="Rejected lines make the exit status 1.")
@click.option("--parallel", type=click.IntRange(1, 16), default=4, show_default=True, help="Uploads at once.")
@click.option(
    "--block-mib", type=click.IntRange(1, BLOCK_LIMIT_BYTES // MIB), default=8, show_default=True,
    help="Size of the blocks that the input is cut into.",
)  # fmt: skip
@click.option("--url", envvar="LONGSHORE_URL", help="The service's URL. [env: LONGSHORE_URL]")
@click.option("--token", envvar="LONGSHORE_TOKEN", help="A token for it. [env: LONGSHORE_TOKEN]")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the running stack, where no URL is given.",
)  # fmt: skip
@json_option
def import_files(  # noqa: PLR0913 - the command line's own options
    *,
    files: tuple[str, ...],
    collection: str,
    strategies: tuple[list[str], ...],
    ordered: bool,
    watch: bool,
    strict: bool,
    parallel: int,
    block_mib: int,
    url: str | None,
    token: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Import FILES of NDJSON (one JSON document a line; - is standard input) into a collection.

    Lines take effect in the order given, unless you say that it does not matter: with --unordered all free
    workers apply blocks at once. Exit status: 0 when the import is complete, 1 when it failed or was canceled
    (or, with --strict, rejected lines), 130 when interrupted.

    \b
    Examples:
      longshore import films.ndjson --collection /films
      zcat films.ndjson.gz | longshore import - --collection /films --strategy create
      longshore import *.ndjson --collection /films --unordered
      longshore import *.ndjson --collection /films --url https://films.example --token "$TOKEN"
    """
    client = _client(url, token, data_dir)
    wanted = list(dict.fromkeys(word for words in strategies for word in words)) or ["create", "update"]
    configuration = {"strategy": wanted, "collection": collection, "ordered": ordered}
    signals = InterruptSignals()
    job = FileImport(
        client, parallel=parallel, block_bytes=block_mib * MIB, is_quiet=as_json, at_once=signals.at_once
    )
    try:
        with signals:
            outcome = job.run(files, configuration, signals.pause if watch else None)
    except StopRequested:
        terminal.err().print(job.whereabouts())
        return _INTERRUPTED
    finally:
        client.close()
    if as_json:
        told = {"rejections": outcome.rejections, "traceid": client.trace.id}
        terminal.print_json({**outcome.found, **told})
    else:
        _print_outcome(outcome)
    return exit_status(outcome, strict=strict)


def exit_status(outcome: Outcome, *, strict: bool) -> int:
    """0 for success. An import that was only started counts as one."""
    if outcome.found["status"] in (Status.FAILED, Status.CANCELED):
        return 1
    return 1 if strict and outcome.found["rejectedDocuments"] else 0


def _client(url: str | None, token: str | None, data_dir: Path | None) -> ApiClient:
    if url is None or data_dir is not None:
        stack = running_stack(data_dir)
        return ApiClient(stack.url, token if token and data_dir is None else stack.token)
    if token is None:
        raise click.UsageError("A URL needs a token: --token or LONGSHORE_TOKEN.")
    return ApiClient(url, token)


def _print_outcome(outcome: Outcome) -> None:
    found = outcome.found
    console = terminal.out()
    is_good = found["status"] not in (Status.FAILED, Status.CANCELED)
    console.print(
        f"Import {found['importid']} is {found['status']}",
        style="bold green" if is_good else "bold red",
        end="",
    )
    if run_seconds(found):
        console.print(
            f": {spell_lines(applied(found))} in {terminal.spell_seconds(run_seconds(found))}", end=""
        )
        console.print("".join(f" ({rate})" for rate in spell_rates(found)), end="")
    console.print()
    print_counters(console, found)
    _print_rejections(outcome)


def _print_rejections(outcome: Outcome) -> None:
    console = terminal.out()
    for rejection in outcome.rejections[:_SHOWN_REJECTIONS]:
        where = outcome.place(rejection["blockid"], rejection["line"])
        console.print(f"  {where}  ", style="dim", end="")
        console.print(f"{rejection['code']}: {rejection['reason']}")
    more = outcome.found["rejectedDocuments"] - min(len(outcome.rejections), _SHOWN_REJECTIONS)
    if more > 0:
        path = f"/__resources/imports/{outcome.found['importid']}/rejections"
        console.print(f"  … and {more:,} more: GET {path}", style="dim")
