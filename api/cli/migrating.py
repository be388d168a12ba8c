"""`longshore migrate`: brings the database's schema to this release."""

import os
from pathlib import Path

import click

from api.cli import terminal
from api.cli.options import data_dir_option, database_url, json_option
from shared.db import migrate as migrations
from shared.db.database import Database
from shared.db.queries.reader import reader_of
from shared.db.queries.refusals import ReaderRefused


@click.command()
@data_dir_option
@json_option
def migrate(*, data_dir: Path | None, as_json: bool) -> None:
    """Bring the database's schema to the version of this release.

    Run it before the new release starts; the one before goes on working meanwhile and afterwards. Safe to run
    again, and from several machines at once: one migrates, the others wait for it.

    \b
    Example:
      DATABASE_URL=postgresql://longshore@db/longshore longshore migrate
    """
    url = database_url(data_dir)
    database = Database(url, pool_size=2)
    try:
        version = migrations.migrate(database, report=terminal.err().print)
        refusal = _prepare_reader(database, url)
    finally:
        database.close()
    if as_json:
        terminal.print_json({"version": version, "reader": refusal or "ready"})
    else:
        terminal.out().print(f"The schema is at version {version}.")
        if refusal:
            terminal.err().print(f"Exports take no sqlQuery: {refusal}")


def _prepare_reader(database: Database, url: str) -> str | None:
    """Why clients' queries cannot be run; None where they can."""
    try:
        migrations.prepare_reader(database, reader_of(url, os.environ.get("LONGSHORE_READER_URL")))
    except ReaderRefused as refusal:
        return str(refusal)
    return None
