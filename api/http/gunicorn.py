"""How gunicorn serves the API: `gunicorn -c python:api.http.gunicorn 'api.app:create_app()'`."""

from pathlib import Path

from gunicorn.http.message import Request
from gunicorn.workers.gthread import ThreadWorker

worker_class = "gthread"
threads = 8  # below the pool of ten connections to the database, so that no thread waits for one
timeout = 60
graceful_timeout = 30
keepalive = 75  # longer than load balancers keep theirs, so that they close first
limit_request_line = 8190
accesslog = None  # the application logs each request itself
control_socket_disable = True

# The heartbeat file on a disk that stalls would get healthy workers killed.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

SILENCE_SECONDS = 30.0


def pre_request(worker: ThreadWorker, req: Request) -> None:
    """Give up on a client that sends or takes nothing for so long: it would hold a thread for ever."""
    req.unreader.sock.settimeout(SILENCE_SECONDS)
