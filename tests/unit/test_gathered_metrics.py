"""What several processes counted, read while they go on, come and go."""

from pathlib import Path

import pytest

from shared.metrics import exposed


def test_a_process_that_has_counted_nothing_yet_keeps_nobody_from_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its file is there and empty: whoever asked at that moment got no answer."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / "counter_1.db").touch()

    assert exposed() == b""
