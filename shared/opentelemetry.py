"""The spans of one process, made by OpenTelemetry and sent over OTLP by a thread of its own.

Loaded by `shared.tracing` only, where somebody wants to see them: it takes a fifth of a second or more.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from threading import Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.tracing import Attributes, Kind

# A process that stops waits so long for a collector, and no longer: what it was at has been given back.
_LAST_SECONDS = 0.5
_ANSWER_SECONDS = 3

_KINDS = {"request": SpanKind.SERVER, "work": SpanKind.CONSUMER, "step": SpanKind.INTERNAL}
_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Implements `shared.tracing.Tracing`. Its sampler, queue and exporter read their own variables."""

    def __init__(self, role: str) -> None:
        self._provider = TracerProvider(resource=_resource(role), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("longshore")

    @contextmanager
    def span(
        self, name: str, kind: Kind, parent: str | None, links: Iterable[str], attributes: Attributes
    ) -> Iterator[None]:
        """Of an exception that ends it only the name is told: messages may repeat what clients sent."""
        with self._tracer.start_as_current_span(
            name,
            context=_context(parent) if kind != "step" else None,
            kind=_KINDS[kind],
            attributes=_told(attributes),
            links=[Link(_span_context(link)) for link in links],
            record_exception=False,
            set_status_on_exception=False,
        ):
            try:
                yield
            except BaseException as error:
                self.fail(type(error).__name__)
                raise

    def step(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        if not trace.get_current_span().is_recording():
            return nullcontext()
        return self.span(name, "step", None, (), attributes)

    def note(self, attributes: Attributes) -> None:
        trace.get_current_span().set_attributes(_told(attributes))

    def fail(self, reason: str) -> None:
        trace.get_current_span().set_status(Status(StatusCode.ERROR, reason))

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(_HEADER)

    def end(self) -> None:
        last = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(_LAST_SECONDS)


def ask_collector() -> str | None:
    """Send no spans, as those of this process would go; why they were not taken, None where they were.

    Takes three seconds at most. Raises ValueError for variables that cannot be used.
    """
    exporter = OTLPSpanExporter(timeout=_ANSWER_SECONDS)
    processor = BatchSpanProcessor(exporter)
    try:
        with _told_by(OTLPSpanExporter.__module__) as messages:
            is_taken = exporter.export([]) is SpanExportResult.SUCCESS
    finally:
        processor.shutdown()  # type: ignore[no-untyped-call]
    return None if is_taken else next(iter(messages), "It did not answer.")


@contextmanager
def _told_by(logger_name: str) -> Iterator[list[str]]:
    """What is logged there meanwhile, instead of in the log: the exporter gives reasons nowhere else."""
    messages: list[str] = []
    logger = logging.getLogger(logger_name)

    def keep(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    logger.addFilter(keep)
    try:
        yield messages
    finally:
        logger.removeFilter(keep)


def _context(traceparent: str | None) -> Context:
    """Never the one that is under way. What is no `traceparent` begins a trace of its own."""
    return _propagator.extract({_HEADER: traceparent} if traceparent else {}, context=Context())


def _span_context(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_context(traceparent)).get_span_context()


def _told(attributes: Attributes) -> dict[str, str | int | float | bool]:
    """Names that OpenTelemetry gives have a dot."""
    named = {name if "." in name else f"longshore.{name}": value for name, value in attributes.items()}
    return {name: value for name, value in named.items() if value is not None}


def _resource(role: str) -> Resource:
    """What the variables say of the process, and our own name where they give none."""
    own = {SERVICE_NAME: f"longshore-{role}", SERVICE_VERSION: version("longshore")}
    found = Resource.create()
    is_named = not str(found.attributes[SERVICE_NAME]).startswith("unknown_service")
    return Resource(own).merge(found) if is_named else found.merge(Resource(own))
