"""A `docker` that notes what it was asked for, and gives told answers, for docker/fleet.sh."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

FLEET = Path(__file__).parents[2] / "docker" / "fleet.sh"
# What the surroundings of the tests may have to say of a fleet.
INHERITED = ("PATH", "HOME", "DOCKER_CONFIG")
# What fleet.sh itself reads, of the files beside it.
READ = ("fleet.sh", "settings.sh", "bucket.py")


class Docker:
    """In a folder of its own, with a copy of fleet.sh: what that leaves beside itself is not in the checkout.

    What it has no answer for it does well, and silently.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        self._answers = ""
        self.settings = folder / "settings.env"
        self.beside = folder / "checkout/docker"
        self.beside.mkdir(parents=True)
        for name in READ:
            shutil.copy(FLEET.with_name(name), self.beside)

    def answer(self, pattern: str, shell: str) -> None:
        """What is run where the arguments are of this pattern of `case`; the first one that fits."""
        self._answers += f"{pattern}) {shell} ;;\n"

    def has(self, service: str, *containers: str) -> None:
        """These are there, and healthy."""
        self.answer(f"*compose.service={service}\\ *", f"printf '%s\\n' {' '.join(containers)}")

    def run(
        self,
        *arguments: str,
        program: Sequence[str | Path] = (),
        folder: Path | None = None,
        **told: str,
    ) -> "subprocess.CompletedProcess[str]":
        """What docker/fleet.sh does, called from the folder, with this environment only."""
        self._write()
        given = {name: os.environ[name] for name in INHERITED if name in os.environ}
        given["PATH"] = f"{self._folder}:{given['PATH']}"
        # An image of somebody else's is not built.
        own = {"FLEET_SETTINGS": str(self.settings), "LONGSHORE_IMAGE": "somebody/else:1"}
        return subprocess.run(
            [*(program or (self.beside / "fleet.sh",)), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env=given | own | told,
        )

    def _write(self) -> None:
        notes = f"printf '%s\\n' \"$*\" >>'{self._calls}'"
        answers = f'case "$*" in\n{self._answers}inspect*) echo healthy ;;\nesac'
        self._put("docker", f"{notes}\n{answers}")
        self._put("sleep", "")  # nothing changes meanwhile

    def _put(self, name: str, shell: str) -> None:
        program = self._folder / name
        program.write_text(f"#!/bin/sh\n{shell}\n")
        program.chmod(0o755)

    def calls(self, word: str = "") -> list[str]:
        """Its arguments at each call that has this among them, in order."""
        said = self._calls.read_text() if self._calls.exists() else ""
        return [line for line in said.splitlines() if word in line]
