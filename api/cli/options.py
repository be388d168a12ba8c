"""Options that several commands share, and the stack that they mean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from api.cli.stack_folder import DEFAULT_FOLDER, RunningStack, StackFolder

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir_option(command: Command) -> Command:
    """`--data-dir`: None where it was not given."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"The folder of the running stack. Without it: DATABASE_URL, REDIS_URL and STORAGE_URL from"
        f" the environment, and where these are not set, ./{DEFAULT_FOLDER}.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`: passed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead, on one line.")(command)


def service_option(command: Command) -> Command:
    """`--service`: None for the stack's default one."""
    return click.option("--service", "service_name", help="The data service. [default: the stack's]")(command)


def running_stack(data_dir: Path | None) -> RunningStack:
    """The stack that runs on this folder, or on the usual one. Raises StackAbsent."""
    return StackFolder(data_dir or DEFAULT_FOLDER).running()
