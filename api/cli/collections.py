"""`longshore collections`: where documents can go."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.options import chosen_service, connected, data_dir_option, json_option, service_option
from api.usecases import collections as verbs


@click.group()
def collections() -> None:
    """Add and list the collections of a data service."""


@collections.command("add")
@click.argument("path")
@service_option
@data_dir_option
@json_option
def add(*, path: str, service_name: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Add a collection, or a subcollection of a document.

    \b
    Examples:
      longshore collections add /films
      longshore collections add /films/42/reviews --service cinema
    """
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        verbs.add_collection(ground, service, path)
    if as_json:
        terminal.print_json({"service": service.name, "collection": path})
    else:
        terminal.out().print(f"Added {path} to {service.name}.")


@collections.command("list")
@service_option
@data_dir_option
@json_option
def list_all(*, service_name: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Print the collections of a data service, one a line."""
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        paths = verbs.list_collections(ground, service)
    if as_json:
        terminal.print_json({"service": service.name, "collections": paths})
    else:
        for path in paths:
            terminal.out().print(path)
