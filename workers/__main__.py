"""`python -m workers worker|beat`: one process of the fleet, settings from the environment."""

import os
import sys

from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE
from shared.errors import SettingsInvalid
from shared.metrics import gathered
from shared.settings import Settings
from workers.app import create_celery
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
}


def main(arguments: list[str]) -> int:
    """Run until told to stop. Further arguments go to Celery, such as `--concurrency 4`."""
    if not arguments or arguments[0] not in _ARGUMENTS:
        print("usage: python -m workers worker|beat [celery options]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        settings = Settings.read(os.environ)
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    role, *options = arguments
    with gathered(settings), served(settings):
        command = ["--quiet", *_ARGUMENTS[role], "--loglevel", settings.log_level, *options]
        create_celery(settings).start(command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
