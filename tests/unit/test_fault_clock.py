"""The clock of the fault rounds: what it sets is the wall clock, and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.clock import Clock, a_clock

SHOW = "import time; time.sleep(0.01); print(time.time(), time.monotonic())"


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    made = a_clock(tmp_path)
    if made is None:
        pytest.skip("there is no C compiler")
    return made


@pytest.mark.parametrize("seconds", [0, 3600, -3600])
def test_it_sets_the_wall_clock_only(clock: Clock, seconds: int):
    clock.set(seconds)
    environment = os.environ | clock.environment

    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, check=True)

    wall, monotonic = map(float, shown.stdout.split())
    assert wall == pytest.approx(time.time() + seconds, abs=60)
    assert monotonic == pytest.approx(time.monotonic(), abs=60)
