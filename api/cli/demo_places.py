"""Where the demo takes place: on a stack of its own, or on a service that runs already."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.cli import demo_batch, terminal
from api.cli.connecting import chosen_service, connected
from api.cli.demo_batch import Login
from api.cli.signals import StopSignals
from api.cli.stack import StackOptions, make_token, running_stack
from api.cli.stack_services import URLS
from api.usecases.collections import add_collection
from api.usecases.services import Service, find_service
from shared.errors import NameTaken
from shared.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the stations of the demo need to know."""

    url: str
    token: str
    service: str
    login: Login
    """A user of the Liquid Decisions API."""
    pids: dict[str, list[int]]
    """The processes that were started for the demo, by role."""
    pause: Callable[[float], None]


@contextmanager
def own_stack(folder: Path, signals: StopSignals, *, is_quiet: bool) -> Iterator[Place]:
    """A whole stack in the folder, which goes down at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in URLS}
    with (
        terminal.Steps(terminal.err(), is_quiet=is_quiet) as steps,
        running_stack(StackOptions(folder=folder), environment, signals, steps.report) as stack,
    ):
        steps.finish()
        found = stack.description
        ground = Ground.open(stack.settings(environment))
        try:
            login = _prepare(ground, find_service(ground, found.service))
        finally:
            ground.close()
        yield Place(
            url=found.url,
            token=found.token,
            service=found.service,
            login=login,
            pids=found.pids,
            pause=stack.pause,
        )


@contextmanager
def running_service(url: str, signals: StopSignals) -> Iterator[Place]:
    """The service at the URL, whose database the environment names; what is made there stays."""
    with connected(None) as ground:
        service = chosen_service(ground, None)
        login = _prepare(ground, service)
        token = make_token(ground, service.name)
    yield Place(url=url, token=token, service=service.name, login=login, pids={}, pause=signals.pause)


def _prepare(ground: Ground, service: Service) -> Login:
    for path in ("/airports", "/readings"):
        with suppress(NameTaken):
            add_collection(ground, service, path)
    return demo_batch.prepare(ground, service)
