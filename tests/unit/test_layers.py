"""The floors of the house, as pyproject.toml draws them, are kept by every import."""

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]


def test_every_import_stays_on_its_floor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))

    exit_status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)

    assert exit_status == 0, capsys.readouterr().out
