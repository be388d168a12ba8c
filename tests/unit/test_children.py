"""What a worker lets its children do."""

from shared.settings import Settings
from workers.app import create_celery


def test_a_child_may_take_a_minute_to_begin():
    """On a busy machine one after the other was killed as it began: each took more than four seconds."""
    settings = Settings(database_url="postgresql://x/x", redis_url="redis://x", storage_url="file:///x")

    assert create_celery(settings).conf.worker_proc_alive_timeout == 60
