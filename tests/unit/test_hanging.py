"""A test that hangs does not keep the others waiting for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

HANGING = """
from threading import Event

def test_for_ever():
    Event().wait()
"""


def test_a_test_that_hangs_says_where_and_ends(tmp_path: Path, pytestconfig: pytest.Config):
    assert float(pytestconfig.getini("faulthandler_timeout")) > 0
    (tmp_path / "test_hanging.py").write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-c", str(pytestconfig.inipath), f"--rootdir={tmp_path}"]
    command += ["-p", "no:cacheprovider", "-o", "faulthandler_timeout=0.5", str(tmp_path)]

    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert run.returncode != 0
    assert "in test_for_ever" in run.stderr
