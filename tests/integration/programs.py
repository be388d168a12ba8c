"""A worker or beat as it is deployed: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import psutil


@contextmanager
def program(
    role: str,
    environment: Mapping[str, str],
    *options: str,
    log: IO[bytes] | int = subprocess.DEVNULL,
    module: str = "workers",
) -> Iterator[psutil.Process]:
    """It runs while the body does."""
    command = [sys.executable, "-m", module, role, *options]
    command += ["--pidfile="] if role == "beat" else []
    with subprocess.Popen(command, env=os.environ | environment, stderr=log) as running:
        try:
            yield psutil.Process(running.pid)
        finally:
            running.terminate()
