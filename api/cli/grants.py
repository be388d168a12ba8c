"""Granting communities on the command line, to users and to clients alike."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from api.cli import terminal

Command = TypeVar("Command", bound=Callable[..., Any])


def granted_option(command: Command) -> Command:
    """`--community`, at least once: passed on as `communities`."""
    return click.option(
        "--community", "communities", multiple=True, required=True, help="A data service. May be repeated."
    )(command)


def print_granted(kind: str, name: str, communities: Sequence[str], *, as_json: bool) -> None:
    """Tell what was granted to the account of this kind and name."""
    if as_json:
        terminal.print_json({kind: name, "granted": list(communities)})
    else:
        terminal.out().print(f"Granted {', '.join(communities)} to {name}.")
