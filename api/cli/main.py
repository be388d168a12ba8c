"""The `longshore` command's entry: its subcommands, and how failures are told.

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

import sys

import click

from api.cli import terminal
from api.cli.clients import clients
from api.cli.collections import collections
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.imports import import_files
from api.cli.maintenance import maintenance
from api.cli.migrating import migrate
from api.cli.services import services
from api.cli.tokens import token
from api.cli.up import up
from api.cli.users import users
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


for command in (
    up,
    demo,
    import_files,
    token,
    services,
    collections,
    users,
    clients,
    migrate,
    maintenance,
    doctor,
):
    longshore.add_command(command)


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
        terminal.err().print("Interrupted.")
        return INTERRUPTED
    except LongshoreError as error:
        terminal.err().print(f"Error: {error}")
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing more can be written, not even at exit.
        sys.stderr.close()
        return 1
    except Exception as error:
        if "--debug" in arguments:
            raise
        terminal.err().print(
            f"Error: {type(error).__name__}: {error}\n(longshore --debug … shows where it comes from)"
        )
        return 1
