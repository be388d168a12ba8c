"""The README's commands do what it says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
MAKE = sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)))


def tour(stack: dict[str, Any]) -> str:
    """The tour's commands as one script against the stack of this session."""
    script = "\n".join(block for block in SHELL if "make " not in block)
    script = script.replace("URL=http://127.0.0.1:8080", f"URL={stack['url']}")
    return "shopt -s expand_aliases\nset -eu\n" + script


def test_the_tour_runs_as_printed(stack: dict[str, Any], stack_folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / ".longshore").symlink_to(stack_folder)

    done = subprocess.run(
        ["bash", "-c", tour(stack)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert "invalid-params" not in done.stdout, "a request was refused"
    assert re.search(r'"importid":\d+,.*"status":"(started|running|complete)"', done.stdout)
    assert '"documentid":"1"' in done.stdout
    assert done.stdout.count("Accepted") == 2, "both batch jobs were taken"


@pytest.mark.parametrize("target", MAKE)
def test_each_make_target_named_exists(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert planned.returncode == 0, planned.stderr
