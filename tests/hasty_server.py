"""The server's configuration with clients waited for a moment only, so that tests need not wait longer."""

from api.http.gunicorn import *  # noqa: F403
from api.http.patience import PatientSocket, PatientWorker


class HastySocket(PatientSocket):
    silence_seconds = window_seconds = refused_seconds = 0.5


class HastyWorker(PatientWorker):
    socket_class = HastySocket


worker_class = HastyWorker
