"""Secrets on the command line: as an option for scripts, else asked for twice and not shown."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def secret_option(flag: str, what: str) -> Callable[[Command], Command]:
    """The option `flag`, whose value is asked for on the terminal where it is not given."""

    def ask(ctx: click.Context, param: click.Parameter, given: str | None) -> str:
        if given is not None or ctx.resilient_parsing:
            return given or ""
        # On standard error, because standard output is for what a script reads.
        asked: str = click.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
        return asked

    help_text = f"{what}. Asked for when it is not given; other users of this machine can see the option."
    return click.option(flag, callback=ask, help=help_text)
