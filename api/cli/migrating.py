"""`longshore migrate`: brings the database's schema to this release."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.options import data_dir_option, database_url, json_option
from shared.db import migrate as migrations
from shared.db.database import Database


@click.command()
@data_dir_option
@json_option
def migrate(*, data_dir: Path | None, as_json: bool) -> None:
    """Bring the database's schema to the version of this release.

    Safe to run again, from several machines at once, and before or after the new release starts.

    \b
    Example:
      DATABASE_URL=postgresql://longshore@db/longshore longshore migrate
    """
    database = Database(database_url(data_dir), pool_size=1)
    try:
        version = migrations.migrate(database)
    finally:
        database.close()
    if as_json:
        terminal.print_json({"version": version})
    else:
        terminal.out().print(f"The schema is at version {version}.")
