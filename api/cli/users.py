"""`longshore users`: who may log in to the Liquid Decisions API."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import connected
from api.cli.grants import granted_option, print_granted
from api.cli.options import data_dir_option, json_option
from api.cli.secrets import secret_option
from api.usecases import accounts


@click.group()
def users() -> None:
    """Add and list users of the Liquid Decisions API, grant them communities.

    A community is a data service.
    """


@users.command("add")
@click.argument("email")
@secret_option("--password", f"The user's password, of {accounts.MIN_SECRET_CHARACTERS} characters or more")
@click.option("--community", "communities", multiple=True, help="A data service to grant. May be repeated.")
@data_dir_option
@json_option
def add(
    *, email: str, password: str, communities: tuple[str, ...], data_dir: Path | None, as_json: bool
) -> None:
    """Add a user.

    \b
    Examples:
      longshore users add ann@example.org --community films
      longshore users add bob@example.org --password 'of eight or more' --community films --community cinema
    """
    with connected(data_dir) as ground:
        user = accounts.add_user(ground, email, password, communities)
    if as_json:
        terminal.print_json({"user": user.email, "communities": list(communities)})
    else:
        terminal.out().print(f"Added {user.email}.")


@users.command("grant")
@click.argument("email")
@granted_option
@data_dir_option
@json_option
def grant(*, email: str, communities: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Let a user reach more communities.

    \b
    Example:
      longshore users grant ann@example.org --community cinema
    """
    with connected(data_dir) as ground:
        accounts.grant_user(ground, email, communities)
    print_granted("user", accounts.spell_email(email), communities, as_json=as_json)


@users.command("list")
@data_dir_option
@json_option
def list_all(*, data_dir: Path | None, as_json: bool) -> None:
    """Print all users, one a line, each with the communities granted."""
    with connected(data_dir) as ground:
        found = accounts.list_users(ground)
    if as_json:
        listed = [{"user": user.name, "communities": list(user.communities)} for user in found]
        terminal.print_json({"users": listed})
    else:
        for user in found:
            terminal.out().print("  ".join([user.name, *user.communities]))
