import shutil
from pathlib import Path

import pytest

from tests.unit.promtool import Promtool


@pytest.fixture
def promtool(tmp_path: Path) -> Promtool:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip(
            "There is no promtool on PATH: install Prometheus (on Debian: apt-get install prometheus)."
        )
    return Promtool(found, tmp_path)
