"""Structured logs: readable on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from shared.settings import Settings

# Libraries that tell each step they take, beside our own lines about what was done.
_CHATTER = (
    "alembic",
    "authlib",  # tells names of users and clients
    "celery.app.trace",
    "celery.beat",
    "celery.redirected",
    "celery.worker.strategy",
    "flask-limiter",  # the request's own line tells that it was refused
)

# One list, however often it is configured: loggers that have been used hold on to it.
_processors: list[structlog.typing.Processor] = []


def configure(settings: Settings) -> None:
    """Send this process's logs, those of its libraries included, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendered(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _CHATTER:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    _processors[:] = [
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    structlog.configure(
        processors=_processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


@contextmanager
def warnings_only() -> Iterator[None]:
    """While the body runs, only warnings are told, on standard error: what a command prints is its own."""
    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _rendered(settings: Settings) -> list[structlog.typing.Processor]:
    on_terminal = sys.stderr.isatty() if settings.log_format == "auto" else settings.log_format == "console"
    if on_terminal:
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
