"""What a process loads before it works: nothing of what others need, which costs each start its time."""

import subprocess
import sys

import pytest

SERVER = {"alembic", "celery", "flask", "pglast", "redis", "sqlalchemy"}
LIST = "import sys; {}; print(*(name for name in sys.modules if '.' not in name))"
COMMAND = "from api.cli.main import run; run({!r})"


def loaded(program: str) -> set[str]:
    """The packages that a process has loaded which ran this."""
    done = subprocess.run(
        [sys.executable, "-c", LIST.format(program)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["improt"], ["import", "--help"]], ids=" ".join)
def test_a_client_loads_nothing_of_the_server(words: list[str]):
    assert not loaded(COMMAND.format(words)) & SERVER


def test_an_api_loads_nothing_that_migrates():
    assert "alembic" not in loaded("import api.app")


def test_beat_loads_no_engine():
    assert not loaded("import workers.__main__") & {"sqlalchemy", "pglast", "jinja2"}


def test_a_worker_loads_nothing_that_few_jobs_need():
    assert not loaded("import workers.app") & {"pglast", "obstore"}
