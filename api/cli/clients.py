"""`longshore clients`: programs that ask for tokens of the Liquid Decisions API."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import connected
from api.cli.grants import granted_option, print_granted
from api.cli.options import data_dir_option, json_option
from api.cli.secrets import secret_option
from api.usecases import accounts


@click.group()
def clients() -> None:
    """Add and list OAuth clients of the Liquid Decisions API, grant them communities.

    A community is a data service.
    """


@clients.command("add")
@click.argument("client_id", metavar="ID")
@secret_option("--secret", f"The client's secret, of {accounts.MIN_SECRET_CHARACTERS} characters or more")
@click.option(
    "--community",
    "communities",
    multiple=True,
    help="A data service that the client may reach without a user. May be repeated.",
)
@data_dir_option
@json_option
def add(
    *, client_id: str, secret: str, communities: tuple[str, ...], data_dir: Path | None, as_json: bool
) -> None:
    """Add a client.

    Users log in through it with their own communities; for itself it has those given here.

    \b
    Examples:
      longshore clients add LiquidDecisions
      longshore clients add nightly --secret 'of eight or more' --community films
    """
    with connected(data_dir) as ground:
        client = accounts.add_client(ground, client_id, secret, communities)
    if as_json:
        terminal.print_json({"client": client.id, "communities": list(communities)})
    else:
        terminal.out().print(f"Added {client.id}.")


@clients.command("grant")
@click.argument("client_id", metavar="ID")
@granted_option
@data_dir_option
@json_option
def grant(*, client_id: str, communities: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Let a client reach more communities without a user.

    \b
    Example:
      longshore clients grant nightly --community cinema
    """
    with connected(data_dir) as ground:
        accounts.grant_client(ground, client_id, communities)
    print_granted("client", client_id, communities, as_json=as_json)


@clients.command("list")
@data_dir_option
@json_option
def list_all(*, data_dir: Path | None, as_json: bool) -> None:
    """Print all clients, one a line, each with the communities it may reach without a user."""
    with connected(data_dir) as ground:
        found = accounts.list_clients(ground)
    if as_json:
        listed = [{"client": client.name, "communities": list(client.communities)} for client in found]
        terminal.print_json({"clients": listed})
    else:
        for client in found:
            terminal.out().print("  ".join([client.name, *client.communities]))
