"""Prometheus's own tool, which evaluates rules and expressions on series that a test makes up."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Promtool:
    program: str
    folder: Path

    def sees(self, case: dict[str, object]) -> None:
        """That a case in the form of its unit tests holds."""
        path = self.folder / "case.yaml"
        path.write_text(json.dumps(case))
        self("test", "rules", path)

    def __call__(self, *words: str | Path) -> None:
        found = subprocess.run(
            [self.program, *words], text=True, capture_output=True, check=False, timeout=60
        )
        assert found.returncode == 0, found.stdout + found.stderr
