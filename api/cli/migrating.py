"""`longshore migrate`: brings the database's schema to this release."""

import os
from functools import partial
from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import database_url, storage_url
from api.cli.options import data_dir_option, json_option
from api.usecases.volumes import mark_storage
from shared.db import migrate as migrations
from shared.db.database import Database
from shared.db.queries.reader import reader_of
from shared.db.queries.refusals import ReaderRefused
from shared.db.volumes import id_of_volume, is_marked
from shared.storage.access import BucketAccess
from shared.storage.opening import open_storage

UNMARKED = (
    "The volume of blocks is not marked yet, and nothing can be stored before it is: "
    "run this once with STORAGE_URL, where the volume is mounted."
)


@click.command()
@data_dir_option
@json_option
def migrate(*, data_dir: Path | None, as_json: bool) -> None:
    """Bring the database's schema to the version of this release.

    With STORAGE_URL it also marks the volume of blocks, the first time: by this mark it is told from the bare
    folder that it is mounted on. Run it before the new release starts; the one before goes on working.
    Safe to run again, and from several machines at once: one migrates, the others wait for it.

    \b
    Example:
      DATABASE_URL=postgresql://longshore@db/longshore STORAGE_URL=file:///mnt/blocks longshore migrate
    """
    url = database_url(data_dir)
    database = Database(url, pool_size=2)
    try:
        version = migrations.migrate(database, report=terminal.err().print)
        refusal = _prepare_reader(database, url)
        has_mark = _mark_storage(database, storage_url(data_dir))
    finally:
        database.close()
    if as_json:
        terminal.print_json({"version": version, "reader": refusal or "ready", "marked": has_mark})
    else:
        terminal.out().print(f"The schema is at version {version}.")
        if refusal:
            terminal.err().print(f"Exports take no sqlQuery: {refusal}")
    if not has_mark:
        terminal.err().print(UNMARKED)


def _mark_storage(database: Database, url: str | None) -> bool:
    """Whether the volume of blocks has been marked. Raises StorageFault."""
    if url is not None:
        access = BucketAccess.read(os.environ)
        mark_storage(database, open_storage(url, partial(id_of_volume, database), access))
    with database.begin() as session:
        return is_marked(session)


def _prepare_reader(database: Database, url: str) -> str | None:
    """Why clients' queries cannot be run; None where they can."""
    try:
        migrations.prepare_reader(database, reader_of(url, os.environ.get("LONGSHORE_READER_URL")))
    except ReaderRefused as refusal:
        return str(refusal)
    return None
