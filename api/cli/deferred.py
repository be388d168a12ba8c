"""Commands that are loaded when they are called.

A client's command needs neither a database nor a task runner, and loading their libraries takes longer than
most of what it does.
"""

from importlib import import_module
from typing import Any

import click


class Deferred(click.Command):
    """A command as its group lists it, standing for the one at `place`: `module:name`."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, name = self._place.partition(":")
        loaded: click.Command = getattr(import_module(module), name)
        return loaded

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own
    ) -> click.Context:
        """Where click turns from the list to one command: the context, and all that follows, is its own."""
        return self.load().make_context(info_name, args, parent, **extra)
