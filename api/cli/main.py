"""The `longshore` command's entry: its subcommands, and how failures are told.

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import sys

import click

from api.cli.deferred import Deferred
from shared.errors import LongshoreError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="longshore")
@click.option("--debug", is_flag=True, help="Show where an unexpected error comes from.")
def longshore(*, debug: bool) -> None:
    """Bulk import and export of JSON documents.

    \b
    Begin with:
      longshore demo             # a tour in half a minute; nothing stays behind
      longshore up               # the whole service on this machine
    """


for name, place, summary in (
    ("clients", "clients:clients", "Add and list OAuth clients, grant them communities."),
    ("collections", "collections:collections", "Add, change and list the collections of a data service."),
    ("demo", "demo:demo", "Take a tour of the whole service, which leaves nothing behind."),
    ("doctor", "doctor:doctor", "Look at everything that the service needs, and tell what to do."),
    ("import", "imports:import_files", "Import files of NDJSON into a collection."),
    (
        "maintenance",
        "maintenance:maintenance",
        "Let everything stand still for an upgrade or a repair.",
    ),
    ("migrate", "migrating:migrate", "Bring the database's schema to the version of this release."),
    ("services", "services:services", "Add and list data services, rotate their secrets."),
    ("token", "tokens:token", "Print a token for the HTTP API."),
    ("up", "up:up", "Run the whole service on this machine."),
    ("users", "users:users", "Add and list users, grant them communities."),
):
    longshore.add_command(Deferred(name, f"api.cli.{place}", summary))


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    try:
        return int(longshore.main(arguments, prog_name="longshore", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except LongshoreError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing more can be written, not even at exit.
        sys.stderr.close()
        return 1
    except Exception as error:
        if "--debug" in arguments:
            raise
        click.echo(f"Error: {type(error).__name__}: {error}", err=True)
        click.echo("(longshore --debug … shows where it comes from)", err=True)
        return 1
