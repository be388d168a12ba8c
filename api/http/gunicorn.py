"""How gunicorn serves the API: `gunicorn -c python:api.http.gunicorn 'api.app:create_app()'`."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from gunicorn.arbiter import Arbiter

from api.http.patience import PatientWorker
from api.http.stopping import STOPPING
from shared import tracing
from shared.errors import SettingsInvalid
from shared.metrics import begin_in_child, gathered
from shared.settings import Settings

_gathering = ExitStack()

worker_class = PatientWorker
# An upload that stalls holds a thread until it is given up, and a connection to the database for moments:
# threads are many, so that a few such clients do not keep everybody else waiting.
threads = 64
timeout = 60
graceful_timeout = 30
keepalive = 75  # longer than load balancers keep theirs, so that they close first
limit_request_line = 8190
# Names of headers that would set parts of the request from outside, such as SCRIPT_NAME. Nobody needs them.
forwarder_headers = ""
# Nor is anybody asked which scheme it was: links and headers are made by the settings.
forwarded_allow_ips = ""
accesslog = None  # the application logs each request itself
control_socket_disable = True

# The heartbeat file on a disk that stalls would get healthy workers killed.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def on_starting(server: Arbiter) -> None:
    """Refuse settings that cannot be used once and by name, before any worker does with a stack trace."""
    try:
        settings = Settings.read(os.environ)
    except SettingsInvalid as error:
        server.log.error("%s", error)  # noqa: TRY400 - no stack trace for a wrong setting
        sys.exit(2)
    _gathering.enter_context(gathered(settings))


def post_fork(_server: Arbiter, _worker: object) -> None:
    """Have somewhere to count."""
    begin_in_child()


def worker_exit(_server: Arbiter, _worker: object) -> None:
    """Send the last spans."""
    tracing.end()


def on_exit(_: Arbiter) -> None:
    """Forget what was counted."""
    _gathering.close()


def when_ready(server: Arbiter) -> None:
    """Let load balancers look elsewhere before SIGTERM stops anything."""
    seconds = Settings.read(os.environ).drain_seconds
    server.handle_term = STOPPING.instead_of(server.handle_term, seconds)
