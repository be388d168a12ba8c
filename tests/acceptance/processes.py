"""The stack's processes: held still for a while, killed, and how much memory they took."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

MIB = 1024 * 1024


def families(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes and all that they started."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found


def pool_children(pids: Iterable[int]) -> list[int]:
    """What the processes started: those that do the work."""
    return [child.pid for pid in pids for child in psutil.Process(pid).children()]


def kill(pids: Iterable[int]) -> None:
    """Let the processes and all that they started die at once."""
    for process in families(pids):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def held(pids: Iterable[int]) -> Iterator[None]:
    """While the body runs, the processes and all that they started stand still."""
    processes = families(pids)
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)


def forget_peaks(pids: Iterable[int]) -> None:
    """Let the peaks of memory be those from now on."""
    for process in families(pids):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak_mib(pids: Iterable[int]) -> float:
    """The most memory that one of the processes, or of those that they started, had resident."""
    return max(_peak_kib(process.pid) for process in families(pids)) / 1024


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak)
