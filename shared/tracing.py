"""Traces by OpenTelemetry: what becomes of a request, from the API to the COMMITs of workers, and when.

Where the environment names no collector, nothing that makes spans is loaded, and each is one look at a
variable. The library's own variables (`OTEL_…`) say where spans go and which ones. None of them tells
contents, paths or tokens.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from threading import Lock
from typing import Literal, Protocol

import structlog

from shared.settings import Settings

Attributes = Mapping[str, str | int | float | bool | None]
Kind = Literal["request", "work", "step"]

_NOTHING: AbstractContextManager[None] = nullcontext()


class Tracing(Protocol):
    """What makes the spans of one process (`shared.opentelemetry`)."""

    def span(
        self, name: str, kind: Kind, parent: str | None, links: Iterable[str], attributes: Attributes
    ) -> AbstractContextManager[None]: ...
    def step(self, name: str, attributes: Attributes) -> AbstractContextManager[None]: ...
    def note(self, attributes: Attributes) -> None: ...
    def fail(self, reason: str) -> None: ...
    def traceparent(self) -> str | None: ...
    def end(self) -> None: ...


class _Process:
    """What this process has begun; a child that is forked off begins anew."""

    def __init__(self) -> None:
        self.tracing: Tracing | None = None
        self.has_begun = False
        self.lock = Lock()


_process = _Process()


def begin(settings: Settings, role: str) -> None:
    """Send this process's spans where the environment says, if anywhere. After the fork; once is enough."""
    if not settings.is_traced or _process.has_begun:
        return
    with _process.lock:
        if not _process.has_begun:
            _process.tracing = _made(role)
            _process.has_begun = True


def end() -> None:
    """Send what is left, if that is soon done."""
    tracing, _process.tracing = _process.tracing, None
    if tracing is not None:
        tracing.end()


def span(
    name: str, *, kind: Kind, parent: str | None, links: Iterable[str] = (), **attributes: str | int | None
) -> AbstractContextManager[None]:
    """The body as a span below `parent`, the `traceparent` (W3C) of whatever process; without one, a root."""
    tracing = _process.tracing
    return _NOTHING if tracing is None else tracing.span(name, kind, parent, links, attributes)


def step(name: str, **attributes: str | int | None) -> AbstractContextManager[None]:
    """The body as a span below the one that is under way in this thread; where there is none, nothing."""
    tracing = _process.tracing
    return _NOTHING if tracing is None else tracing.step(name, attributes)


def note(**attributes: str | float | None) -> None:
    """Say more about the span that is under way in this thread."""
    if (tracing := _process.tracing) is not None:
        tracing.note(attributes)


def fail(reason: str) -> None:
    """Mark the span that is under way in this thread as failed, for a reason in our own words."""
    if (tracing := _process.tracing) is not None:
        tracing.fail(reason)


def traceparent() -> str | None:
    """What puts spans of other processes below the one that is under way; None where there is none."""
    tracing = _process.tracing
    return None if tracing is None else tracing.traceparent()


def why_not_taken() -> str | None:
    """What keeps the collector that the environment names from taking spans; None where nothing does.

    Asks it, for three seconds at most.
    """
    try:
        reason: str | None = import_module("shared.opentelemetry").ask_collector()
    except ValueError as error:
        return str(error)
    return reason


def _made(role: str) -> Tracing | None:
    """Nothing where a variable cannot be used: to work matters more than to tell of it."""
    try:
        made: Tracing = import_module("shared.opentelemetry").OpenTelemetry(role)
    except ValueError as error:
        structlog.get_logger().error("traces_not_sent", reason=str(error))
        return None
    return made
