"""`longshore services`: data services and their secrets."""

from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import connected
from api.cli.options import data_dir_option, json_option
from api.usecases import services as verbs


@click.group()
def services() -> None:
    """Add and list data services, rotate their secrets."""


@services.command("add")
@click.argument("name")
@data_dir_option
@json_option
def add(*, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Add a data service and print its secret.

    Clients reach it by host name: NAME.<LONGSHORE_BASE_DOMAIN>.

    \b
    Example:
      longshore services add films
    """
    with connected(data_dir) as ground:
        service, secret = verbs.add_service(ground, name)
    _print_secret(service.name, secret, as_json=as_json)


@services.command("list")
@data_dir_option
@json_option
def list_all(*, data_dir: Path | None, as_json: bool) -> None:
    """Print the names of all data services, one a line."""
    with connected(data_dir) as ground:
        names = [service.name for service in verbs.list_services(ground)]
    if as_json:
        terminal.print_json({"services": names})
    else:
        for name in names:
            terminal.out().print(name)


@services.command("rotate-secret")
@click.argument("name")
@click.option("--retire", is_flag=True, help="End the older secrets, and all tokens signed with them, now.")
@data_dir_option
@json_option
def rotate_secret(*, name: str, retire: bool, data_dir: Path | None, as_json: bool) -> None:
    """Give a data service a new secret and print it.

    Older secrets stay good, so that clients can change over, until you rotate with --retire.

    \b
    Examples:
      longshore services rotate-secret films
      longshore services rotate-secret films --retire
    """
    with connected(data_dir) as ground:
        secret = verbs.rotate_secret(ground, name, retire=retire)
    _print_secret(name, secret, as_json=as_json)


def _print_secret(name: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"service": name, "secret": secret})
        return
    terminal.err().print(f"The secret of {name}, shown only now:")
    terminal.out().print(secret)
