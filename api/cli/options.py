"""Options that several commands share, and the way from them to the running stack."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from api.cli.stack_folder import DEFAULT_FOLDER, RunningStack, StackFolder
from api.cli.stack_services import URLS, service_settings
from api.usecases.services import Service, find_service
from shared.ground import Ground
from shared.logs import warnings_only
from shared.settings import Settings

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


@contextmanager
def connected(data_dir: Path | None) -> Iterator[Ground]:
    """The ground of the stack that the option or environment names. Raises StackAbsent, SettingsInvalid."""
    ground = Ground.open(_settings(data_dir))
    try:
        with warnings_only():
            yield ground
    finally:
        ground.close()


def running_stack(data_dir: Path | None) -> RunningStack:
    """The stack that runs on this folder, or on the usual one. Raises StackAbsent."""
    return StackFolder(data_dir or DEFAULT_FOLDER).running()


def chosen_service(ground: Ground, name: str | None) -> Service:
    """The named data service, or the default one. Raises ServiceNotFound."""
    return find_service(ground, name or ground.settings.default_service)


def database_url(data_dir: Path | None) -> str:
    """The database that the option or the environment names. Raises StackAbsent."""
    given = os.environ.get("DATABASE_URL") if data_dir is None else None
    return given or running_stack(data_dir).database_url


def storage_url(data_dir: Path | None) -> str | None:
    """Block storage, where a database is named by the environment and it is not: None. Raises StackAbsent."""
    if data_dir is None and os.environ.get("DATABASE_URL"):
        return os.environ.get("STORAGE_URL") or None
    return running_stack(data_dir).storage_url


def _settings(data_dir: Path | None) -> Settings:
    given = {name: os.environ[name] for name in URLS if os.environ.get(name)}
    if data_dir is None and len(given) == len(URLS):
        return service_settings(os.environ, given)
    stack = running_stack(data_dir)
    urls = {name: getattr(stack, name.lower()) for name in URLS}
    mails_url = os.environ.get("SMTP_URL") or StackFolder(data_dir or DEFAULT_FOLDER).mails_url
    return service_settings(os.environ, {**urls, "SMTP_URL": mails_url})
