"""`longshore collections`: where documents can go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
import msgspec

from api.cli import terminal
from api.cli.connecting import chosen_service, connected
from api.cli.options import data_dir_option, json_option, service_option
from api.usecases import collections as verbs
from api.usecases.collections import ItemField, SchemaRefused
from shared.formats.items import CATEGORIES, DOCUMENTID, ENTITY

Command = TypeVar("Command", bound=Callable[..., Any])


def _key_option(told: str = "") -> Callable[[Command], Command]:
    help_text = f"The property of its items that is the document's id. {told}".strip()
    return click.option("--key", help=help_text)


def _category_option(default: str | None = None) -> Callable[[Command], Command]:
    return click.option(
        "--category",
        type=click.Choice(CATEGORIES),
        default=default,
        help="What the headers of its items tell.",
        show_default=True,
    )


_schema_option = click.option(
    "--schema",
    "schema_file",
    type=click.File("rb"),
    help='A JSON file with its items\' fields in order: [{"name": "accountId", "type": "string"}, ...].',
)


@click.group()
def collections() -> None:
    """Add, change and list the collections of a data service."""


@collections.command("add")
@click.argument("path")
@_key_option("[default: documentid]")
@_category_option(ENTITY)
@_schema_option
@service_option
@data_dir_option
@json_option
def add(
    *,
    path: str,
    key: str | None,
    category: str,
    schema_file: BinaryIO | None,
    service_name: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Add a collection, or a subcollection of a document.

    \b
    Examples:
      longshore collections add /films
      longshore collections add /films/42/reviews --service cinema
      longshore collections add /Account --key accountId --schema account.json
    """
    fields = _fields(schema_file)
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        verbs.add_collection(ground, service, path, key=key, fields=fields, category=category)
        lookalikes = verbs.lookalikes_of(ground, service, path)
    if lookalikes:
        others = ", ".join(lookalikes)
        terminal.err().print(
            f"Warning: in SQL only its exact name in double quotes tells {path} from {others}."
        )
    if as_json:
        own_key = {} if key is None else {"key": key}
        terminal.print_json({"service": service.name, "collection": path, **own_key})
    else:
        terminal.out().print(f"Added {path} to {service.name}.")


@collections.command("change")
@click.argument("path")
@_key_option()
@_category_option()
@_schema_option
@service_option
@data_dir_option
@json_option
def change(
    *,
    path: str,
    key: str | None,
    category: str | None,
    schema_file: BinaryIO | None,
    service_name: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Change what is known of a collection's items. What is not given stays.

    A schema replaces the one there is; documents are not looked at. The key stays once there are any. Jobs
    go on with what they began with.

    \b
    Examples:
      longshore collections change /Account --schema account.json
      longshore collections change /Cart --category work
    """
    if key is None and category is None and schema_file is None:
        raise click.UsageError("There is nothing to change: give --key, --category or --schema.")
    fields = _fields(schema_file)
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        verbs.change_collection(ground, service, path, key=key, fields=fields, category=category)
    if as_json:
        terminal.print_json({"service": service.name, "collection": path})
    else:
        terminal.out().print(f"Changed {path} of {service.name}.")


@collections.command("list")
@service_option
@data_dir_option
@json_option
def list_all(*, service_name: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Print the collections of a data service, one a line, each with its key where it has its own."""
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        found = verbs.list_keys(ground, service)
    keys = {collection.path: collection.key for collection in found if collection.key != DOCUMENTID}
    if as_json:
        paths = [collection.path for collection in found]
        terminal.print_json(
            {"service": service.name, "collections": paths, **({"keys": keys} if keys else {})}
        )
        return
    for collection in found:
        own_key = f" (key: {collection.key})" if collection.path in keys else ""
        terminal.out().print(collection.path + own_key)


def _fields(schema_file: BinaryIO | None) -> list[ItemField] | None:
    """The fields that a schema file lists. Raises SchemaRefused."""
    if schema_file is None:
        return None
    try:
        return msgspec.json.decode(schema_file.read(), type=list[ItemField])
    except msgspec.DecodeError as error:
        raise SchemaRefused(
            f'The schema cannot be read: {error}. Expected [{{"name": "...", "type": "..."}}, ...].'
        ) from error
