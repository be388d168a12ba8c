"""Make the next value while the last one is being used."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


@contextmanager
def ahead(values: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same values, the next one made in a thread meanwhile, which starts at once.

    The parser and the database each keep a core busy then. One value waits at a time, since they are large.
    An exception of `values` rises in its place; the thread ends with the body.
    """
    waiting: Queue[object] = Queue(maxsize=1)
    stopped = Event()
    thread = Thread(target=_make, args=(values, waiting, stopped), name="ahead", daemon=True)
    thread.start()
    try:
        yield _until_end(waiting)
    finally:
        stopped.set()
        _drain(waiting, thread)


def _until_end(waiting: "Queue[object]") -> Iterator[Any]:
    while (made := _taken(waiting)) is not _END:
        if isinstance(made, _Raised):
            raise made.exception
        yield made


def _taken(waiting: "Queue[object]") -> object:
    taken = waiting.get()
    waiting.task_done()
    return taken


class _Raised:
    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


def _make(values: Iterable[object], waiting: "Queue[object]", stopped: Event) -> None:
    try:
        for value in values:
            waiting.put(value)
            waiting.join()
            if stopped.is_set():
                return
    except BaseException as exception:  # noqa: BLE001 - carried to the consumer's thread, all of it
        waiting.put(_Raised(exception))
    waiting.put(_END)


def _drain(waiting: "Queue[object]", thread: Thread) -> None:
    while thread.is_alive() or not waiting.empty():
        if waiting.empty():
            thread.join(0.01)
        else:
            _taken(waiting)
