"""The bench's own virtual environment: what the service itself has no use for, pinned with digests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements/bench.txt"
FOLDER = ROOT / "build/bench"
_READY = FOLDER / ".ready"
_INSTALL = ("-m", "pip", "install", "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS))


class NotAvailable(Exception):
    """What a group needs cannot be had on this machine."""


def run_module(name: str, *arguments: str) -> str:
    """What a module of this repository prints when the environment's interpreter runs it.

    Raises NotAvailable where there is no such environment, or the module fails in it.
    """
    done = subprocess.run(
        [str(_python()), "-m", name, *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise NotAvailable(f"{name} fails: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _python() -> Path:
    """The interpreter of the environment, which its first caller makes, and the first after other pins."""
    python = FOLDER / "bin/python"
    pins = REQUIREMENTS.read_text()
    if not _READY.exists() or _READY.read_text() != pins:
        _run(sys.executable, "-m", "venv", "--clear", str(FOLDER))
        _run(str(python), *_INSTALL)
        _READY.write_text(pins)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NotAvailable(f"The bench's environment cannot be made ({' '.join(last)}): check the network.")
