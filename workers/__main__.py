"""`python -m workers worker|beat`: one process of the fleet, settings from the environment.

`python -m workers flower` shows what workers tell of their nudges, where Flower is installed.
"""

import os
import sys
from importlib.util import find_spec

from celery import Celery

from shared import logs
from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE
from shared.errors import SettingsInvalid
from shared.metrics import gathered
from shared.settings import Settings
from workers.bare import create_bare
from workers.metrics import served

_ARGUMENTS = {
    "worker": [
        "worker",
        "--queues",
        f"{SWEEP_QUEUE},{IMPORTS_QUEUE}",
        "--without-gossip",
        "--without-mingle",
    ],
    "beat": ["beat"],
    "flower": ["flower"],
}


def main(arguments: list[str]) -> int:
    """Run until told to stop. Further arguments go to Celery, such as `--concurrency 4`."""
    try:
        _check(arguments)
        settings = Settings.read(os.environ)
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    role, *options = arguments
    with gathered(settings), served(settings):
        command = ["--quiet", *_ARGUMENTS[role], "--loglevel", settings.log_level, *options]
        _application(role, settings).start(command)
    return 0


def _application(role: str, settings: Settings) -> Celery:
    if role != "worker":
        return create_bare(settings)
    # Nobody else has a use for the engine, which takes 40 MB and more than half of the time to start.
    from workers.app import create_celery  # noqa: PLC0415
    from workers.migrated import wait_until_migrated  # noqa: PLC0415

    logs.configure(settings)
    wait_until_migrated(settings)
    return create_celery(settings)


def _check(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in _ARGUMENTS:
        raise SettingsInvalid("usage: python -m workers worker|beat|flower [celery options]")
    if arguments[0] == "flower" and find_spec("flower") is None:
        raise SettingsInvalid("Flower is not here: install it beside Longshore, with pip install flower.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
