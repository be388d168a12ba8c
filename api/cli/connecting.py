"""The way from a command's options and the environment to the database and the other services themselves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.cli.options import running_stack
from api.cli.stack_folder import DEFAULT_FOLDER, StackFolder
from api.cli.stack_services import URLS, service_settings
from api.usecases.services import Service, find_service
from shared.ground import Ground
from shared.logs import warnings_only
from shared.settings import Settings


@contextmanager
def connected(data_dir: Path | None) -> Iterator[Ground]:
    """The ground of the stack that the option or environment names. Raises StackAbsent, SettingsInvalid."""
    ground = Ground.open(_settings(data_dir))
    try:
        with warnings_only():
            yield ground
    finally:
        ground.close()


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
