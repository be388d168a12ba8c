"""Looking again and again at something beside what is measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

WATCH_SECONDS = 0.02


@contextmanager
def watching(look: Callable[[], None]) -> Iterator[None]:
    """`look` is called in a thread of its own until the body ends."""
    done = Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            look()

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
