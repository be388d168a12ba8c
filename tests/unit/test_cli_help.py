"""Each command tells what it is for and what it takes."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from api.cli.deferred import Deferred
from api.cli.main import longshore


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups included."""
    yield path
    for name, listed in group.commands.items():
        command = listed.load() if isinstance(listed, Deferred) else listed
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", list(commands(longshore)), ids=lambda words: " ".join(words) or "alone")
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(longshore, [*words, "--help"], prog_name="longshore")

    assert told.exit_code == 0
    first, _, rest = told.output.partition("\n")
    assert first.startswith(" ".join(["Usage: longshore", *words]))
    sentence = rest.strip().partition("\n")[0]
    assert sentence[:1].isupper()
    assert not sentence.startswith("Options:"), "it says what it is for"
