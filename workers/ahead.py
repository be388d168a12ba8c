"""Make the next value while the last one is being used."""

from collections.abc import Generator, Iterable
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_END = object()


def ahead(values: Iterable[T]) -> Generator[T, None, None]:
    """The same values, the next one made in a thread meanwhile.

    The parser and the database each keep a core busy then. At most two values wait at a time. An
    exception of `values` rises here, in its place; a consumer that stops early stops the thread.
    """
    waiting: Queue[object] = Queue(maxsize=1)
    stopped = Event()
    thread = Thread(target=_make, args=(values, waiting, stopped), name="ahead", daemon=True)
    thread.start()
    try:
        while (made := waiting.get()) is not _END:
            if isinstance(made, _Raised):
                raise made.exception
            yield made  # type: ignore[misc]
    finally:
        stopped.set()
        _drain(waiting, thread)


class _Raised:
    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


def _make(values: Iterable[object], waiting: "Queue[object]", stopped: Event) -> None:
    try:
        for value in values:
            waiting.put(value)
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
            waiting.get_nowait()
