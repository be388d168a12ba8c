"""`longshore collections`: where documents can go."""

from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from api.cli import terminal
from api.cli.options import chosen_service, connected, data_dir_option, json_option, service_option
from api.usecases import collections as verbs
from api.usecases.collections import ItemField, SchemaRefused
from shared.formats.items import CATEGORIES, DOCUMENTID, ENTITY


@click.group()
def collections() -> None:
    """Add and list the collections of a data service."""


@collections.command("add")
@click.argument("path")
@click.option("--key", help="The property of its items that is the document's id. [default: documentid]")
@click.option(
    "--category",
    type=click.Choice(CATEGORIES),
    default=ENTITY,
    help="What the headers of its items tell.",
    show_default=True,
)
@click.option(
    "--schema",
    "schema_file",
    type=click.File("rb"),
    help='A JSON file with its items\' fields in order: [{"name": "accountId", "type": "string"}, ...].',
)
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
    fields = None if schema_file is None else _fields(schema_file.read())
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


def _fields(content: bytes) -> list[ItemField]:
    """The fields that a schema file lists. Raises SchemaRefused."""
    try:
        return msgspec.json.decode(content, type=list[ItemField])
    except msgspec.DecodeError as error:
        raise SchemaRefused(
            f'The schema cannot be read: {error}. Expected [{{"name": "...", "type": "..."}}, ...].'
        ) from error
